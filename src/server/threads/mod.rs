//! The contrast: a thread per connection, blocked in the kernel where the event loop keeps a state.
//!
//! This file is the main thread: it accepts connections, with the same listeners, limits and stages of a stop as the
//! event loop, and keeps the [`connection_table`]. What replaces the rest of the event loop is in [`connection`].

mod connection;
mod connection_table;
mod datagram_thread;
mod read_buffer;
mod shutdown_pipe;
mod thread_stream;

use super::config::Config;
use super::datagrams::Datagrams;
use super::heartbeat::Heartbeat;
use super::limits::{ACCEPTS_PER_ITERATION, EVENTS_PER_WAIT, THREAD_STACK};
use super::listener::{Accepted, Listeners};
use super::memory::Reservation;
use super::observer::{AcceptPause, ConnectionId, Observer};
use super::shutdown::{Shutdown, StopAction};
use super::sources::Source;
use crate::text::address::Address;
use connection::{Identity, ThreadConnection};
use connection_table::{Shared, lock};
use mio::{Events, Poll};
use shutdown_pipe::WriteEnd;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the main thread owns.
#[derive(Debug)]
pub(super) struct Threads<O> {
    poll: Poll,
    events: Events,
    listeners: Listeners,
    shutdown: Shutdown,
    heartbeat: Heartbeat,
    max_connections: usize,
    /// A connection that was accepted, but for which no thread could be started yet.
    unstarted: Option<(Arc<TcpStream>, Address)>,
    next_id: ConnectionId,
    shared: Arc<Shared<O>>,
    /// Dropped when a stop is requested, which wakes all threads.
    shutdown_pipe: Option<WriteEnd>,
}

