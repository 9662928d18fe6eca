//! What a trace shows of the kernel: buffers if they are asked for, system calls and descriptors if explained.

use super::{finish, trace_with};
use crate::harness::{
    Child, Signal, address_in, both_modes, connect, echo_roundtrip, fill_until_blocked,
    ipv6_or_skip, more_than_buffers_hold, name_of, pattern, program,
};
use mio_echo::server::{Config, Mode};
use mio_echo::trace::{Event, Lane, Record, Trace};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Sixteen bytes at a time, so that a message of 64 leaves 48 unread.
const READ_BUFFER: usize = 16;

fn unread(trace: &Trace) -> Vec<usize> {
    looks(trace, |event| match event {
        Event::Unread { bytes } => Some(*bytes),
        _ => None,
    })
}

fn unacknowledged(trace: &Trace) -> Vec<usize> {
    looks(trace, |event| match event {
        Event::Unacknowledged { bytes } => Some(*bytes),
        _ => None,
    })
}

fn looks(trace: &Trace, bytes: fn(&Event) -> Option<usize>) -> Vec<usize> {
    let events = trace.records.iter().map(|record| &record.event);
    events.filter_map(bytes).collect()
}

/// The trace, with the buffers, of a server with these `arguments`, whose ready line is given to `use_it`.
fn trace_of_buffers(mode: Mode, arguments: [&str; 2], use_it: impl FnOnce(&str)) -> Trace {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let mut command = program(&["serve", &format!("--mode={}", name_of(mode))]);
    let trace = format!("--trace={},buffers", path.display());
    let server = Child::spawn(command.args(arguments).arg(trace));
    use_it(&server.next_line());
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    Trace::read(&mut BufReader::new(File::open(&path).unwrap())).unwrap()
}

#[test]
fn unread_bytes_are_recorded_as_they_shrink_if_they_are_asked_for() {
    both_modes(|mode| {
        let arguments = ["--listen=127.0.0.1:0", "--read-buffer=16"];
        let trace = trace_of_buffers(mode, arguments, |ready| {
            let stream = connect(address_in(ready));
            echo_roundtrip(&stream, &pattern(64));
            finish(&stream);
        });
        assert!(trace.header.has_buffers);
        let unread = unread(&trace);
        assert!(
            unread.contains(&48) && unread.contains(&16),
            "{mode:?}: {unread:?}"
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_peer_does_not_acknowledge_is_recorded_for_tcp() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        // On the second listener, the peer's address is one of IPv6: ::ffff:127.0.0.1.
        for listen in ["127.0.0.1:0", "[::]:0"] {
            let arguments = ["--listen", listen];
            let trace = trace_of_buffers(mode, arguments, |ready| {
                let port = address_in(ready).port();
                let stream = connect(([127, 0, 0, 1], port).into());
                fill_until_blocked(&stream, more_than_buffers_hold());
            });
            let unacknowledged = unacknowledged(&trace);
            assert_eq!(unacknowledged.first(), Some(&0), "{mode:?}, {listen}");
            assert_ne!(unacknowledged.iter().max(), Some(&0), "{mode:?}, {listen}");
        }
    });
}

#[test]
fn a_unix_socket_has_nothing_unacknowledged() {
    both_modes(|mode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("echo");
        let listen = format!("unix:{}", path.display());
        let trace = trace_of_buffers(mode, ["--listen", &listen], |_ready| {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(b"hello").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut echoed = String::new();
            stream.read_to_string(&mut echoed).unwrap();
            assert_eq!(echoed, "hello");
        });
        let connection = |record: &Record| record.lane == Lane::Connection(1);
        assert!(trace.records.iter().any(connection));
        assert_eq!(unacknowledged(&trace), [0; 0], "{mode:?}");
    });
}

#[test]
fn buffers_are_not_looked_at_otherwise() {
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
        assert_eq!(unacknowledged(&trace), [0; 0]);
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
