//! The configured limits: the number of connections, and how long a silent one may stay.

use crate::harness::{
    TestServer, both_modes, connect, echo_roundtrip, eventually, in_some_attempt,
    more_than_buffers_hold, pattern, read, read_to_eof,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn at_the_limit_a_peer_waits_and_is_served_as_soon_as_another_leaves() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.max_connections = Some(2));
        let (first, second) = (connect(server.address), connect(server.address));
        echo_roundtrip(&first, b"first");
        echo_roundtrip(&second, b"second");

        // It waits in the backlog; the server has not accepted it yet.
        let third = connect(server.address);
        (&third).write_all(b"third").unwrap();
        assert_silent_for(&third, Duration::from_millis(200));
        echo_roundtrip(&first, b"open connections are served meanwhile");

        drop(first);
        assert_eq!(&read(&third, 5), b"third");
        drop((second, third));
        let stats = server.stop();
        assert_eq!(stats.accepted, 3);
        assert!(stats.errors.is_empty(), "waiting is no error: {stats}");
    });
}

#[test]
fn a_limit_of_one_serves_many_peers_one_after_the_other() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.max_connections = Some(1));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| echo_roundtrip(&connect(server.address), &pattern(1000)));
            }
        });
        assert_eq!(server.stop().accepted, 20);
    });
}

const IDLE_TIMEOUT: Duration = Duration::from_millis(300);

#[test]
fn an_idle_connection_is_closed_and_not_before_its_time() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.idle_timeout = Some(IDLE_TIMEOUT));
        let stream = connect(server.address);
        let last_byte = Instant::now();
        echo_roundtrip(&stream, b"the last for a while");
        assert_eq!(read_to_eof(&stream), b"");
        let waited = last_byte.elapsed();
        assert!(
            waited >= IDLE_TIMEOUT,
            "expected to be closed after {IDLE_TIMEOUT:?}, not {waited:?}"
        );
        let stats = server.stop();
        assert_eq!(stats.errors.get("idle timeout"), Some(&1), "{stats}");
    });
}

#[test]
fn a_connection_with_a_byte_now_and_then_is_not_idle() {
    // Long, because a busy machine may stretch the pause between two bytes.
    let idle_timeout = Duration::from_secs(1);
    both_modes(|mode| {
        in_some_attempt(|| {
            let server = TestServer::start(mode, |config| config.idle_timeout = Some(idle_timeout));
            let mut stream = connect(server.address);
            let start = Instant::now();
            while start.elapsed() < 2 * idle_timeout {
                // Fails if the connection has timed out.
                let _echoed = stream.write_all(b"!").and_then(|()| stream.read(&mut [0]));
                thread::sleep(Duration::from_millis(100));
            }
            drop(stream);
            let stats = server.stop();
            if stats.errors.is_empty() {
                Ok(())
            } else {
                Err(format!("nothing should expire: {stats}"))
            }
        });
    });
}

#[test]
fn a_peer_that_has_stopped_reading_is_idle_too() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.idle_timeout = Some(IDLE_TIMEOUT));
        let stalled = connect(server.address);
        stalled.set_nonblocking(true).unwrap();
        eventually(
            "the server ends a connection whose peer takes no byte",
            || match (&stalled).write_all(bytes) {
                Ok(()) => panic!("the server reads on"),
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            },
        );
        drop(stalled);
        let stats = server.stop();
        assert_eq!(stats.errors.get("idle timeout"), Some(&1), "{stats}");
    });
}

#[test]
fn without_an_idle_timeout_silence_closes_nothing() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let stream = connect(server.address);
        // Longer than a thread blocks in a call, so that it has parked.
        assert_silent_for(&stream, Duration::from_millis(1300));
        echo_roundtrip(&stream, b"still here");
    });
}

/// Fails if a byte or an end comes within `time`.
fn assert_silent_for(stream: &TcpStream, time: Duration) {
    let usual = stream.read_timeout().unwrap();
    stream.set_read_timeout(Some(time)).unwrap();
    let peeked = stream.peek(&mut [0]).map_err(|error| error.kind());
    assert!(
        matches!(peeked, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "expected silence for {time:?}, got {peeked:?}"
    );
    stream.set_read_timeout(usual).unwrap();
}
