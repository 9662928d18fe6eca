//! Faults while bytes move: recvfrom(2), sendto(2), `epoll_wait(2)`, poll(2).

use super::faulty::{A_FEW_CALLS, a_while, assert_few, echoes_before_a_reset, in_both_modes};
use super::injection::Threads;
use crate::harness::{assert_same, connect, echo_roundtrip, eventually, pattern, read};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// recv(2), tcp(7), ip(7).
const OF_RECV: [&str; 8] = [
    "ECONNRESET",
    "ECONNREFUSED",
    "EPIPE",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOMEM",
    "ENOBUFS",
];

/// send(2), tcp(7), ip(7).
const OF_SEND: [&str; 7] = [
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOMEM",
    "ENOBUFS",
];

#[test]
fn a_read_or_write_that_fails_ends_that_connection_and_no_other() {
    in_both_modes(|faulty| {
        let of_recv = OF_RECV
            .iter()
            .map(|errno| format!("recvfrom:error={errno}"));
        let of_send = OF_SEND.iter().map(|errno| format!("sendto:error={errno}"));
        // No socket does this, but a caller that took it for progress would spin.
        let took_nothing = ["sendto:retval=0".to_owned()];
        for fault in of_recv.chain(of_send).chain(took_nothing) {
            let mut victim = faulty.connect();
            let injection = faulty.inject(faulty.threads_of_victim(), &format!("{fault}:when=1"));
            victim.write_all(b"lost").unwrap();
            // A thread may read before there is anything to lose, and then its connection ends in order.
            let end = victim.read(&mut [0; 8]).map_err(|error| error.kind());
            let in_order = fault.starts_with("recvfrom") && end == Ok(0);
            let reset = end == Err(ErrorKind::ConnectionReset);
            assert!(reset || in_order, "{fault}: {end:?}");
            faulty.assert_bystanders_are_served();
            let calls = injection.end();
            assert_eq!(calls.injected, 1, "{fault}");
            assert_few(&calls, &fault);
        }
    });
}

#[test]
fn while_every_third_read_and_write_fails_what_arrives_is_right() {
    in_both_modes(|faulty| {
        faulty.bystanders.clear();
        for fault in [
            "recvfrom:error=ETIMEDOUT:when=3+3",
            "sendto:error=EPIPE:when=3+3",
        ] {
            let injection = faulty.inject(Threads::All, fault);
            let victims: Vec<TcpStream> = (0..12).map(|_| connect(faulty.address)).collect();
            let ended_early = thread::scope(|scope| {
                let peers: Vec<_> = victims
                    .iter()
                    .map(|peer| scope.spawn(|| echoes_before_a_reset(peer, 5)))
                    .collect();
                let echoes = peers.into_iter().map(|peer| peer.join().unwrap());
                echoes.filter(|&echoes| echoes < 5).count()
            });
            let calls = injection.end();
            assert!(ended_early > 0, "{fault}: {calls:?}");
            assert!(
                ended_early <= calls.injected,
                "{fault}: {ended_early} connections ended early, {calls:?}"
            );
            assert!(calls.all <= 12 * A_FEW_CALLS, "{fault}: {calls:?}");
        }
    });
}

#[test]
fn while_every_read_or_write_fails_the_server_lives() {
    in_both_modes(|faulty| {
        faulty.bystanders.clear();
        for fault in ["recvfrom:error=ECONNRESET", "sendto:error=ENOBUFS"] {
            let injection = faulty.inject(Threads::All, fault);
            let start = Instant::now();
            let mut peers = 0;
            while start.elapsed() < a_while() {
                assert_eq!(echoes_before_a_reset(&connect(faulty.address), 1), 0);
                peers += 1;
                thread::sleep(Duration::from_millis(3));
            }
            let calls = injection.end();
            assert!(calls.all <= peers * A_FEW_CALLS, "{fault}: {calls:?}");
        }
    });
}

#[test]
fn an_interrupted_call_is_made_again() {
    in_both_modes(|faulty| {
        let calls = "accept4,recvfrom,sendto,?epoll_wait,epoll_pwait,?poll,ppoll";
        for when in ["1", "3+3", "2+2"] {
            let fault = format!("{calls}:error=EINTR:when={when}");
            let injection = faulty.inject(Threads::All, &fault);
            let peer = faulty.connect();
            faulty.assert_bystanders_are_served();
            echo_roundtrip(&peer, &pattern(3 << 20));
            peer.shutdown(Shutdown::Write).unwrap();
            assert_eq!((&peer).read(&mut [0]).unwrap(), 0, "{fault}");
            let calls = injection.end();
            assert!(calls.injected >= 3, "{fault}: {calls:?}");
            assert!(calls.all <= 20 * A_FEW_CALLS, "{fault}: {calls:?}");
        }
    });
}

#[test]
fn a_call_that_finds_nothing_is_made_again_at_the_next_edge() {
    in_both_modes(|faulty| {
        for call in ["recvfrom", "sendto"] {
            for when in ["1", "1+3"] {
                let peer = faulty.connect();
                let fault = format!("{call}:error=EAGAIN:when={when}");
                let injection = faulty.inject(faulty.threads_of_victim(), &fault);
                assert_echo_with_nudges(&peer, &pattern(1000), &fault);
                let calls = injection.end();
                assert!(calls.injected >= 1, "{fault}: {calls:?}");
                assert_few(&calls, &fault);
                faulty.assert_bystanders_are_served();
            }
        }
        let injection = faulty.inject(Threads::Main, "accept4:error=EAGAIN:when=1");
        let first = connect(faulty.address);
        eventually("an accept finds nothing", || injection.injected() == 1);
        echo_roundtrip(&faulty.connect(), b"the next edge");
        echo_roundtrip(&first, b"is for both");
    });
}

/// A peer that gets no answer sends one byte more, until all bytes have come back.
///
/// Injected, `EAGAIN` is untrue: no edge will come for what was there already, so a byte more has to bring one.
fn assert_echo_with_nudges(mut peer: &TcpStream, bytes: &[u8], fault: &str) {
    let (mut sent, mut echo, mut buffer) = (bytes.to_vec(), Vec::new(), [0; 4096]);
    peer.write_all(bytes).unwrap();
    peer.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    while echo.len() < sent.len() {
        match peer.read(&mut buffer) {
            Ok(count @ 1..) => echo.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                peer.write_all(b"!").unwrap();
                sent.push(b'!');
                assert!(sent.len() < bytes.len() + 100, "{fault}: no answer");
            }
            end => panic!("{fault}: {end:?}"),
        }
    }
    assert_same(&echo, &sent);
}

#[test]
fn after_a_short_write_the_rest_follows() {
    in_both_modes(|faulty| {
        for short in [1, 7, 999] {
            let peer = faulty.connect();
            let fault = format!("sendto:retval={short}:when=1");
            let injection = faulty.inject(faulty.threads_of_victim(), &fault);
            // The kernel has not taken the bytes that it seems to have taken: just these are missing.
            let bytes = pattern(1000);
            (&peer).write_all(&bytes).unwrap();
            eventually("a short write", || injection.injected() == 1);
            let calls = injection.end();
            assert_few(&calls, &fault);
            (&peer).write_all(b"the next edge").unwrap();
            let expected = [&bytes[short..], b"the next edge"].concat();
            assert_same(&read(&peer, expected.len()), &expected);
        }
    });
}
