//! One peer's pace does not affect another's: the server stops reading from a peer that does not read, and a peer that
//! never pauses leaves the others their turns.

use crate::harness::{
    TestServer, assert_same, both_modes, connect, echo_roundtrip, fill_until_blocked,
    more_than_buffers_hold, pattern, read, read_to_eof,
};
use mio_echo::server::Mode;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn a_slow_reader_has_at_most_one_read_buffer_pending_and_loses_nothing() {
    const READ_BUFFER: usize = 16 << 10;
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |config| config.read_buffer = READ_BUFFER);
        let (slow, quick) = (connect(server.address), connect(server.address));
        let sent = fill_until_blocked(&slow, bytes);
        ping_pong(&quick, 100);

        slow.set_nonblocking(false).unwrap();
        assert_same(&read(&slow, sent), &bytes[..sent]);
        echo_roundtrip(&slow, b"and it goes on");
        drop((slow, quick));

        let stats = server.stop();
        let longest = stats.longest_queue;
        assert!(
            longest <= READ_BUFFER,
            "expected at most {READ_BUFFER} pending bytes: {stats}"
        );
        // A thread counts pending bytes only when a blocked write has timed out; the loop always counts them.
        assert!(longest > 0 || mode == Mode::Threads, "{stats}");
    });
}

#[test]
fn a_slow_reader_that_has_finished_sending_gets_everything_and_then_our_fin() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let slow = connect(server.address);
        let sent = fill_until_blocked(&slow, bytes);
        slow.shutdown(Shutdown::Write).unwrap();
        slow.set_nonblocking(false).unwrap();
        assert_same(&read_to_eof(&slow), &bytes[..sent]);
    });
}

#[test]
fn a_flooding_peer_leaves_others_their_turns() {
    both_modes(|mode| {
        // A buffer this small makes the server slower than the flood: it never finds the socket empty.
        let server = TestServer::start(mode, |config| config.read_buffer = 512);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| flood(server.address, &done));
            let peers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| ping_pong(&connect(server.address), 200)))
                .collect();
            let failed = peers.into_iter().map(|peer| peer.join().is_err());
            let failed = failed.filter(|failed| *failed).count();
            // Also after a failure, because the scope waits for the flood to end.
            done.store(true, Ordering::Release);
            assert_eq!(failed, 0, "expected every ping-pong to end");
        });
    });
}

/// Many small round trips, each of which has to come back within the deadline of the stream.
fn ping_pong(stream: &TcpStream, rounds: usize) {
    let mut stream = stream;
    for round in 0..rounds {
        let message = pattern(64 + round % 7);
        stream.write_all(&message).unwrap();
        let mut echoed = vec![0; message.len()];
        stream
            .read_exact(&mut echoed)
            .unwrap_or_else(|error| panic!("expected echo {round}: {error}"));
        assert_same(&echoed, &message);
    }
}

/// Sends and reads as fast as the server allows, until `done`.
fn flood(address: SocketAddr, done: &AtomicBool) {
    let stream = connect(address);
    let chunk = pattern(64 << 10);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                (&stream).write_all(&chunk).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let mut sink = vec![0; 64 << 10];
        while (&stream).read(&mut sink).unwrap() > 0 {}
    });
}
