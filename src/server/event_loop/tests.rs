//! The loop, one phase at a time: what cannot be observed through a socket.

use super::*;
use crate::connection::{ConnectionEvent, Deadline, Phase, Reason};
use crate::readiness::EventFlags;
use crate::server::Server;
use crate::server::kernel::MioPoll;
use crate::server::limits::{IDLE_TICKS, VISIT_WITH_SYSTEM_CALLS};
use crate::server::stream_listener::StreamListener;
use mio::net::TcpStream;
use mio::{Interest, Poll};
use std::io::Write;
use std::net::{self, SocketAddr};

/// Keeps every event in the order in which it happened.
#[derive(Debug, Clone, Default)]
struct EventLog(Vec<(ConnectionId, ConnectionEvent)>);

impl Observer for EventLog {
    fn on_event(&mut self, id: ConnectionId, event: ConnectionEvent) {
        self.0.push((id, event));
    }
}

fn on_loopback() -> Config {
    Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    }
}

fn event_loop(read_buffer: usize) -> (EventLoop<MioPoll, EventLog>, SocketAddr) {
    event_loop_with(|config| config.read_buffer = read_buffer)
}

fn event_loop_with(adjust: impl FnOnce(&mut Config)) -> (EventLoop<MioPoll, EventLog>, SocketAddr) {
    let mut config = on_loopback();
    adjust(&mut config);
    event_loop_on(MioPoll::new, config)
}

fn event_loop_on<K: Kernel<Socket = TcpStream, Listener = StreamListener>>(
    kernel: impl FnOnce(Poll) -> K,
    config: Config,
) -> (EventLoop<K, EventLog>, SocketAddr) {
    let server = Server::bind(config).unwrap();
    let address = server.local_addrs()[0].inet().unwrap();
    let Server {
        poll,
        listeners,
        datagrams,
        shutdown,
        max_connections,
        config,
        ..
    } = server;
    let observer = EventLog::default();
    let event_loop = EventLoop::new(
        kernel(poll),
        listeners,
        datagrams,
        shutdown,
        &config,
        max_connections,
        observer,
    );
    (event_loop, address)
}

/// This many peers, accepted, with nothing left to do for any of them.
fn peers(
    event_loop: &mut EventLoop<MioPoll, EventLog>,
    address: SocketAddr,
    count: usize,
) -> Vec<net::TcpStream> {
    let peers = connect(address, count);
    while event_loop.connections.len() < count {
        note_next_events(event_loop);
        event_loop.admit().unwrap();
        event_loop.serve();
    }
    peers
}

/// Waits and notes until this many connections are due a turn.
fn note_until_runnable(event_loop: &mut EventLoop<MioPoll, EventLog>, count: usize) {
    while event_loop.run_queue.len() < count {
        note_next_events(event_loop);
    }
}

/// Waits for events, with a deadline, and notes them.
fn note_next_events(event_loop: &mut EventLoop<MioPoll, EventLog>) {
    let deadline = Some(Duration::from_secs(10));
    event_loop.kernel.wait(deadline).unwrap();
    let events = event_loop.kernel.events().count();
    assert!(events > 0, "an edge was awaited");
    event_loop.note();
}

