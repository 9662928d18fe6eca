//! Over UDP: a datagram may be lost, doubled or overtaken; it must not be altered. None of it stops the run.

use super::{assert_flawless, run};
use mio_echo::measure::load::{DatagramCounts, LoadPlan, LoadResults, StopCondition, Transport};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// Starts a server on a free port that calls `treat` with the number of each datagram, from 1, and the datagram. It lives
/// as long as the test program.
pub(crate) fn datagram_server(
    mut treat: impl FnMut(u32, &UdpSocket, &[u8], SocketAddr) + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        for number in 1.. {
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            treat(number, &socket, &buffer[..length], peer);
        }
    });
    address
}

pub(crate) fn echo(socket: &UdpSocket, message: &[u8], peer: SocketAddr) {
    _ = socket.send_to(message, peer);
}

fn plan(target: SocketAddr, messages: u64) -> LoadPlan {
    LoadPlan {
        transport: Transport::Datagrams,
        warm_up: Duration::ZERO,
        stop_when: StopCondition::Messages(messages),
        timeout: Duration::from_secs(20),
        ..LoadPlan::new(target)
    }
}

fn counts(results: &LoadResults) -> DatagramCounts {
    results.datagrams.expect("counted over UDP")
}

#[test]
fn every_datagram_of_an_honest_server_is_verified_in_both_loops() {
    let target = datagram_server(|_, socket, message, peer| echo(socket, message, peer));
    for rate in [None, Some(1000.0)] {
        // All of them fit into the server's buffer, even if it does not run meanwhile.
        let results = run(&LoadPlan {
            rate,
            connections: 4,
            depth: 2,
            size: 65,
            ..plan(target, 200)
        });
        assert_flawless(&results);
        assert_eq!((results.messages, results.connected), (200, 4));
        let counts = counts(&results);
        // With a rate, those are left out that were due before the measurement.
        assert!(counts.sent > 100, "{counts:?}");
        assert_eq!(
            (counts.lost, counts.duplicated, counts.reordered),
            (0, 0, 0)
        );
        assert_eq!(results.response.is_some(), rate.is_some());
    }
}

#[test]
fn a_datagram_that_is_lost_is_replaced_after_the_timeout() {
    let target = datagram_server(|number, socket, message, peer| {
        if number % 30 != 0 {
            echo(socket, message, peer);
        }
    });
    let results = run(&LoadPlan {
        timeout: Duration::from_millis(250),
        ..plan(target, 95)
    });
    let counts = counts(&results);
    assert_eq!((results.messages, results.failures.total()), (95, 0));
    assert!(!results.ended_early);
    // On a busy machine, more are sent, because some echoes are late.
    let never_came = counts.lost - counts.late;
    assert!((3..=6).contains(&never_came), "{counts:?}");
    assert_eq!(results.service.unanswered(), counts.lost);
    assert_eq!(results.service.count(), counts.sent);
}

#[test]
fn a_second_echo_and_an_overtaken_one_are_counted() {
    let target = datagram_server(|_, socket, message, peer| {
        echo(socket, message, peer);
        echo(socket, message, peer);
    });
    let doubled = run(&plan(target, 100));
    assert!(counts(&doubled).duplicated >= 99, "{doubled:?}");
    let mut before: Option<Vec<u8>> = None;
    let target = datagram_server(move |_, socket, message, peer| match before.take() {
        None => before = Some(message.to_vec()),
        Some(before) => {
            echo(socket, message, peer);
            echo(socket, &before, peer);
        }
    });
    let swapped = run(&LoadPlan {
        depth: 2,
        timeout: Duration::from_secs(1),
        ..plan(target, 100)
    });
    assert!(counts(&swapped).reordered >= 40, "{swapped:?}");
    for results in [doubled, swapped] {
        assert_eq!(results.failures.total(), 0, "{results:?}");
    }
}

#[test]
fn an_altered_datagram_is_a_failure_with_its_place_and_the_run_goes_on() {
    let target = datagram_server(|number, socket, message, peer| {
        let mut message = message.to_vec();
        if number == 50 {
            message[20] ^= 1;
        }
        echo(socket, &message, peer);
    });
    let results = run(&LoadPlan {
        timeout: Duration::from_millis(250),
        ..plan(target, 100)
    });
    assert_eq!(results.failures.corrupted, 1, "{results:?}");
    assert_eq!(results.first_mismatch.unwrap().offset % 64, 20);
    assert_eq!(results.messages, 100);
}

#[test]
fn without_a_server_the_run_ends_and_says_so() {
    // A connected socket keeps the port and takes no datagrams of others.
    let keeper = UdpSocket::bind("127.0.0.1:0").unwrap();
    let results = run(&LoadPlan {
        timeout: Duration::from_millis(50),
        stop_when: StopCondition::Elapsed(Duration::from_millis(200)),
        ..plan(closed_port(&keeper), 1)
    });
    assert_eq!(results.messages, 0);
    assert!(results.failures.refused > 0, "{results:?}");
    assert_eq!(counts(&results).lost, counts(&results).sent);
}

/// The port of a socket that receives only from itself.
fn closed_port(socket: &UdpSocket) -> SocketAddr {
    let address = socket.local_addr().unwrap();
    socket.connect(address).unwrap();
    address
}
