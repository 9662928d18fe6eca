//! The server that experiments build their mistake into: a poll, a listener, connections, a run queue and a
//! trace.
//!
//! Its iterations have the phases of `server::event_loop`: wait, note, admit, serve. A [`Behaviour`] replaces the
//! part that the experiment is about.

use super::connection::{Counters, ReadResult, TestConnection};
use super::socket_buffers::SocketBuffers;
use super::trace_buffer::TraceBuffer;
use crate::learn::lab::experiment::Variant;
use crate::readiness::{EventFlags, INTEREST};
use crate::server::{LoopPhase, WakeSource};
use crate::trace::{Event, Lane};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX);

/// What the server does. Every method is correct as it stands here; an experiment overrides the one that
/// contains its mistake.
pub(crate) trait Behaviour: Sized {
    /// One iteration of the loop, which waits for at most `timeout`. Returns whether there was anything to do.
    fn iterate(&mut self, server: &mut TestServer, timeout: Duration) -> io::Result<bool> {
        for event in server.wait(timeout)? {
            server.note(&event);
        }
        let admitted = server.admit(self)?;
        let served = server.serve(self);
        Ok(admitted || served)
    }

    /// An event has reported the listener.
    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        while server.accept()? {}
        Ok(())
    }

    /// An event has reported the connection, or its last turn yielded.
    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        let mut buffer = [0; 64];
        loop {
            match connection.read(&mut buffer) {
                ReadResult::Bytes(bytes) => connection.echo(bytes),
                ReadResult::WouldBlock => return Flow::Park,
                ReadResult::Fin => return Flow::Close,
            }
        }
    }
}

/// A behaviour that contains its mistake in [`serve`](Behaviour::serve), as most do.
#[derive(Debug)]
pub(crate) struct ServeVariant {
    pub(crate) variant: Variant,
    pub(crate) serve: fn(Variant, &mut TestConnection) -> Flow,
}

impl Behaviour for ServeVariant {
    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        (self.serve)(self.variant, connection)
    }
}

/// What happens to a connection at the end of its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It stays open until the next edge.
    Park,
    /// It has more to do and goes to the back of the run queue.
    Yield,
    /// Its socket is closed.
    Close,
}

/// The server under test.
#[derive(Debug)]
pub(crate) struct TestServer {
    poll: Poll,
    events: Events,
    pub(crate) listener: TcpListener,
    /// Whether an event has reported the listener, and [`admit`](Self::admit) has not run since.
    pub(crate) listener_ready: bool,
    connections: Slab<TestConnection>,
    /// Keys of the connections to serve, each at most once.
    run_queue: VecDeque<usize>,
    /// What closed connections have moved.
    closed: Vec<(SocketAddr, Counters)>,
    pub(crate) trace: TraceBuffer,
    /// Connections accepted so far.
    pub(crate) accepted: usize,
}

