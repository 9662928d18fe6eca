//! One thread's connection, on a real socket, with a stop and deadlines of our choice.

use super::*;
use crate::connection::{Script, Stream};
use crate::server::config::Config;
use crate::server::delivery::Deliveries;
use crate::server::kernel::Socket as SocketOfConnection;
use crate::server::send_queue::Delivery;
use crate::server::threads::shutdown_pipe::{self, ReadEnd, WriteEnd};
use mio::{Poll, Token, Waker};
use socket2::{Domain, SockRef, Socket, Type};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

/// Keeps what was observed.
#[derive(Debug, Clone, Default)]
struct Seen {
    events: Vec<ConnectionEvent>,
    phases: Vec<Phase>,
    calls: Vec<BlockingCall>,
    ends: Vec<ConnectionSummary>,
}

impl Observer for Seen {
    fn merge(&mut self, forked: Self) {
        self.events.extend(forked.events);
        self.phases.extend(forked.phases);
        self.calls.extend(forked.calls);
    }

    fn on_event(&mut self, _id: ConnectionId, event: ConnectionEvent) {
        self.events.push(event);
    }

    fn phase_changed(&mut self, _id: ConnectionId, phase: Phase) {
        self.phases.push(phase);
    }

    fn blocking_call(&mut self, _id: ConnectionId, call: BlockingCall) {
        self.calls.push(call);
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        self.ends.push(summary.clone());
    }
}

/// A connection, both of its sockets, and what it shares with the server.
struct Fixture {
    connection: ThreadConnection<Seen>,
    stream: TcpStream,
    peer: TcpStream,
    shared: Arc<Shared<Seen>>,
    write_end: WriteEnd,
    _poll: Poll,
}

fn fixture(idle_timeout: Option<Duration>) -> Fixture {
    fixture_with(idle_timeout, SMALL_BUFFERS)
}

/// Bytes of the send buffer and of the peer's receive buffer.
const SMALL_BUFFERS: usize = 4 << 10;

fn fixture_with(idle_timeout: Option<Duration>, buffers: usize) -> Fixture {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let peer = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    peer.set_recv_buffer_size(buffers).unwrap();
    peer.connect(&listener.local_addr().unwrap().into())
        .unwrap();
    let (stream, address) = listener.accept().unwrap();
    SockRef::from(&stream)
        .set_send_buffer_size(buffers)
        .unwrap();
    let config = Config {
        idle_timeout,
        ..Config::default()
    };
    let (read_end, write_end) = shutdown_pipe::new().unwrap();
    let poll = Poll::new().unwrap();
    let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
    let shared = Arc::new(Shared::new(config, read_end, waker, Seen::default()));
    let observer = Arc::new(Mutex::new(Seen::default()));
    let identity = Identity {
        id: ConnectionId(1),
        peer: address.into(),
        key: shared.table().open.insert(Arc::clone(&observer)),
    };
    Fixture {
        connection: ThreadConnection::new(identity, observer, Arc::clone(&shared)),
        stream,
        peer: peer.into(),
        shared,
        write_end,
        _poll: poll,
    }
}

const SOON: Duration = Duration::from_millis(60);

/// Longer than a deadline takes, and the end of what would otherwise never end.
const LATE: Duration = Duration::from_secs(2);

/// Runs the connection beside its peer, and returns how it ended.
fn run(fixture: Fixture, peer: impl FnOnce(TcpStream) + Send) -> ConnectionSummary {
    let seen = observe(fixture, peer);
    assert_eq!(seen.ends.len(), 1);
    seen.ends[0].clone()
}

/// Runs the connection beside its peer, and returns what was observed.
fn observe(fixture: Fixture, peer: impl FnOnce(TcpStream) + Send) -> Seen {
    let Fixture {
        connection,
        stream,
        peer: socket,
        shared,
        ..
    } = fixture;
    thread::scope(|scope| {
        scope.spawn(move || peer(socket));
        connection.run(&stream);
        drop(stream);
    });
    shared.table().observer.clone()
}

/// A stop is requested, which expires after `time`.
fn request_stop(shared: &Shared<Seen>, time: Duration) {
    let expires = Instant::now().checked_add(time);
    shared.drain_expires.set(expires).unwrap();
}

