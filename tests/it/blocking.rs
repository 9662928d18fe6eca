//! Nothing that is read too slowly, or not at all, stops the server: not its log, not its statistics, not its trace.

use crate::harness::output::Output;
use crate::harness::{
    Child, DEADLINE, Signal, both_modes, connect, echo_roundtrip, eventually, name_of, program,
};
use mio_echo::server::Mode;
use std::io::{self, PipeReader};
#[cfg(feature = "preamble")]
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

/// A server whose standard error is a pipe that is held open and never read.
fn serve_unread(mode: Mode, arguments: &[&str]) -> (Child, SocketAddr, PipeReader) {
    let (unread, stderr) = io::pipe().unwrap();
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--mode", name_of(mode)]);
    let server = Child::spawn(command.args(arguments).stderr(stderr));
    let address = server.address();
    (server, address, unread)
}

#[test]
fn a_log_that_is_not_read_does_not_stop_the_server_and_counts_what_it_lacks() {
    const CONNECTIONS: usize = 3000;
    both_modes(|mode| {
        let (server, address, unread) = serve_unread(mode, &["-v"]);
        // Two lines each, far more than a pipe and the queue hold together.
        for _ in 0..CONNECTIONS {
            echo_roundtrip(&connect(address), b"logged");
        }
        server.signal(Signal::USR1);
        echo_roundtrip(&connect(address), b"statistics do not block either");
        let log = Output::collect(Some(unread));
        let reports = |text: &str| text.matches(LOST).count();
        let report = log.wait(DEADLINE, |log| (reports(&log.lines()) > 0).then_some(()));
        assert_eq!(report, Some(()), "the number of lost lines was not logged");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
        let log = String::from_utf8(log.wait_for_end(DEADLINE).unwrap()).unwrap();
        let lost: usize = log.lines().filter_map(lost_in).sum();
        // Two lines for each connection, and: serving, statistics, stopping, stopped.
        let lines = 2 * (CONNECTIONS + 1) + 4;
        assert_eq!(
            log.lines().count() - reports(&log) + lost,
            lines,
            "{lost} lost"
        );
    });
}

const LOST: &str = " lines of the log were lost";

/// The number of lost lines, if the line reports it.
fn lost_in(line: &str) -> Option<usize> {
    let (_, number) = line.strip_suffix(LOST)?.rsplit_once(' ')?;
    number.parse().ok()
}

/// Another process may share the descriptor of standard error and make it non-blocking.
#[test]
fn a_log_on_a_non_blocking_descriptor_lacks_nothing() {
    const CONNECTIONS: usize = 600;
    both_modes(|mode| {
        let (unread, stderr) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&stderr, true).unwrap();
        let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--mode", name_of(mode)]);
        let server = Child::spawn(command.arg("-v").stderr(stderr));
        drop(command);
        let address = server.address();
        // More than the pipe holds, and less than the queue.
        for _ in 0..CONNECTIONS {
            echo_roundtrip(&connect(address), b"logged");
        }
        let log = Output::collect(Some(unread));
        // The end of the server does not wait long for a reader that is slow.
        let all = log.wait(DEADLINE, |log| {
            let closed = log.lines().matches(" disconnected").count();
            (closed == CONNECTIONS).then_some(())
        });
        assert_eq!(all, Some(()), "{} lines", log.lines().lines().count());
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
        let log = String::from_utf8(log.wait_for_end(DEADLINE).unwrap()).unwrap();
        let lines = |words| log.lines().filter(|line| line.contains(words)).count();
        let found = [" connected", " disconnected", "stopped:"].map(lines);
        assert_eq!(
            found,
            [CONNECTIONS, CONNECTIONS, 1],
            "{} lines",
            log.lines().count()
        );
    });
}

#[cfg(feature = "trace")]
#[test]
fn a_text_trace_that_is_not_read_does_not_stop_the_server_and_is_reported_as_incomplete() {
    both_modes(|mode| {
        let (server, address, unread) = serve_unread(mode, &["--trace"]);
        let peer = connect(address);
        for _ in 0..2000 {
            echo_roundtrip(&peer, b"traced");
        }
        drop(peer);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(1), "the trace is not complete");
        drop(unread);
    });
}

#[cfg(feature = "trace")]
#[test]
fn a_trace_that_does_not_fit_on_the_disk_is_a_failure_at_the_end() {
    if !std::path::Path::new("/dev/full").exists() {
        crate::harness::skip("there is no /dev/full");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let full = directory.path().join("full.jsonl");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let trace = format!("--trace={}", full.display());
    let (server, address) = Child::serve(&[&trace]);
    // The failure of the thread that writes is logged with the next event of the server.
    eventually("the end of the trace is logged", || {
        echo_roundtrip(&connect(address), b"served all the same");
        server.log_lines_with("the trace ends here: no space left on device") > 0
    });
    server.signal(Signal::TERM);
    let exit = server.wait();
    assert_eq!(exit.code, Some(1));
    let last = exit.stderr.lines().last().unwrap_or_default();
    assert_eq!(
        last,
        "mio-echo: the trace is incomplete: no space left on device"
    );
}

#[test]
fn peers_cannot_flood_the_log() {
    both_modes(|mode| {
        let arguments = ["--mode", name_of(mode), "--max-connections", "1"];
        let (server, address) = Child::serve(&arguments);
        let holding = connect(address);
        echo_roundtrip(&holding, b"the one connection that may be open");
        drop(holding);
        // Each of these waits for the one before it, so each is an episode at the limit.
        for _ in 0..200 {
            let (first, second) = (connect(address), connect(address));
            echo_roundtrip(&first, b"first");
            drop(first);
            echo_roundtrip(&second, b"second");
        }
        eventually("the limit is logged", || {
            server.log_lines_with("connections are open") > 0
        });
        let warnings = server.log_lines_with("connections are open");
        assert!(warnings < 20, "{warnings} warnings: {}", server.log());
    });
}

/// Each is logged, or counted in a later one or at the end.
#[cfg(feature = "preamble")]
#[test]
fn no_warning_that_a_peer_caused_is_left_out_without_mention() {
    const PEERS: usize = 20;
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--proxy-protocol"]);
        for _ in 0..PEERS {
            let mut peer = connect(address);
            peer.write_all(b"no header\r\n").unwrap();
            let reset = peer.read(&mut [0]).unwrap_err();
            assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
        }
        server.signal(Signal::TERM);
        let log = server.wait().stderr;
        let logged = log.matches(" reset: ").count();
        assert_eq!(logged + suppressed_in(&log), PEERS, "{log}");
    });
}

/// How many warnings were left out, according to the log.
#[cfg(any(feature = "preamble", feature = "telemetry"))]
pub(crate) fn suppressed_in(log: &str) -> usize {
    let number = |line: &str| {
        let (before, _) = line.split_once(" more ")?;
        before.rsplit([' ', '(']).next()?.parse::<usize>().ok()
    };
    log.lines().filter_map(number).sum()
}
