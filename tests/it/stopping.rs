//! A stop is graceful: what was received is echoed, then comes our FIN, then the end; and it takes a bounded time.

use crate::harness::peer::{unacknowledged, wait_until_received};
use crate::harness::{
    BoundServer, DEADLINE, TestServer, assert_same, both_modes, connect, echo_roundtrip,
    eventually, fill_until_blocked, in_some_attempt, more_than_buffers_hold, pattern, read_to_eof,
};
use mio_echo::server::Mode;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn bytes_received_before_a_stop_are_echoed_and_then_our_fin_comes() {
    both_modes(|mode| {
        // With a buffer this small the server is still reading them when the stop comes.
        let server = TestServer::start(mode, |config| config.read_buffer = 1);
        let peers: Vec<TcpStream> = (0..10).map(|_| connect(server.address)).collect();
        for peer in &peers {
            echo_roundtrip(peer, b"!");
        }
        let bytes = pattern(2000);
        for mut peer in &peers {
            peer.write_all(&bytes).unwrap();
        }
        wait_until_received(&peers);
        server.request_stop();
        for peer in &peers {
            assert_same(&read_to_eof(peer), &bytes);
        }
        drop(peers);
        let stats = server.wait();
        assert_eq!(stats.closed, 10);
        assert!(stats.errors.is_empty(), "{stats}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_reader_gets_all_that_was_received_before_a_stop() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let slow = connect(server.address);
        let sent = fill_until_blocked(&slow, bytes);
        let received = sent - unacknowledged(&slow);
        server.request_stop();
        // The pause is long, but shorter than the drain timeout.
        thread::sleep(Duration::from_millis(500));
        slow.set_nonblocking(false).unwrap();
        let echoed = read_to_eof(&slow);
        assert!(
            echoed.len() >= received,
            "expected all {received} bytes received, got {}",
            echoed.len()
        );
        assert_same(&echoed, &bytes[..echoed.len()]);
        drop(slow);
        server.wait();
    });
}

#[test]
fn peers_in_the_backlog_at_a_stop_are_accepted_and_get_their_echo() {
    both_modes(|mode| {
        let server = BoundServer::new(mode, |_| {});
        let peers: Vec<TcpStream> = (0..100).map(|_| connect(server.address())).collect();
        for mut peer in &peers {
            peer.write_all(b"before the stop").unwrap();
        }
        wait_until_received(&peers);
        // The server has not run yet: the stop is the first thing that it notices.
        server.stopper().stop().unwrap();
        let server = server.run();
        for peer in &peers {
            assert_same(&read_to_eof(peer), b"before the stop");
        }
        drop(peers);
        server.wait();
    });
}

#[test]
fn after_a_stop_no_connection_is_accepted() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let address = server.address;
        echo_roundtrip(&connect(address), b"before");
        server.stop();
        // While another test forks, its child has the listener open.
        eventually("connections are refused", || {
            TcpStream::connect(address).is_err()
        });
    });
}

#[test]
fn a_peer_that_waits_at_the_limit_does_not_hold_up_a_stop() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.max_connections = Some(1));
        let inside = connect(server.address);
        echo_roundtrip(&inside, b"in");
        let waiting = connect(server.address);
        (&waiting).write_all(b"waiting").unwrap();
        server.request_stop();
        assert_same(&read_to_eof(&inside), b"");
        drop(inside);
        // There is room now, and the stop has just begun: the peer may be served, or be refused.
        let mut echoed = Vec::new();
        if (&waiting).read_to_end(&mut echoed).is_ok() && !echoed.is_empty() {
            assert_same(&echoed, b"waiting");
        }
        drop(waiting);
        server.wait();
    });
}

#[test]
fn a_peer_that_never_pauses_gets_our_fin_after_an_exact_prefix() {
    both_modes(|mode| {
        // A buffer this small makes the server slower than the peer: it never finds the socket empty.
        let server = TestServer::start(mode, |config| config.read_buffer = 512);
        let stream = connect(server.address);
        let (bytes, finished) = (pattern(1 << 20), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !finished.load(Ordering::Acquire) {
                    // The reader reports a server that resets or hangs.
                    if (&stream).write_all(&bytes).is_err() {
                        break;
                    }
                }
            });
            let reader = scope.spawn(|| read_repetitions_to_eof(&stream, &bytes));
            thread::sleep(Duration::from_millis(100));
            server.request_stop();
            let echoed = reader.join();
            finished.store(true, Ordering::Release);
            assert!(echoed.unwrap() > 0, "expected echoes before the FIN");
        });
        drop(stream);
        let stats = server.wait();
        assert!(
            stats.errors.is_empty(),
            "neither a reset nor a timeout: {stats}"
        );
    });
}