impl<O: Observer> Threads<O> {
    pub(super) fn new(
        poll: Poll,
        listeners: Listeners,
        shutdown: Shutdown,
        config: Config,
        max_connections: usize,
        observer: O,
    ) -> io::Result<Self> {
        let (read_end, write_end) = shutdown_pipe::new()?;
        let heartbeat = Heartbeat::new(config.heartbeat);
        let shared = Shared::new(config, read_end, shutdown.waker(), observer);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            listeners,
            shutdown,
            heartbeat,
            max_connections,
            unstarted: None,
            next_id: ConnectionId(1),
            shared: Arc::new(shared),
            shutdown_pipe: Some(write_end),
        })
    }

    /// Serves until a stop has been requested and carried out.
    pub(super) fn run(mut self, datagrams: Datagrams) -> io::Result<O> {
        let datagram_thread = datagram_thread::start(datagrams, &self.shared)?;
        while !self.is_done() {
            self.wait()?;
            self.note();
            self.admit()?;
        }
        if let Some(thread) = datagram_thread {
            thread
                .join()
                .map_err(|_| io::Error::other("the thread for datagrams has panicked"))??;
        }
        let table = self.shared.table();
        Ok(table.observer.clone())
    }

    fn wait(&mut self) -> io::Result<()> {
        // Requested first, so that a connection which ends from here on wakes the wait below.
        self.request_wake_up();
        let timeout = if self.has_work() {
            Some(Duration::ZERO)
        } else {
            let deadlines = [
                self.listeners.deadline(),
                self.shutdown.deadline(),
                self.heartbeat.deadline(),
            ];
            let next = deadlines.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        self.shared.table().observer.waiting(timeout);
        let polled = self.poll.poll(&mut self.events, timeout);
        self.shared
            .table()
            .observer
            .woke(self.events.iter().count());
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    /// Makes the end of a connection wake this thread where that gives it something to do: at the limit on connections,
    /// and during a stop. The event loop needs neither this nor the lock.
    fn request_wake_up(&self) {
        let mut table = self.shared.table();
        table.wake_on_close = self.shutdown.is_under_way() || !self.has_room(table.open.len());
    }

    fn has_work(&self) -> bool {
        let open = self.shared.table().open.len();
        let can_start = self.unstarted.is_some() && !self.listeners.are_paused();
        let can_accept = self.has_room(open) && self.listeners.are_ready();
        self.is_finished(open) || can_start || can_accept
    }

    fn has_room(&self, open: usize) -> bool {
        open < self.max_connections
    }

    fn note(&mut self) {
        for event in &self.events {
            let observer = &mut self.shared.table().observer;
            match event.token().into() {
                Source::Listener(number) => self.listeners.note(number, observer),
                Source::Signals => self.shutdown.note_signals(observer),
                Source::Waker => self.shutdown.note_wake(observer),
                Source::Connection(_) | Source::Datagrams(_) => {
                    unreachable!("neither is registered here")
                }
            }
        }
        if self.shutdown.take_report_request() {
            self.shared.table().observed_so_far().report();
        }
        if self.shutdown.take_snapshot_request() {
            self.shared.table().observed_so_far().publish();
        }
        while let Some(action) = self.shutdown.next_action() {
            self.note_stop(action);
        }
        let now = Instant::now();
        self.listeners.note_time(now);
        self.shutdown.note_time(now);
        if self.heartbeat.tick(now) {
            self.shared.table().observer.heartbeat();
        }
    }

    fn note_stop(&mut self, action: StopAction) {
        match action {
            StopAction::Drain => {
                let mut table = self.shared.table();
                let open = table.open.len();
                table.observer.stopping(open);
                let _set_once = self
                    .shared
                    .drain_expires
                    .set(self.shutdown.drain_deadline());
                self.shutdown_pipe = None;
                self.listeners.drain_backlog();
            }
            // Each thread has its own deadline.
            StopAction::Expire => {
                self.listeners.close();
                self.unstarted = None;
            }
        }
    }

    fn admit(&mut self) -> io::Result<()> {
        if !self.listeners.are_paused()
            && let Some((stream, peer)) = self.unstarted.take()
        {
            self.start(stream, peer);
        }
        for _ in 0..ACCEPTS_PER_ITERATION {
            let mut table = self.shared.table();
            if !self.has_room(table.open.len()) {
                self.listeners
                    .pause_while_full(self.max_connections, &mut table.observer);
                break;
            }
            let accepted = self.listeners.accept(&mut table.observer)?;
            drop(table);
            match accepted {
                Accepted::Peer(stream, peer) => self.start(Arc::new(stream.into()), peer),
                Accepted::Retry => {}
                Accepted::Nothing => break,
            }
        }
        Ok(())
    }

    /// Gives the connection a thread of its own. If the system allows no further thread, the connection waits for one,
    /// and the listeners pause.
    fn start(&mut self, stream: Arc<TcpStream>, peer: Address) {
        let id = self.next_id;
        // Locked until the table is complete: the thread may end before its connection is inserted.
        let mut table = self.shared.table();
        let open = table.open.len();
        let observer = Arc::new(Mutex::new(table.observer.fork()));
        let entry = table.open.vacant_entry();
        let identity = Identity {
            id,
            peer: peer.clone(),
            key: entry.key(),
        };
        let connection =
            ThreadConnection::new(identity, Arc::clone(&observer), Arc::clone(&self.shared));
        // Locked so that nothing is observed of the connection before its acceptance.
        let observer_lock = lock(&observer);
        let reservation = self.shared.memory.reserve_thread(open);
        match reservation.and_then(|room| spawn(id, connection, Arc::clone(&stream), room)) {
            Ok(_detached) => {
                entry.insert(Arc::clone(&observer));
                if table.observer.observes_sockets() {
                    table.observer.socket_seen(id, stream.as_fd());
                }
                table.observer.socket_accepted(id, stream.as_fd());
                table.observer.accepted(id, &peer);
                self.next_id = id.next();
            }
            Err(error) => {
                self.unstarted = Some((stream, peer));
                let pause = AcceptPause::Exhausted(error);
                self.listeners.pause(&pause, &mut table.observer);
            }
        }
        drop(observer_lock);
    }

    fn is_done(&self) -> bool {
        self.is_finished(self.shared.table().open.len())
    }

    /// Whether a stop was requested and, with this many connections `open`, nothing is left to do for it.
    fn is_finished(&self, open: usize) -> bool {
        let all_gone = open == 0 && self.unstarted.is_none() && self.listeners.are_closed();
        self.shutdown.is_under_way() && all_gone
    }
}

/// Starts the thread of a connection, which is not waited for: the connection table knows what is open.
fn spawn<O: Observer>(
    id: ConnectionId,
    connection: ThreadConnection<O>,
    stream: Arc<TcpStream>,
    reservation: Reservation,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(id.to_string())
        .stack_size(THREAD_STACK)
        .spawn(move || {
            // The stacks are mapped.
            drop(reservation);
            connection.run(&stream);
        })
}

#[cfg(test)]
mod tests;
