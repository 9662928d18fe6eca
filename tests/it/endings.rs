//! How a connection ends, and that it ends alone: half-close, reset, peers that vanish; and urgent data, which must not
//! end it at all.

use crate::harness::peer::reset;
use crate::harness::{
    TestServer, assert_same, both_modes, connect, echo_roundtrip, fill_until_blocked,
    more_than_buffers_hold, read, read_to_eof,
};
use std::io::Write;
use std::net::Shutdown;
use std::thread;

#[test]
fn a_half_closed_peer_still_gets_its_last_64_mebibytes() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let mut stream = connect(server.address);
        let reader = stream.try_clone().unwrap();
        let echoed = thread::scope(|scope| {
            scope.spawn(|| {
                stream.write_all(bytes).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            read_to_eof(&reader)
        });
        assert_same(&echoed, bytes);
    });
}

#[test]
fn a_peer_that_sends_nothing_but_its_fin_gets_ours() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let stream = connect(server.address);
        stream.shutdown(Shutdown::Write).unwrap();
        assert_same(&read_to_eof(&stream), b"");
        let stats = server.stop();
        assert_eq!(stats.closed, 1);
        assert!(stats.errors.is_empty(), "a FIN is no error: {stats}");
    });
}

#[test]
fn bytes_and_fin_that_arrive_together_are_echoed_and_answered() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        // Many times, because the FIN may share an event with the bytes before it, or have its own.
        for _ in 0..200 {
            let mut stream = connect(server.address);
            stream.write_all(b"last words").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_same(&read_to_eof(&stream), b"last words");
        }
    });
}

#[test]
fn a_reset_ends_that_connection_alone_and_is_counted() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let (other, resetting) = (connect(server.address), connect(server.address));
        echo_roundtrip(&other, b"before");
        echo_roundtrip(&resetting, b"before");
        reset(resetting);
        echo_roundtrip(&other, b"after");
        echo_roundtrip(&connect(server.address), b"new");
        drop(other);
        let stats = server.stop();
        assert_eq!(stats.closed, 3);
        let resets = stats.errors.get("connection reset by peer");
        assert_eq!(resets, Some(&1), "expected one reset: {stats}");
    });
}

#[test]
fn a_peer_that_vanishes_with_bytes_pending_disturbs_no_other() {
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let (other, vanishing) = (connect(server.address), connect(server.address));
        fill_until_blocked(&vanishing, bytes);
        echo_roundtrip(&other, b"while bytes are pending for another");
        reset(vanishing);
        echo_roundtrip(&other, b"after it has vanished");
        drop(other);
        let stats = server.stop();
        assert_eq!(stats.closed, 2);
        let failures: u64 = stats.errors.values().sum();
        assert_eq!(
            failures, 1,
            "expected one error, on one connection: {stats}"
        );
        assert!(
            stats.bytes_out < stats.bytes_in,
            "bytes were pending: {stats}"
        );
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_urgent_byte_is_echoed_in_its_place() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        let mut stream = connect(server.address);
        // More than once: what holds for the first urgent mark must hold for the next.
        for _ in 0..3 {
            stream.write_all(b"before").unwrap();
            send_urgent(&stream);
            stream.write_all(b"behind").unwrap();
            assert_same(&read(&stream, 13), b"before!behind");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn bytes_around_many_urgent_marks_all_come_back() {
    both_modes(|mode| {
        let server = TestServer::start(mode, |_| {});
        for _ in 0..50 {
            let mut stream = connect(server.address);
            for _ in 0..10 {
                stream.write_all(b"before").unwrap();
                send_urgent(&stream);
                stream.write_all(b"behind").unwrap();
            }
            // No FIN yet: it would wake a connection that has stalled at a mark.
            assert_same(&read(&stream, 130), b"before!behind".repeat(10).as_slice());
        }
    });
}

#[cfg(target_os = "linux")]
fn send_urgent(stream: &std::net::TcpStream) {
    let sent = socket2::SockRef::from(stream).send_out_of_band(b"!");
    assert_eq!(sent.unwrap(), 1);
}