#[test]
fn a_connection_that_times_out_with_bytes_pending_is_reset() {
    let fixture = fixture(Some(SOON));
    let mut peer = fixture.peer.try_clone().unwrap();
    // The thread can read all of it, and write only a part.
    peer.write_all(&vec![1; 48 << 10]).unwrap();
    let end = run(fixture, drop);
    assert_eq!(end.reason, Reason::TimedOut(Deadline::Idle));
    let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_connection_that_times_out_with_nothing_pending_ends_in_order() {
    let end = run(fixture(Some(SOON)), |mut peer| {
        assert_eq!(peer.read_to_end(&mut Vec::new()).unwrap(), 0);
    });
    assert_eq!(end.reason, Reason::TimedOut(Deadline::Idle));
}

#[test]
fn at_a_stop_what_was_received_is_echoed_before_our_fin() {
    let mut fixture = fixture(None);
    fixture.peer.write_all(b"hello").unwrap();
    request_stop(&fixture.shared, LATE);
    let end = run(fixture, |mut peer| {
        let mut echo = Vec::new();
        peer.read_to_end(&mut echo).unwrap();
        assert_eq!(echo, b"hello");
        // Our FIN is no reason for the peer to stop, and what it sends is no reason for a reset.
        for _ in 0..10 {
            peer.write_all(b"late").unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(end.reason, Reason::Finished);
}

#[test]
fn a_peer_that_never_stops_sending_does_not_outlive_a_stop() {
    let fixture = fixture(None);
    request_stop(&fixture.shared, SOON);
    let end = run(fixture, |mut peer| {
        assert_eq!(peer.read(&mut [0]).unwrap(), 0, "our FIN");
        let start = Instant::now();
        while start.elapsed() < LATE && peer.write_all(&[0; 1024]).is_ok() {}
    });
    assert_eq!(end.reason, Reason::TimedOut(Deadline::Drain));
}

#[test]
fn bytes_that_move_are_activity_and_nothing_else_is() {
    let mut connection = fixture(None).connection;
    let bytes = 1;
    for (event, is_activity) in [
        (ConnectionEvent::Read { bytes }, true),
        (ConnectionEvent::Wrote { bytes, offered: 1 }, true),
        (ConnectionEvent::Discarded { bytes }, false),
        (ConnectionEvent::Queued { bytes }, false),
    ] {
        connection.idle_since = Some(Instant::now());
        connection.emit(event);
        assert_eq!(connection.idle_since.is_none(), is_activity, "{event:?}");
    }
}

#[test]
fn a_connection_that_becomes_quiet_gives_its_large_buffer_back() {
    let mut fixture = fixture(Some(SOON));
    let connection = &mut fixture.connection;
    let small = connection.buffer.room().unwrap().len();
    connection.buffer.adapt(small);
    assert!(connection.buffer.room().unwrap().len() > small);
    let parked = connection.park(&&fixture.stream, Awaited::Input);
    assert_eq!(parked, Err(Reason::TimedOut(Deadline::Idle)));
    assert_eq!(connection.buffer.room().unwrap().len(), small);
}

#[test]
fn a_stop_wakes_a_parked_thread_once() {
    let mut fixture = fixture(None);
    request_stop(&fixture.shared, SOON);
    drop(fixture.write_end);
    let mut park = || fixture.connection.park(&&fixture.stream, Awaited::Input);
    assert_eq!(park(), Ok(()));
    assert_eq!(park(), Err(Reason::TimedOut(Deadline::Drain)));
}

#[test]
fn a_blocked_write_is_tried_again_before_the_connection_is_idle() {
    let mut fixture = fixture_with(Some(Duration::from_millis(400)), 128 << 10);
    fixture.stream.set_nonblocking(true).unwrap();
    let mut refused = 0;
    while refused < 5 {
        match (&fixture.stream).write(&[0; 8 << 10]) {
            Ok(_) => refused = 0,
            // What the peer's kernel acknowledges later makes room once more.
            Err(_) => refused += 1,
        }
        thread::sleep(Duration::from_millis(2));
    }
    let parked = fixture.connection.park(&&fixture.stream, Awaited::Room);
    assert_eq!(parked, Ok(()));
}

/// A socket that takes what a script says, and never has to be waited for.
struct Scripted {
    script: Script,
    /// Until when the last wait would have lasted.
    waited_until: Cell<Option<Instant>>,
}

fn scripted(script: Script) -> Scripted {
    Scripted {
        script,
        waited_until: Cell::new(None),
    }
}

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.script.read(buffer)
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.script.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Scripted {
    fn send_fin(&mut self) -> io::Result<()> {
        self.script.send_fin()
    }
}

impl SocketOfConnection for Scripted {
    fn unread_bytes(&self) -> Option<u32> {
        None
    }

    fn reset_on_close(&self) {}

    fn delivery(&self, _deliveries: &mut Deliveries) -> Option<Delivery> {
        Some(Delivery {
            quiet: Duration::ZERO,
            acknowledged: 5,
        })
    }
}

impl ThreadStream for Scripted {
    fn prepare(&self, _idle_timeout: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn wait(
        &self,
        _awaited: Awaited,
        _pipe: Option<&ReadEnd>,
        until: Option<Instant>,
    ) -> io::Result<WaitEnd> {
        self.waited_until.set(until);
        Ok(WaitEnd::Woken)
    }

    fn awaits_peer(&self) -> bool {
        true
    }
}

#[test]
fn a_write_in_parts_is_observed_with_what_was_offered_and_what_is_pending() {
    let mut connection = fixture(None).connection;
    let script = Script::default()
        .write_takes(3)
        .write_blocks()
        .write_fails(ErrorKind::Interrupted)
        .write_takes(2);
    let mut stream = scripted(script);
    connection.buffer.room().unwrap()[..8].copy_from_slice(b"in parts");
    connection.write_all(&mut stream, 8).unwrap();
    assert_eq!(stream.script.written(), b"in parts");
    assert_eq!(connection.bytes_out, 8);
    let seen = lock(&connection.observer).clone();
    let queued = |bytes| ConnectionEvent::Queued { bytes };
    let wrote = |bytes, offered| ConnectionEvent::Wrote { bytes, offered };
    let expected = [
        queued(5),
        wrote(3, 8),
        // Once for the call that would block, once for the one that was interrupted.
        queued(5),
        queued(5),
        queued(3),
        wrote(2, 5),
        wrote(3, 3),
    ];
    assert_eq!(seen.events, expected);
    assert_eq!(seen.calls, [BlockingCall::Write; 5]);
}

#[test]
fn a_thread_waits_for_the_peer_until_a_deadline_and_for_room_until_the_next_tick() {
    let timeout = Duration::from_secs(80);
    let mut connection = fixture(Some(timeout)).connection;
    let stream = scripted(Script::default());
    for (awaited, longest) in [
        (Awaited::Input, timeout),
        (Awaited::Room, timeout / IDLE_TICKS),
    ] {
        let start = Instant::now();
        connection.idle_since = None;
        connection.park(&stream, awaited).unwrap();
        let until = stream.waited_until.get().unwrap();
        assert!(until >= start + longest && until <= Instant::now() + longest);
    }
}

#[test]
fn a_connection_is_not_idle_while_the_kernel_delivers_something_new() {
    let mut connection = fixture(Some(LATE)).connection;
    let stream = scripted(Script::default());
    let long_ago = Instant::now().checked_sub(2 * LATE);
    connection.idle_since = long_ago;
    assert_eq!(connection.check_deadline(&stream), Ok(()));
    assert!(connection.idle_since > long_ago);
    connection.idle_since = long_ago;
    let idle = Err(Reason::TimedOut(Deadline::Idle));
    assert_eq!(connection.check_deadline(&stream), idle, "nothing new");
}

/// Stopped by SIGSTOP for longer than the idle timeout, a blocked call is interrupted.
#[test]
fn an_interrupted_call_is_tried_again_before_the_connection_is_idle() {
    let mut connection = fixture(Some(LATE)).connection;
    let script = Script::default()
        .write_fails(ErrorKind::Interrupted)
        .write_takes(2);
    let mut stream = scripted(script);
    // What has been delivered is known, so that nothing is new.
    connection.note_delivery(&stream);
    connection.idle_since = Instant::now().checked_sub(2 * LATE);
    connection.buffer.room().unwrap();
    assert_eq!(connection.write_all(&mut stream, 2), Ok(()));
    assert!(connection.idle_since.is_none());
}

#[test]
fn the_phases_of_a_stop_are_observed() {
    let mut fixture = fixture(None);
    fixture.peer.write_all(b"hello").unwrap();
    while fixture.stream.peek(&mut [0; 8]).unwrap() < 5 {}
    request_stop(&fixture.shared, LATE);
    let seen = observe(fixture, |mut peer| {
        peer.read_to_end(&mut Vec::new()).unwrap();
    });
    let phases = [Phase::Draining { unread: 5 }, Phase::Lingering];
    assert_eq!(seen.phases, phases);
}
