//! The contrast: a thread per connection, parked by the kernel where the event loop keeps a state.
//!
//! This is the main thread: it accepts, with the same listeners, limits and stages of a stop as the event
//! loop, and keeps the [`connection_table`]. What replaces the rest of the page stands in
//! [`connection`].

mod connection;
mod connection_table;
mod shutdown_pipe;

use super::config::Config;
use super::limits::{ACCEPTS_PER_TURN, EVENTS_PER_WAIT, THREAD_STACK};
use super::listener::{Accepted, Listeners};
use super::observer::{ConnectionId, Observer, WakeSource};
use super::shutdown::{Shutdown, StopAction};
use super::sources::Source;
use connection::{Name, ThreadConnection};
use connection_table::{Shared, lock};
use mio::{Events, Poll};
use shutdown_pipe::WriteEnd;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The main thread: it accepts, and keeps the books.
#[derive(Debug)]
pub(super) struct Threads<O> {
    poll: Poll,
    events: Events,
    listeners: Listeners,
    shutdown: Shutdown,
    next_id: ConnectionId,
    shared: Arc<Shared<O>>,
    /// Tells the threads that a stop was requested, who may all be asleep; none once it was.
    rope: Option<WriteEnd>,
}

impl<O: Observer> Threads<O> {
    pub(super) fn new(
        poll: Poll,
        listeners: Listeners,
        shutdown: Shutdown,
        config: Config,
        observer: O,
    ) -> io::Result<Self> {
        let (bell, rope) = shutdown_pipe::hang()?;
        let shared = Shared::new(config, bell, shutdown.waker(), observer);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            listeners,
            shutdown,
            next_id: ConnectionId(1),
            shared: Arc::new(shared),
            rope: Some(rope),
        })
    }

    /// Serves until a stop has been requested and carried out.
    pub(super) fn run(mut self) -> io::Result<O> {
        while !self.is_done() {
            self.wait()?;
            self.note();
            self.admit()?;
        }
        let books = self.shared.books();
        Ok(books.observer.clone())
    }

    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.has_work() {
            Some(Duration::ZERO)
        } else {
            let deadlines = [self.listeners.deadline(), self.shutdown.deadline()];
            let next = deadlines.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        self.shared.books().observer.waiting(timeout);
        let polled = self.poll.poll(&mut self.events, timeout);
        self.shared
            .books()
            .observer
            .woke(self.events.iter().count());
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    /// Whether there is something to do at once. If not, but the end of a conversation will change that,
    /// it wakes the main thread: this is where the event loop needs no lock.
    fn has_work(&self) -> bool {
        let mut books = self.shared.books();
        let has_room = books.open.len() < self.shared.config.max_connections;
        let stopping = self.shutdown.is_under_way();
        books.end_awaited = stopping || !has_room;
        (has_room && self.listeners.are_ready())
            || (stopping && books.open.is_empty() && self.listeners.are_closed())
    }

    fn note(&mut self) {
        for event in &self.events {
            let observer = &mut self.shared.books().observer;
            match event.token().into() {
                Source::Listener(number) => self.listeners.note(number, observer),
                Source::Signals => self.shutdown.note_signals(observer),
                Source::Waker => observer.woken_by(WakeSource::Waker),
                Source::Connection(_) => {}
            }
        }
        while let Some(order) = self.shutdown.next_action() {
            self.carry_out(order);
        }
        if self.listeners.deadline().is_some() {
            self.listeners.note_time(Instant::now());
        }
    }

    fn carry_out(&mut self, order: StopAction) {
        match order {
            StopAction::Report => self.shared.books().so_far().report(),
            StopAction::Drain => {
                let mut books = self.shared.books();
                let open = books.open.len();
                books.observer.stopping(open);
                let _first = self.shared.drain_expires.set(self.shutdown.deadline());
                self.rope = None;
                self.listeners.drain_backlog();
            }
            // Each thread keeps its own clock.
            StopAction::Expire => self.listeners.close(),
        }
    }

    fn admit(&mut self) -> io::Result<()> {
        let limit = self.shared.config.max_connections;
        for _ in 0..ACCEPTS_PER_TURN {
            let mut books = self.shared.books();
            if books.open.len() >= limit {
                self.listeners.wait_for_room(limit, &mut books.observer);
                break;
            }
            let accepted = self.listeners.accept(&mut books.observer)?;
            drop(books);
            match accepted {
                Accepted::Peer(stream, peer) => self.start(stream.into(), peer),
                Accepted::Gone => {}
                Accepted::Nobody => break,
            }
        }
        Ok(())
    }

    /// Gives the connection a thread of its own. If there is none to be had, this one peer is refused.
    fn start(&mut self, stream: TcpStream, peer: SocketAddr) {
        let id = self.next_id;
        // Held until the books are right: the thread may be over before it is entered.
        let mut books = self.shared.books();
        let observer = Arc::new(Mutex::new(books.observer.fork()));
        let entry = books.open.vacant_entry();
        let name = Name {
            id,
            peer,
            key: entry.key(),
        };
        let conversation =
            ThreadConnection::new(name, Arc::clone(&observer), Arc::clone(&self.shared));
        // Its first word waits until its acceptance has been told.
        let silence = lock(&observer);
        let thread = thread::Builder::new()
            .name(id.to_string())
            .stack_size(THREAD_STACK)
            .spawn(move || conversation.run(stream));
        match thread {
            Ok(_detached) => {
                entry.insert(Arc::clone(&observer));
                books.observer.accepted(id, peer);
                self.next_id = id.next();
            }
            Err(error) => books.observer.refused(peer, &error),
        }
        drop(silence);
    }

    fn is_done(&self) -> bool {
        let all_gone = self.shared.books().open.is_empty() && self.listeners.are_closed();
        self.shutdown.is_under_way() && all_gone
    }
}