/// Expects `bytes` again and again, cut anywhere by a FIN and by nothing else. Returns how many came.
fn read_repetitions_to_eof(mut stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut chunk = vec![0; 64 << 10];
    let mut total = 0;
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < DEADLINE, "expected our FIN at last");
        let at = total % bytes.len();
        let room = chunk.len().min(bytes.len() - at);
        let read = stream
            .read(&mut chunk[..room])
            .expect("a FIN should come, and no reset before it");
        if read == 0 {
            return total;
        }
        assert_same(&chunk[..read], &bytes[at..at + read]);
        total += read;
    }
}

#[test]
fn a_peer_that_never_closes_is_cut_off_when_the_drain_times_out() {
    let drain_timeout = Duration::from_millis(1500);
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.drain_timeout = drain_timeout);
        let stream = connect(server.address);
        echo_roundtrip(&stream, b"in");
        let requested = Instant::now();
        server.request_stop();
        assert_same(&read_to_eof(&stream), b"");
        let stats = server.wait();
        assert!(
            requested.elapsed() >= drain_timeout,
            "it has until the timeout"
        );
        assert_eq!(stats.errors.get("drain timeout"), Some(&1), "{stats}");
    });
}

/// What arrives behind our FIN is discarded. It does not count as progress: the deadline stays where it was.
#[test]
fn a_peer_that_sends_on_behind_our_fin_is_cut_off_when_the_drain_times_out() {
    let drain_timeout = Duration::from_millis(500);
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.drain_timeout = drain_timeout);
        let stream = connect(server.address);
        echo_roundtrip(&stream, b"in");
        let requested = Instant::now();
        server.request_stop();
        assert_same(&read_to_eof(&stream), b"");
        thread::scope(|scope| {
            // Until the server resets the connection.
            let sending = scope.spawn(|| {
                let mut sent = 0;
                while (&stream).write_all(&[b'x'; 1000]).is_ok() {
                    assert!(requested.elapsed() < DEADLINE, "expected to be cut off");
                    sent += 1000;
                    thread::sleep(Duration::from_millis(1));
                }
                sent
            });
            let stats = server.wait();
            assert!(
                requested.elapsed() >= drain_timeout,
                "it has until the timeout"
            );
            assert_eq!(stats.errors.get("drain timeout"), Some(&1), "{stats}");
            assert_eq!(stats.bytes_in, 2, "what is discarded does not count");
            assert!(sending.join().unwrap() > 0);
        });
    });
}

#[test]
fn a_peer_that_reads_nothing_is_cut_off_when_the_drain_times_out() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let drain_timeout = Duration::from_millis(500);
        let server = TestServer::start(mode, |config| config.drain_timeout = drain_timeout);
        let stalled = connect(server.address);
        fill_until_blocked(&stalled, bytes);
        let requested = Instant::now();
        server.request_stop();
        let stats = server.wait();
        assert!(
            requested.elapsed() >= drain_timeout,
            "it has until the timeout"
        );
        assert_eq!(stats.errors.get("drain timeout"), Some(&1), "{stats}");
    });
}

#[test]
fn a_peer_that_reads_too_slowly_is_cut_off_when_the_drain_times_out() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let drain_timeout = Duration::from_millis(500);
        let server = TestServer::start(mode, |config| config.drain_timeout = drain_timeout);
        let slow = connect(server.address);
        let sent = fill_until_blocked(&slow, bytes);
        slow.set_nonblocking(false).unwrap();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            // It makes progress all the time, yet would need minutes to read everything.
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) && (&slow).read(&mut [0; 16 << 10]).is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
            });
            let requested = Instant::now();
            server.request_stop();
            let outcome = server.ended_within(DEADLINE);
            ended.store(true, Ordering::Release);
            let stats = outcome.expect("the server should cut it off");
            assert!(
                requested.elapsed() >= drain_timeout,
                "it has until the timeout"
            );
            assert!(stats.bytes_out < sent as u64, "it was cut off: {stats}");
        });
    });
}

#[test]
fn idle_peers_get_our_fin_at_once() {
    /// Far shorter than the drain timeout.
    const AT_ONCE: Duration = Duration::from_millis(250);
    both_modes(|mode| {
        in_some_attempt(|| match time_to_the_last_fin(mode) {
            waited if waited < AT_ONCE => Ok(()),
            waited => Err(format!("our FIN came after {waited:?}")),
        });
    });
}

/// From a stop until the last of many silent peers has our FIN.
fn time_to_the_last_fin(mode: Mode) -> Duration {
    let server = TestServer::start(mode, |_| {});
    let peers: Vec<TcpStream> = (0..20).map(|_| connect(server.address)).collect();
    for peer in &peers {
        echo_roundtrip(peer, b"and then silence");
        // They do not all become idle at the same moment.
        thread::sleep(Duration::from_millis(20));
    }
    let requested = Instant::now();
    server.request_stop();
    for peer in &peers {
        assert_same(&read_to_eof(peer), b"");
    }
    let waited = requested.elapsed();
    drop(peers);
    server.wait();
    waited
}

#[test]
fn a_server_without_peers_stops_at_once() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| {
            config.drain_timeout = Duration::from_hours(1);
        });
        server.stop();
    });
}
