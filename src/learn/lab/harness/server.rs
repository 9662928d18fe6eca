//! The server that experiments build their mistake into: a poll, a listener, connections, a run queue and a
//! trace.
//!
//! Its iterations have the phases of `server::event_loop`: wait, note, admit, serve. A [`Behaviour`] replaces the
//! part that the experiment is about.

use super::clock::ServerClock;
use super::connection::{Flow, TestConnection};
use super::connections::Connections;
use super::listener;
use super::signals::StopSignals;
use super::socket_buffers::SocketBuffers;
use super::socket_probe;
use super::trace_buffer::TraceBuffer;
use super::vocabulary::{Event, INTEREST, Lane, LoopPhase, WakeSource, os_error};
use super::wait::{self, SocketEvent, Trigger, Watched};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);

/// What the server does. Every default is correct; an experiment overrides the method that contains its mistake.
pub(crate) trait Behaviour: Sized {
    /// How the kernel reports readiness.
    fn trigger(&self) -> Trigger {
        Trigger::Edge
    }

    /// What a level-triggered server asks for while it waits. An edge-triggered one has registered everything.
    fn interest(&self, connection: &TestConnection) -> Interest {
        if connection.has_pending() {
            Interest::WRITABLE
        } else {
            Interest::READABLE
        }
    }

    /// One iteration of the loop, which waits for at most `timeout`. Returns whether there was anything to do.
    fn iterate(&mut self, server: &mut TestServer, timeout: Duration) -> io::Result<bool> {
        for event in server.wait(self, timeout)? {
            server.note(&event);
        }
        let admitted = server.admit(self)?;
        let served = server.serve(self);
        let expired = server.expire(self);
        Ok(admitted || served || expired)
    }

    /// An event has reported the listener, or a pause in accepting is over.
    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        while server.accept()?.is_some() {}
        Ok(())
    }

    /// An event has reported the connection, or its last turn yielded.
    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        connection.echo_all()
    }

    /// How long a connection may take to [make progress](TestConnection::made_progress); `None`: there is no limit.
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// The server is about to close the descriptor of a connection that has ended.
    fn closing(&mut self, _connection: &mut TestConnection, _registry: &Registry) {}

    /// A stop was requested, and the server accepts no more. It ends once no connection is open.
    fn stop(&mut self, server: &mut TestServer) {
        server.close_all("stopped");
    }
}

/// Whether a stop has been requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerStage {
    Serving,
    /// A connection without pending bytes is sent a FIN at the end of its turn; no more are accepted.
    Stopping,
}

/// The server under test.
#[derive(Debug)]
pub(crate) struct TestServer {
    poll: Poll,
    events: Events,
    pub(crate) listener: TcpListener,
    /// Whether an event has reported the listener, and [`admit`](Self::admit) has not run since.
    listener_ready: bool,
    trigger: Trigger,
    stage: ServerStage,
    /// Until when it does not accept.
    paused_until: Option<Instant>,
    /// What deadlines are compared with.
    pub(crate) clock: ServerClock,
    /// What ends it, if it is a server of its own.
    signals: Option<StopSignals>,
    pub(crate) connections: Connections,
    /// Keys of the connections to serve, each at most once.
    run_queue: VecDeque<usize>,
    pub(crate) trace: TraceBuffer,
    /// Connections accepted so far.
    pub(crate) accepted: usize,
    /// Events so far that named a connection that the server did not have.
    pub(crate) stray_events: usize,
    /// System calls so far: waits, accepts, reads and writes.
    pub(crate) system_calls: usize,
}

impl TestServer {
    /// A server on loopback, on a port chosen by the system.
    pub(crate) fn new(trigger: Trigger, buffers: SocketBuffers) -> io::Result<Self> {
        let listener = listener::on_loopback(buffers)?;
        Self::with(trigger, listener, TraceBuffer::new(), None)
    }

    /// A server of its own, without a trace, until SIGINT or SIGTERM.
    pub(crate) fn until_signal(trigger: Trigger, listener: TcpListener) -> io::Result<Self> {
        let signals = StopSignals::catch()?;
        Self::with(trigger, listener, TraceBuffer::off(), Some(signals))
    }

