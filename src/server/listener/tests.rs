//! One accept after the other, on real listeners, with errors of our choice.

use super::*;
use mio::Poll;
use mio::net::{TcpListener, TcpStream};
use std::net::{self, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Counts what is reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reports {
    failed: u32,
    paused: u32,
    resumed: u32,
}

impl Observer for Reports {
    fn accept_failed(&mut self, _error: &io::Error) {
        self.failed += 1;
    }

    fn accept_paused(&mut self, _pause: &AcceptPause) {
        self.paused += 1;
    }

    fn accept_resumed(&mut self) {
        self.resumed += 1;
    }
}

const BACKLOG: u16 = 3;

/// This many listeners, and their addresses.
fn listeners(count: usize) -> (Listeners, Vec<SocketAddr>) {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let sockets: Vec<TcpListener> = (0..count).map(bind).collect();
    let addresses = sockets.iter().map(|socket| socket.local_addr().unwrap());
    let addresses = addresses.collect();
    let poll = Poll::new().unwrap();
    let sockets = sockets.into_iter().map(StreamListener::Tcp).collect();
    let listeners = Listeners::new(Vec::new(), sockets, BACKLOG, poll.registry()).unwrap();
    (listeners, addresses)
}

fn connect(address: SocketAddr) -> net::TcpStream {
    net::TcpStream::connect(address).unwrap()
}

/// The next ready listener fails to accept.
fn fail(listeners: &mut Listeners, errno: Errno, reports: &mut Reports) -> Accepted<TcpStream> {
    let listener = listeners.take_next_ready().expect("a ready listener");
    listeners
        .accept_failed(listener, errno.into(), reports)
        .unwrap()
}

/// As many failures as may follow each other.
fn fail_as_often_as_allowed(listeners: &mut Listeners, errno: Errno, reports: &mut Reports) {
    for _ in 0..FAILED_ACCEPTS_IN_A_ROW {
        let accepted = fail(listeners, errno, reports);
        assert!(matches!(accepted, Accepted::Retry), "{accepted:?}");
        assert!(!listeners.are_paused());
    }
}

#[test]
fn errors_of_accept_concern_one_peer_or_our_resources_or_the_listener() {
    for (errno, kind) in [
        (Errno::AGAIN, AcceptErrorKind::WouldBlock),
        (Errno::CONNABORTED, AcceptErrorKind::Peer),
        (Errno::INTR, AcceptErrorKind::Interrupted),
        (Errno::PROTO, AcceptErrorKind::Peer),
        (Errno::MFILE, AcceptErrorKind::Resources),
        (Errno::NFILE, AcceptErrorKind::Resources),
        (Errno::NOBUFS, AcceptErrorKind::Resources),
        (Errno::NOMEM, AcceptErrorKind::Resources),
        (Errno::NOTSOCK, AcceptErrorKind::Listener),
    ] {
        let error = io::Error::from(errno);
        assert_eq!(AcceptErrorKind::of(&error), kind, "{error}");
    }
}

#[test]
fn ready_listeners_accept_in_turn() {
    let (mut listeners, addresses) = listeners(2);
    let both = [addresses[0], addresses[1], addresses[0], addresses[1]];
    let _peers = both.map(connect);
    listeners.note(0, &mut ());
    listeners.note(1, &mut ());
    for address in both {
        match listeners.accept(&mut ()).unwrap() {
            Accepted::Peer(stream, _) => assert_eq!(stream.local_addr().unwrap(), address),
            accepted => panic!("{accepted:?}"),
        }
    }
}

#[test]
fn only_a_listener_with_an_edge_accepts_and_only_until_it_finds_nothing() {
    let (mut listeners, addresses) = listeners(2);
    let _peers = [connect(addresses[0]), connect(addresses[1])];
    assert!(!listeners.are_ready());
    listeners.note(1, &mut ());
    assert!(listeners.are_ready());
    match listeners.accept(&mut ()).unwrap() {
        Accepted::Peer(stream, _) => assert_eq!(stream.local_addr().unwrap(), addresses[1]),
        accepted => panic!("{accepted:?}"),
    }
    let accepted = listeners.accept(&mut ()).unwrap();
    assert!(matches!(accepted, Accepted::Retry), "{accepted:?}");
    assert!(!listeners.are_ready());
    let accepted = listeners.accept(&mut ()).unwrap();
    assert!(matches!(accepted, Accepted::Nothing), "{accepted:?}");
}

#[test]
fn at_a_stop_as_many_connections_are_accepted_as_the_backlog_could_hold() {
    let (mut listeners, addresses) = listeners(1);
    listeners.drain_backlog();
    let mut peers = Vec::new();
    // No edge was noted, and one more connection comes for each that is accepted.
    while !listeners.are_closed() {
        assert!(peers.len() < 100, "there is no end to it");
        peers.push(connect(addresses[0]));
        let accepted = listeners.accept(&mut ()).unwrap();
        assert!(matches!(accepted, Accepted::Peer(..)), "{accepted:?}");
    }
    assert_eq!(peers.len(), usize::from(BACKLOG) + 1);
}

#[test]
fn at_a_stop_a_listener_with_an_empty_backlog_closes() {
    let (mut listeners, _) = listeners(2);
    listeners.drain_backlog();
    listeners.accept(&mut ()).unwrap();
    assert!(!listeners.are_closed());
    listeners.accept(&mut ()).unwrap();
    assert!(listeners.are_closed());
}

#[test]
fn failures_of_peers_in_a_row_lead_to_a_pause_and_may_then_begin_anew() {
    let (mut listeners, _) = listeners(1);
    let mut reports = Reports::default();
    listeners.note(0, &mut reports);
    for _ in 0..2 {
        fail_as_often_as_allowed(&mut listeners, Errno::CONNABORTED, &mut reports);
        let accepted = fail(&mut listeners, Errno::PERM, &mut reports);
        assert!(matches!(accepted, Accepted::Nothing), "{accepted:?}");
        listeners.note_time(listeners.deadline().unwrap());
    }
    let expected = Reports {
        failed: 2 * FAILED_ACCEPTS_IN_A_ROW,
        paused: 1,
        resumed: 0,
    };
    assert_eq!(reports, expected);
}

#[test]
fn calls_that_are_interrupted_without_end_lead_to_a_pause() {
    let (mut listeners, _) = listeners(1);
    let mut reports = Reports::default();
    listeners.note(0, &mut reports);
    fail_as_often_as_allowed(&mut listeners, Errno::INTR, &mut reports);
    assert_eq!(reports, Reports::default());
    let accepted = fail(&mut listeners, Errno::INTR, &mut reports);
    assert!(matches!(accepted, Accepted::Nothing), "{accepted:?}");
    assert!(listeners.are_paused());
}

#[test]
fn a_connection_or_an_empty_backlog_between_failures_begins_the_row_anew() {
    let (mut listeners, addresses) = listeners(1);
    let mut reports = Reports::default();
    listeners.note(0, &mut reports);
    fail_as_often_as_allowed(&mut listeners, Errno::CONNABORTED, &mut reports);
    let _peer = connect(addresses[0]);
    let accepted = listeners.accept(&mut reports).unwrap();
    assert!(matches!(accepted, Accepted::Peer(..)), "{accepted:?}");
    fail_as_often_as_allowed(&mut listeners, Errno::CONNABORTED, &mut reports);
    let accepted = listeners.accept(&mut reports).unwrap();
    assert!(matches!(accepted, Accepted::Retry), "{accepted:?}");
    listeners.note(0, &mut reports);
    fail_as_often_as_allowed(&mut listeners, Errno::CONNABORTED, &mut reports);
}

#[test]
fn without_resources_nothing_is_accepted_for_a_tenth_of_a_second() {
    let (mut listeners, addresses) = listeners(1);
    let _peer = connect(addresses[0]);
    listeners.note(0, &mut ());
    let pause = Duration::from_millis(100);
    let start = Instant::now();
    fail(&mut listeners, Errno::MFILE, &mut Reports::default());
    let ends = listeners.deadline().unwrap();
    assert!(ends >= start + pause && ends <= Instant::now() + pause);

    let accepted = listeners.accept(&mut ()).unwrap();
    assert!(matches!(accepted, Accepted::Nothing), "{accepted:?}");
    assert!(!listeners.are_ready());
    listeners.note_time(start);
    assert!(listeners.are_paused());
    listeners.note_time(ends);
    assert!(listeners.are_ready(), "no edge will report the peer again");
    let accepted = listeners.accept(&mut ()).unwrap();
    assert!(matches!(accepted, Accepted::Peer(..)), "{accepted:?}");
}

#[test]
fn a_pause_and_its_end_are_reported_once_each() {
    let (mut listeners, _) = listeners(1);
    let mut reports = Reports::default();
    for episode in 1..=2 {
        listeners.note(0, &mut reports);
        for _ in 0..3 {
            fail(&mut listeners, Errno::MFILE, &mut reports);
            listeners.note_time(listeners.deadline().unwrap());
        }
        let still = Reports {
            paused: episode,
            resumed: episode - 1,
            failed: 0,
        };
        assert_eq!(reports, still);
        // The backlog is empty.
        listeners.accept(&mut reports).unwrap();
        assert_eq!(reports.resumed, episode);
    }
}

#[test]
fn the_limit_on_connections_is_reported_once_and_only_if_peers_may_wait() {
    let (mut listeners, _) = listeners(1);
    let mut reports = Reports::default();
    listeners.pause_while_full(7, &mut reports);
    assert_eq!(reports.paused, 0, "no peer is known to wait");
    listeners.note(0, &mut reports);
    listeners.pause_while_full(7, &mut reports);
    listeners.pause_while_full(7, &mut reports);
    assert_eq!(reports.paused, 1);
    fail(&mut listeners, Errno::MFILE, &mut reports);
    assert_eq!(reports.paused, 2, "for another reason");
}