/// This many connections that wait to be accepted.
fn connect(address: SocketAddr, count: usize) -> Vec<net::TcpStream> {
    let connect = |_| net::TcpStream::connect(address).unwrap();
    (0..count).map(connect).collect()
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
    let stale = Source::Connection(7);
    let registry = event_loop.kernel.poll.registry();
    registry
        .register(&mut ours, stale.into(), Interest::READABLE)
        .unwrap();
    theirs.write_all(b"late").unwrap();

    event_loop.wait().unwrap();
    let arrived = event_loop
        .kernel
        .events()
        .any(|(source, _)| source == stale);
    assert!(arrived);
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
    slot.connection.note(EventFlags {
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

#[test]
fn an_iteration_accepts_no_more_than_its_budget_and_the_next_one_does_not_sleep() {
    let (mut event_loop, address) = event_loop(1024);
    let _peers = connect(address, ACCEPTS_PER_ITERATION + 5);
    note_next_events(&mut event_loop);
    event_loop.admit().unwrap();
    assert_eq!(event_loop.connections.len(), ACCEPTS_PER_ITERATION);
    assert!(event_loop.has_work(), "no edge will report the others");
    event_loop.admit().unwrap();
    assert_eq!(event_loop.connections.len(), ACCEPTS_PER_ITERATION + 5);
    let ids: Vec<u64> = event_loop
        .connections
        .iter()
        .map(|(_, slot)| slot.id().0)
        .collect();
    assert_eq!(ids, (1..=69).collect::<Vec<_>>(), "each has its own number");
}

#[test]
fn at_the_limit_on_connections_a_ready_listener_does_not_keep_the_loop_awake() {
    let (mut event_loop, address) = event_loop_with(|config| config.max_connections = Some(1));
    let _peers = connect(address, 2);
    note_next_events(&mut event_loop);
    event_loop.admit().unwrap();
    assert_eq!(event_loop.connections.len(), 1);
    assert!(event_loop.listeners.are_ready());
    assert!(!event_loop.has_work());
}

#[test]
fn the_loop_does_not_sleep_while_a_connection_is_due_a_turn() {
    let (mut event_loop, address) = event_loop(1024);
    let _peer = peers(&mut event_loop, address, 1);
    assert!(!event_loop.has_work());
    event_loop.run_queue.push(0);
    assert!(event_loop.has_work());
}

#[test]
fn idle_connections_are_looked_for_only_while_there_are_connections() {
    let hour = Duration::from_hours(1);
    let (mut event_loop, address) = event_loop_with(|config| config.idle_timeout = Some(hour));
    assert_eq!(event_loop.next_deadline(), None);
    let peer = peers(&mut event_loop, address, 1);
    assert!(event_loop.next_deadline().is_some());
    drop(peer);
    note_until_runnable(&mut event_loop, 1);
    event_loop.serve();
    assert!(event_loop.connections.is_empty());
    event_loop.note_time(Instant::now());
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn the_next_idle_tick_is_an_interval_after_the_end_of_the_walk() {
    let hour = Duration::from_hours(1);
    let (mut event_loop, address) = event_loop_with(|config| config.idle_timeout = Some(hour));
    let _peers = peers(&mut event_loop, address, 2);
    event_loop.walk = Walk::new(1);
    let future = event_loop.next_deadline().unwrap();
    event_loop.note_time(future);
    let after_its_beginning = event_loop.next_deadline().unwrap();
    assert!(after_its_beginning > future);
    while event_loop.walk.is_under_way() {
        assert_eq!(event_loop.next_deadline(), Some(after_its_beginning));
        event_loop.note();
    }
    // By the clock, the walk is over before the time at which it was said to begin.
    assert!(event_loop.next_deadline().unwrap() < after_its_beginning);
}

#[test]
fn an_iteration_visits_many_connections_that_need_nothing_or_a_few_that_do() {
    let (mut event_loop, address) = event_loop(1024);
    let _peers = peers(&mut event_loop, address, 5);
    event_loop.idle_clock = IdleClock::new(Some(Duration::ZERO));
    event_loop.walk = Walk::new(2 * VISIT_WITH_SYSTEM_CALLS);
    for _ in 0..IDLE_TICKS {
        event_loop.walk.begin(Visit::IdleTick);
        event_loop.note();
        assert!(!event_loop.walk.is_under_way());
    }
    assert!(event_loop.run_queue.is_empty());
    event_loop.walk.begin(Visit::IdleTick);
    for expired in [2, 4, 5] {
        event_loop.note();
        assert_eq!(event_loop.run_queue.len(), expired);
    }
}

#[test]
fn a_connection_that_waits_for_this_loop_is_not_idle() {
    let (mut event_loop, address) = event_loop(1024);
    let _peer = peers(&mut event_loop, address, 1);
    event_loop.idle_clock = IdleClock::new(Some(Duration::ZERO));
    let tick_often = |event_loop: &mut EventLoop<MioPoll, EventLog>| {
        for _ in 0..100 {
            event_loop.visit(Visit::IdleTick, 0);
        }
        event_loop.connections[0].connection.phase()
    };
    event_loop.run_queue.push(0);
    assert_eq!(tick_often(&mut event_loop), Phase::Open);
    event_loop.run_queue.pop();
    let timed_out = Phase::Closed(Reason::TimedOut(Deadline::Idle));
    assert_eq!(tick_often(&mut event_loop), timed_out);
}

#[test]
fn a_connection_from_the_backlog_is_drained_before_the_server_ends() {
    let (mut event_loop, address) = event_loop(1024);
    let mut peers = connect(address, 1);
    peers[0].write_all(b"hello").unwrap();
    event_loop.shutdown.stopper().stop().unwrap();
    note_next_events(&mut event_loop);
    assert!(!event_loop.is_done(), "a connection waits in the backlog");
    event_loop.admit().unwrap();
    let slot = &event_loop.connections[0];
    assert_eq!(slot.connection.phase(), Phase::Draining { unread: 5 });
    assert!(event_loop.run_queue.contains(0), "no edge will come");
    assert!(event_loop.listeners.are_closed(), "the backlog is empty");
}

#[test]
fn a_stop_reaches_some_connections_in_each_iteration_and_the_loop_does_not_sleep_before_the_last() {
    let (mut event_loop, address) = event_loop(1024);
    let _peers = peers(&mut event_loop, address, 3);
    event_loop.walk = Walk::new(1);
    event_loop.shutdown.stopper().stop().unwrap();
    note_next_events(&mut event_loop);
    let open = |event_loop: &EventLoop<MioPoll, EventLog>| {
        let slots = event_loop.connections.iter();
        slots
            .filter(|(_, slot)| slot.connection.phase() == Phase::Open)
            .count()
    };
    assert_eq!(open(&event_loop), 2);
    let _late = connect(address, 1);
    event_loop.admit().unwrap();
    assert_eq!(event_loop.connections.len(), 4);
    assert_eq!(open(&event_loop), 2, "the new one takes part at once");
    while event_loop.run_queue.pop().is_some() {}
    for left in [1, 0] {
        assert!(event_loop.has_work(), "no edge will come");
        event_loop.note();
        assert_eq!(open(&event_loop), left);
    }
}

#[test]
fn when_a_stop_expires_nothing_is_left_open() {
    let (mut event_loop, address) = event_loop(1024);
    let _peer = peers(&mut event_loop, address, 1);
    event_loop.note_stop(StopAction::Drain);
    event_loop.note_stop(StopAction::Expire);
    event_loop.note();
    event_loop.serve();
    assert!(event_loop.connections.is_empty() && event_loop.listeners.are_closed());
}

/// The poll of mio, on which waiting fails.
struct BrokenPoll(MioPoll);

impl Kernel for BrokenPoll {
    type Socket = TcpStream;
    type Listener = StreamListener;

    fn wait(&mut self, _timeout: Option<Duration>) -> io::Result<()> {
        Err(ErrorKind::InvalidInput.into())
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        self.0.events()
    }

    fn register(&mut self, socket: &mut TcpStream, source: Source) -> io::Result<()> {
        self.0.register(socket, source)
    }
}

#[test]
fn a_broken_poll_ends_the_server_with_its_error() {
    let broken = |poll| BrokenPoll(MioPoll::new(poll));
    let (event_loop, _) = event_loop_on(broken, on_loopback());
    let error = event_loop.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