/// A listener on loopback, on a port chosen by the system. Accepted sockets inherit its options.
pub(crate) fn listen(buffers: SocketBuffers) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_out_of_band_inline(true)?;
    if let Some(size) = buffers.server_send {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = buffers.server_receive {
        socket.set_recv_buffer_size(size)?;
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(1024)?;
    Ok(TcpListener::from_std(socket.into()))
}

impl TestServer {
    pub(crate) fn new(buffers: SocketBuffers) -> io::Result<Self> {
        let mut listener = listen(buffers)?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            listener,
            listener_ready: false,
            connections: Slab::new(),
            run_queue: VecDeque::new(),
            closed: Vec::new(),
            trace: TraceBuffer::new(),
            accepted: 0,
        })
    }

    // ── the phases of an iteration ──────────────────────────────────────────────────────────────

    /// Waits for events, for at most `timeout`; not at all while a connection is on the run queue. Returns no
    /// event after the timeout, or after a signal.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<Vec<mio::event::Event>> {
        let is_busy = !self.run_queue.is_empty();
        let timeout = if is_busy { Duration::ZERO } else { timeout };
        self.trace.wait_started();
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Vec::new()),
            result => result?,
        }
        let events: Vec<_> = self.events.iter().cloned().collect();
        if is_busy {
            self.trace.polled(events.len());
        } else if !events.is_empty() {
            self.trace.woke(events.len());
        }
        Ok(events)
    }

    /// Notes what one event reports, and acts on nothing.
    pub(crate) fn note(&mut self, event: &mio::event::Event) {
        let Token(key) = event.token();
        if event.token() == LISTENER {
            self.listener_ready = true;
            let source = WakeSource::Listener;
            self.trace.record(Lane::Loop, Event::WokenBy { source });
        } else if let Some(connection) = self.connections.get_mut(key) {
            let flags = EventFlags::from(event);
            connection.flags = flags;
            self.trace
                .record(connection.lane, Event::FlagsReported { flags });
            connection.look_at_buffer();
            connection.set_readiness(flags.readable, flags.writable);
            self.trace.take_events(connection);
            if !self.run_queue.contains(&key) {
                self.run_queue.push_back(key);
            }
        }
    }

    /// Admits connections if the listener was reported. Returns whether it was.
    pub(crate) fn admit(&mut self, behaviour: &mut impl Behaviour) -> io::Result<bool> {
        let was_ready = mem::take(&mut self.listener_ready);
        if was_ready {
            self.enter(LoopPhase::Admit);
            behaviour.admit(self)?;
        }
        Ok(was_ready)
    }

    /// Serves the connections that are on the run queue now. Returns whether there were any.
    pub(crate) fn serve(&mut self, behaviour: &mut impl Behaviour) -> bool {
        let runnable = self.run_queue.len();
        if runnable > 0 {
            // The program's own loop has a read pass and a write pass; this one serves in a single pass.
            self.enter(LoopPhase::Read);
        }
        for _ in 0..runnable {
            if let Some(key) = self.run_queue.pop_front() {
                self.serve_one(key, behaviour);
            }
        }
        runnable > 0
    }

    fn serve_one(&mut self, key: usize, behaviour: &mut impl Behaviour) {
        let Some(connection) = self.connections.get_mut(key) else {
            unreachable!("closing a connection takes its key off the run queue");
        };
        let flow = behaviour.serve(connection);
        connection.look_at_buffer();
        if flow == Flow::Park {
            // To wait for the next edge is to treat both directions as exhausted.
            connection.set_readiness(false, !connection.has_pending());
        }
        self.trace.take_events(connection);
        match (connection.error(), flow) {
            (Some(error), _) => self.close(key, &error.to_string()),
            (None, Flow::Close) => self.close(key, "finished"),
            (None, Flow::Yield) => {
                self.trace.record(connection.lane, Event::Yielded);
                self.run_queue.push_back(key);
            }
            (None, Flow::Park) => {}
        }
    }

    fn enter(&mut self, phase: LoopPhase) {
        self.trace.record(Lane::Loop, Event::PhaseEntered { phase });
    }

    // ── connections ─────────────────────────────────────────────────────────────────────────────

    /// One accept(2). Returns whether the backlog held a connection.
    pub(crate) fn accept(&mut self) -> io::Result<bool> {
        let (mut socket, address) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        self.accepted += 1;
        let entry = self.connections.vacant_entry();
        let token = Token(entry.key());
        self.poll
            .registry()
            .register(&mut socket, token, INTEREST)?;
        let lane = Lane::Connection(self.accepted as u64);
        let connection = entry.insert(TestConnection::new(socket, lane, address));
        self.trace.take_events(connection);
        Ok(true)
    }

    /// Closes every connection.
    pub(crate) fn close_all(&mut self, reason: &str) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.close(key, reason);
        }
    }

    fn close(&mut self, key: usize, reason: &str) {
        let connection = self.connections.remove(key);
        // The next connection gets the same key, and must not get a turn that it has not asked for.
        self.run_queue.retain(|other| *other != key);
        let record = connection.closed(reason);
        self.trace.record(connection.lane, record);
        self.closed.push((connection.address, connection.counters));
    }

    /// The server's side of the connection to the client at `address`, while it is open.
    pub(crate) fn connection(&self, address: SocketAddr) -> Option<&TestConnection> {
        let mut connections = self.connections.iter().map(|(_, connection)| connection);
        connections.find(|connection| connection.address == address)
    }

    /// What the server has moved for the client at `address`: zero if it has not accepted it.
    pub(crate) fn counters(&self, address: SocketAddr) -> Counters {
        let mut closed = self.closed.iter();
        let closed = closed.find(|(other, _)| *other == address);
        match (self.connection(address), closed) {
            (Some(connection), _) => connection.counters,
            (None, Some((_, counters))) => *counters,
            (None, None) => Counters::default(),
        }
    }
}
