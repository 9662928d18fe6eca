//! Faults in taking in a connection: accept4(2), `epoll_ctl(2)`, clone(2).

use super::faulty::{
    A_FEW_CALLS, Faulty, a_while, assert_few, echoes_before_a_reset, in_both_modes,
};
use super::injection::{Threads, can_inject_or_skip};
use crate::harness::peer::has_echo;
use crate::harness::{connect, echo_roundtrip, eventually, read};
use mio_echo::server::Mode;
use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

/// accept(2): one peer is gone, or may not be accepted.
const OF_ONE_PEER: [&str; 10] = [
    "ECONNABORTED",
    "EPROTO",
    "EPERM",
    "ENETDOWN",
    "ENOPROTOOPT",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "EOPNOTSUPP",
    "ENETUNREACH",
    "ETIMEDOUT",
];

/// accept(2): descriptors or memory have run out, or the error is one that Linux alone knows.
const OF_RESOURCES: [&str; 8] = [
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "ENONET",
    "ENOSR",
    "ESOCKTNOSUPPORT",
    "EPROTONOSUPPORT",
];

/// clone(2), and so `pthread_create(3)`.
const OF_CLONE: [&str; 3] = ["EAGAIN", "ENOMEM", "ENOSPC"];

#[test]
fn a_connection_that_accept_fails_to_return_is_returned_by_a_later_one() {
    in_both_modes(|faulty| {
        let first = OF_ONE_PEER
            .iter()
            .chain(&OF_RESOURCES)
            .map(|errno| (errno, "1"));
        let every_third = ["EPROTO", "EINTR", "EMFILE"]
            .iter()
            .map(|errno| (errno, "1+3"));
        for (errno, when) in first.chain(every_third) {
            let fault = format!("accept4:error={errno}:when={when}");
            let injection = faulty.inject(Threads::Main, &fault);
            let peers: Vec<TcpStream> = (0..2).map(|_| connect(faulty.address)).collect();
            for peer in &peers {
                echo_roundtrip(peer, b"accepted");
            }
            let calls = injection.end();
            assert!(calls.injected >= 1, "{fault}: {calls:?}");
            assert_few(&calls, &fault);
        }
    });
}

#[test]
fn while_accept_fails_the_server_pauses_and_serves_the_others() {
    in_both_modes(|faulty| {
        // A permanent error of one peer after the other is retried 128 times, then after a pause.
        for (errno, per_pause) in [("EPERM", 129), ("EMFILE", 1)] {
            let start = Instant::now();
            let injection = faulty.inject(Threads::Main, &format!("accept4:error={errno}"));
            let waiting = connect(faulty.address);
            eventually("accept is tried again after a pause", || {
                faulty.assert_bystanders_are_served();
                start.elapsed() > a_while() && injection.injected() > per_pause
            });
            let injected = injection.injected();
            let pauses = usize::try_from(start.elapsed().as_millis() / 100).unwrap() + 1;
            assert!(
                injected <= pauses * per_pause,
                "{errno}: {injected} accepts in {pauses} intervals"
            );
            injection.end();
            echo_roundtrip(&waiting, b"accepted after all");
        }
    });
}

#[test]
fn a_connection_that_cannot_be_registered_is_refused_and_no_other() {
    if !can_inject_or_skip() {
        return;
    }
    let faulty = Faulty::serve(Mode::EventLoop);
    for errno in ["ENOMEM", "ENOSPC"] {
        for (when, refused) in [("1", 1), ("1+3", 2), ("1+", 6)] {
            let fault = format!("epoll_ctl:error={errno}:when={when}");
            let injection = faulty.inject(Threads::Main, &fault);
            let peers: Vec<TcpStream> = (0..6).map(|_| connect(faulty.address)).collect();
            let served = |peer: &&TcpStream| echoes_before_a_reset(peer, 1) == 1;
            let served = peers.iter().filter(served).count();
            faulty.assert_bystanders_are_served();
            let calls = injection.end();
            assert_eq!(calls.injected, refused, "{fault}: {calls:?}");
            assert_eq!(served, peers.len() - refused, "{fault}: {calls:?}");
            assert_few(&calls, &fault);
        }
    }
    let log = faulty.end();
    for error in ["cannot allocate memory", "no space left on device"] {
        assert!(log.contains(&format!("9 × refused: {error}")), "{log}");
    }
}

#[test]
fn a_connection_without_a_thread_waits_and_is_served_later() {
    if !can_inject_or_skip() {
        return;
    }
    let faulty = Faulty::serve(Mode::Threads);
    for errno in OF_CLONE {
        for when in ["1", "1+3"] {
            let fault = format!("?clone,clone3:error={errno}:when={when}");
            let injection = faulty.inject(Threads::Main, &fault);
            let peers: Vec<TcpStream> = (0..2).map(|_| connect(faulty.address)).collect();
            faulty.assert_bystanders_are_served();
            for peer in &peers {
                echo_roundtrip(peer, b"a thread after all");
            }
            let calls = injection.end();
            assert!(calls.injected >= 1, "{fault}: {calls:?}");
            assert_few(&calls, &fault);
        }
    }
    // For a while there is none.
    let injection = faulty.inject(Threads::Main, "?clone,clone3:error=EAGAIN");
    let start = Instant::now();
    let waiting = {
        let mut peer = connect(faulty.address);
        peer.write_all(b"!").unwrap();
        peer
    };
    eventually("a few tries", || {
        faulty.assert_bystanders_are_served();
        start.elapsed() > a_while() && injection.injected() >= 3
    });
    assert!(!has_echo(&waiting));
    let calls = injection.end();
    let intervals = usize::try_from(start.elapsed().as_millis() / 100).unwrap() + 1;
    assert!(
        calls.injected <= intervals + 1,
        "{intervals} intervals: {calls:?}"
    );
    assert!(calls.all <= A_FEW_CALLS * intervals, "{calls:?}");
    waiting.set_nonblocking(false).unwrap();
    assert_eq!(read(&waiting, 1), b"!");
    drop(waiting);
    faulty.end();
}