    fn with(
        trigger: Trigger,
        mut listener: TcpListener,
        trace: TraceBuffer,
        mut signals: Option<StopSignals>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        if trigger == Trigger::Edge {
            let registry = poll.registry();
            registry.register(&mut listener, LISTENER, Interest::READABLE)?;
            if let Some(signals) = &mut signals {
                registry.register(signals.source(), SIGNALS, Interest::READABLE)?;
            }
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            listener,
            listener_ready: false,
            trigger,
            stage: ServerStage::Serving,
            paused_until: None,
            clock: ServerClock::Running(Instant::now()),
            signals,
            connections: Connections::default(),
            run_queue: VecDeque::new(),
            trace,
            accepted: 0,
            stray_events: 0,
            system_calls: 0,
        })
    }

    // ── the phases of an iteration ──────────────────────────────────────────────────────────────

    /// Waits for events, for at most `timeout`; not at all while a connection is on the run queue. Returns no
    /// event after the timeout, or after a signal.
    pub(crate) fn wait(
        &mut self,
        behaviour: &impl Behaviour,
        timeout: Duration,
    ) -> io::Result<Vec<SocketEvent>> {
        let is_busy = !self.run_queue.is_empty();
        let timeout = match self.paused_until {
            _ if is_busy => Duration::ZERO,
            Some(end) => timeout.min(end.saturating_duration_since(Instant::now())),
            None => timeout.min(
                self.connections
                    .timeout(behaviour.time_limit(), &self.clock),
            ),
        };
        self.system_calls += 1;
        self.trace.wait_started();
        let events = match self.trigger {
            Trigger::Edge => wait::for_edges(&mut self.poll, &mut self.events, timeout)?,
            Trigger::Level => wait::for_levels(&self.watched(behaviour), timeout)?,
        };
        if self.stage == ServerStage::Serving && self.is_stop_requested() {
            // The stop comes first. Draining gives every connection a turn.
            return Ok(Vec::new());
        }
        if is_busy {
            self.trace.polled(events.len());
        } else if !events.is_empty() {
            self.trace.woke(events.len());
        }
        if self.paused_until.is_some_and(|at| at <= Instant::now()) {
            self.paused_until = None;
            self.listener_ready = true;
        }
        Ok(events)
    }

    /// What a level-triggered wait asks for.
    fn watched(&self, behaviour: &impl Behaviour) -> Vec<Watched<'_>> {
        let mut watched = Vec::new();
        if self.paused_until.is_none() && self.stage == ServerStage::Serving {
            watched.push((LISTENER, self.listener.as_fd(), Interest::READABLE));
        }
        if let Some(signals) = &self.signals {
            watched.push((SIGNALS, signals.as_fd(), Interest::READABLE));
        }
        watched.extend(self.connections.open.iter().map(|(key, connection)| {
            let interest = behaviour.interest(connection);
            (Token(key), connection.socket.as_fd(), interest)
        }));
        watched
    }

    /// Notes what one event reports, and acts on nothing.
    pub(crate) fn note(&mut self, event: &SocketEvent) {
        let SocketEvent { token, flags } = *event;
        let Token(key) = token;
        if token == LISTENER {
            self.listener_ready = true;
            let source = WakeSource::Listener;
            self.trace.record(Lane::Loop, Event::WokenBy { source });
        } else if let Some(connection) = self.connections.open.get_mut(key) {
            connection.flags = flags;
            self.trace
                .record(connection.lane, Event::FlagsReported { flags });
            self.trace.look_at_buffers(connection);
            connection.set_readiness(flags.readable, flags.writable);
            self.trace.take_events(connection);
            if !self.run_queue.contains(&key) {
                self.run_queue.push_back(key);
            }
        } else if token != SIGNALS {
            self.stray_events += 1;
        }
    }

    /// Takes the listener and every connection for ready, without having asked the kernel.
    pub(crate) fn assume_all_ready(&mut self) {
        self.listener_ready = true;
        self.run_queue = self.keys().into();
    }

    /// Admits connections if the listener was reported. Returns whether it was.
    pub(crate) fn admit(&mut self, behaviour: &mut impl Behaviour) -> io::Result<bool> {
        let was_ready = mem::take(&mut self.listener_ready);
        if was_ready && self.stage == ServerStage::Serving {
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

    /// Gives one connection a turn.
    pub(crate) fn serve_one(&mut self, key: usize, behaviour: &mut impl Behaviour) {
        let Some(connection) = self.connections.open.get_mut(key) else {
            unreachable!("closing a connection takes its key off the run queue");
        };
        let flow = behaviour.serve(connection);
        self.system_calls += mem::take(&mut connection.system_calls);
        connection.last_progress.get_or_insert(self.clock.now());
        self.trace.look_at_buffers(connection);
        if flow == Flow::Park {
            let has_echoed = !connection.has_pending() && !connection.counters.fin_sent;
            if self.stage == ServerStage::Stopping && has_echoed {
                connection.send_fin();
            }
            // To wait for the next edge is to treat both directions as exhausted.
            connection.set_readiness(false, !connection.has_pending());
        }
        self.trace.take_events(connection);
        if connection.error().is_some() || flow == Flow::Close {
            behaviour.closing(connection, self.poll.registry());
        }
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

    /// Closes the connections whose time is over. Returns whether there were any.
    pub(crate) fn expire(&mut self, behaviour: &impl Behaviour) -> bool {
        let limit = behaviour.time_limit();
        let expired = self.connections.expired(limit, self.clock.now());
        for key in &expired {
            self.close(*key, "expired");
        }
        !expired.is_empty()
    }

    fn enter(&mut self, phase: LoopPhase) {
        self.trace.record(Lane::Loop, Event::PhaseEntered { phase });
    }

    // ── connections ─────────────────────────────────────────────────────────────────────────────

    /// One accept(2). Returns the client's address, or `None` if the backlog is empty.
    pub(crate) fn accept(&mut self) -> io::Result<Option<SocketAddr>> {
        self.system_calls += 1;
        let (mut socket, address) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        self.accepted += 1;
        let entry = self.connections.open.vacant_entry();
        let token = Token(entry.key());
        if self.trigger == Trigger::Edge {
            let registry = self.poll.registry();
            registry.register(&mut socket, token, INTEREST)?;
        }
        let lane = Lane::Connection(self.accepted as u64);
        let connection = entry.insert(TestConnection::new(socket, lane, address));
        connection.last_progress = Some(self.clock.now());
        self.trace.take_events(connection);
        Ok(Some(address))
    }

    /// Whether a connection is in the backlog.
    pub(crate) fn has_backlog(&self) -> io::Result<bool> {
        socket_probe::is_readable(&self.listener)
    }

    /// Records that accept(2) failed.
    pub(crate) fn accept_failed(&mut self, error: &io::Error) {
        let error = os_error::describe(error);
        self.trace.record(Lane::Loop, Event::AcceptFailed { error });
    }

    /// Accepts nothing for this long, then tries again without an event.
    pub(crate) fn pause_accepting(&mut self, time: Duration) {
        self.paused_until = Some(Instant::now() + time);
    }

    /// Whether SIGINT or SIGTERM has arrived.
    pub(crate) fn is_stop_requested(&self) -> bool {
        self.signals.as_ref().is_some_and(StopSignals::has_arrived)
    }

    /// Carries out a stop.
    pub(crate) fn stop(&mut self, behaviour: &mut impl Behaviour) {
        self.stage = ServerStage::Stopping;
        behaviour.stop(self);
    }

    /// Gives each connection a turn, in which it echoes what the kernel has received, and sends a FIN once nothing is
    /// pending. From then on its input is discarded, until the peer's FIN closes it.
    pub(crate) fn drain(&mut self, behaviour: &mut impl Behaviour) {
        self.run_queue = self.keys().into();
        self.serve(behaviour);
    }

    /// The keys of the open connections.
    pub(crate) fn keys(&self) -> Vec<usize> {
        self.connections.keys()
    }

    /// Closes every connection.
    pub(crate) fn close_all(&mut self, reason: &str) {
        for key in self.keys() {
            self.close(key, reason);
        }
    }

    /// Closes one connection.
    pub(crate) fn close(&mut self, key: usize, reason: &str) {
        let connection = self.connections.remove(key);
        // The next connection gets the same key, and must not get a turn that it has not asked for.
        self.run_queue.retain(|other| *other != key);
        let record = connection.closed(reason);
        self.trace.record(connection.lane, record);
    }
}
