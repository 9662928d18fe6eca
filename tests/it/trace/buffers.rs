//! What a trace shows of the kernel: unread bytes if they are asked for, system calls and descriptors if explained.

use super::{finish, trace_with};
use crate::harness::{Child, Signal, both_modes, connect, echo_roundtrip, name_of, pattern};
use mio_echo::server::Config;
use mio_echo::trace::{Event, Trace};
use std::fs::File;
use std::io::BufReader;

/// Sixteen bytes at a time, so that a message of 64 leaves 48 unread.
const READ_BUFFER: usize = 16;

fn unread(trace: &Trace) -> Vec<usize> {
    let events = trace.records.iter().map(|record| &record.event);
    events
        .filter_map(|event| match event {
            Event::Unread { bytes } => Some(*bytes),
            _ => None,
        })
        .collect()
}

#[test]
fn unread_bytes_are_recorded_as_they_shrink_if_they_are_asked_for() {
    both_modes(|mode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let (server, address) = Child::serve(&[
            "--read-buffer=16",
            &format!("--mode={}", name_of(mode)),
            &format!("--trace={},buffers", path.display()),
        ]);
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(64));
        finish(&stream);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
        let trace = Trace::read(&mut BufReader::new(File::open(&path).unwrap())).unwrap();
        assert!(trace.header.has_buffers);
        let unread = unread(&trace);
        assert!(
            unread.contains(&48) && unread.contains(&16),
            "{mode:?}: {unread:?}"
        );
    });
}

#[test]
fn unread_bytes_are_not_looked_at_otherwise() {
    both_modes(|mode| {
        let config = Config {
            mode,
            read_buffer: READ_BUFFER,
            ..Config::default()
        };
        let trace = trace_with(config, |address| {
            let stream = connect(address);
            echo_roundtrip(&stream, &pattern(64));
            finish(&stream);
        });
        let unread = unread(&trace);
        assert!(unread.is_empty(), "{unread:?}");
    });
}

#[test]
fn an_explained_trace_has_sentences_system_calls_and_descriptors() {
    both_modes(|mode| {
        let mode_argument = format!("--mode={}", name_of(mode));
        let (server, address) = Child::serve(&["--trace=explain", &mode_argument]);
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(12));
        finish(&stream);
        server.signal(Signal::TERM);
        let exit = server.wait();
        let line = |part: &str| {
            let line = exit.stderr.lines().find(|line| line.contains(part));
            line.unwrap_or_else(|| panic!("{mode:?}: no {part:?} in {}", exit.stderr))
        };
        let (_, accepted) = line("is accepted and has")
            .split_once("accept4() = ")
            .unwrap();
        let (descriptor, _) = accepted.split_once(' ').unwrap();
        line(&format!("recvfrom({descriptor}) = 12 "));
        line(&format!("sendto({descriptor}, 12) = 12 "));
        line(&format!("recvfrom({descriptor}) = 0 "));
        line(&format!("close({descriptor}) "));
        line("12 bytes were read; they are to be echoed.");
    });
}
