//! The loop, one phase at a time: what cannot be observed through a socket.

use super::*;
use crate::connection::ConnectionEvent;
use crate::server::Server;
use mio::Interest;
use std::io::Write;
use std::net;

/// Keeps every event in the order in which it happened.
#[derive(Debug, Clone, Default)]
struct EventLog(Vec<(ConnectionId, ConnectionEvent)>);

impl Observer for EventLog {
    fn on_event(&mut self, id: ConnectionId, event: ConnectionEvent) {
        self.0.push((id, event));
    }
}

fn event_loop(read_buffer: usize) -> (EventLoop<EventLog>, SocketAddr) {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        read_buffer,
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let address = server.local_addrs()[0];
    let Server {
        poll,
        listeners,
        shutdown,
        max_connections,
        config,
        ..
    } = server;
    let observer = EventLog::default();
    let event_loop = EventLoop::new(
        poll,
        listeners,
        shutdown,
        &config,
        max_connections,
        observer,
    );
    (event_loop, address)
}

/// This many peers, accepted, with nothing left to do for any of them.
fn peers(
    event_loop: &mut EventLoop<EventLog>,
    address: SocketAddr,
    count: usize,
) -> Vec<net::TcpStream> {
    let connect = |_| net::TcpStream::connect(address).unwrap();
    let peers = (0..count).map(connect).collect();
    while event_loop.connections.len() < count {
        event_loop.wait().unwrap();
        event_loop.note();
        event_loop.admit().unwrap();
        event_loop.serve();
    }
    peers
}

/// Waits and notes until this many connections are due a turn.
fn note_until_runnable(event_loop: &mut EventLoop<EventLog>, count: usize) {
    while event_loop.run_queue.len() < count {
        let deadline = Some(Duration::from_secs(10));
        event_loop
            .poll
            .poll(&mut event_loop.events, deadline)
            .unwrap();
        assert!(!event_loop.events.is_empty(), "an edge was awaited");
        event_loop.note();
    }
}

#[test]
fn all_connections_read_before_any_of_them_writes() {
    let (mut event_loop, address) = event_loop(1024);
    let mut peers = peers(&mut event_loop, address, 3);
    for peer in &mut peers {
        peer.write_all(b"hello").unwrap();
    }
    note_until_runnable(&mut event_loop, 3);
    event_loop.serve();

    let kinds: Vec<_> = event_loop
        .observer
        .0
        .iter()
        .map(|(_, event)| *event)
        .collect();
    let read = ConnectionEvent::Read { bytes: 5 };
    let written = ConnectionEvent::Wrote {
        bytes: 5,
        offered: 5,
    };
    assert_eq!(kinds, [read, read, read, written, written, written]);
    assert!(event_loop.run_queue.is_empty());
}

#[test]
fn once_the_read_budget_is_used_up_the_others_keep_their_places() {
    let (mut event_loop, address) = event_loop(8);
    event_loop.received = ReceiveBuffer::new(7, 8);
    let mut peers = peers(&mut event_loop, address, 3);
    for peer in &mut peers {
        peer.write_all(b"sixteen bytes...").unwrap();
    }
    note_until_runnable(&mut event_loop, 3);
    let mut order = Vec::new();
    while order.len() < 6 {
        let before = event_loop.observer.0.len();
        event_loop.serve();
        let events = event_loop.observer.0.split_off(before);
        let reads = events
            .iter()
            .filter(|(_, event)| matches!(event, ConnectionEvent::Read { .. }));
        let received: Vec<_> = reads.map(|(id, _)| *id).collect();
        assert_eq!(
            received.len(),
            1,
            "one such read uses up the budget: {events:?}"
        );
        order.extend(received);
    }
    let [first, second, third] = [order[0], order[1], order[2]];
    assert_eq!(order, [first, second, third, first, second, third]);
}

#[test]
fn an_event_for_a_connection_that_is_gone_is_ignored() {
    let (mut event_loop, _) = event_loop(1024);
    let (mut ours, mut theirs) = mio::net::UnixStream::pair().unwrap();
    let stale = Source::Connection(7).into();
    let registry = event_loop.poll.registry();
    registry
        .register(&mut ours, stale, Interest::READABLE)
        .unwrap();
    theirs.write_all(b"late").unwrap();

    event_loop.wait().unwrap();
    assert!(event_loop.events.iter().any(|event| event.token() == stale));
    event_loop.note();
    event_loop.serve();
    assert!(event_loop.run_queue.is_empty());
    assert!(event_loop.connections.is_empty());
}

#[test]
fn an_event_with_nothing_behind_it_costs_one_read_and_no_more() {
    let (mut event_loop, address) = event_loop(1024);
    let _peer = peers(&mut event_loop, address, 1);
    let (key, slot) = event_loop.connections.iter_mut().next().unwrap();
    slot.connection.note(crate::readiness::EventFlags {
        readable: true,
        ..Default::default()
    });
    event_loop.run_queue.push(key);
    event_loop.serve();
    let events: Vec<_> = event_loop
        .observer
        .0
        .iter()
        .map(|(_, event)| *event)
        .collect();
    assert_eq!(events, [ConnectionEvent::ReadWouldBlock]);
    assert!(event_loop.run_queue.is_empty());
}
