//! The page: one thread, one poll, every connection.
//!
//! A turn of the loop has four phases: [`wait`](EventLoop::wait) for the kernel,
//! [`note`](EventLoop::note) what it said, [`admit`](EventLoop::admit) who wants in,
//! [`serve`](EventLoop::serve) who has something to do. Their order is the safety of the whole: while
//! noting, no connection comes or goes, so an event can never reach the next owner of its slab key; and
//! the loop sleeps only in `wait`, only when nobody is pending a turn.
//!
//! Each socket is registered once, for everything, edge-triggered (epoll(7), kqueue(2)): the kernel
//! reports a change once, `note` remembers it, and only evidence of exhaustion makes us forget. There is
//! no call to change a registration on this page, because there is none to make.

use super::Config;
use super::idle::IdleClock;
use super::limits::{ACCEPTS_PER_TURN, EVENTS_PER_WAIT, READ_BUDGET};
use super::listener::{Accepted, Listeners};
use super::observer::{ConnectionId, LoopPhase, Observer, WakeSource};
use super::shutdown::{Shutdown, StopAction};
use super::slot::Slot;
use super::sources::Source;
use crate::connection::TurnEnd;
use crate::readiness::{INTEREST, RunQueue};
use mio::net::TcpStream;
use mio::{Events, Poll};
use slab::Slab;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Everything that the one thread owns.
#[derive(Debug)]
pub(super) struct EventLoop<O> {
    poll: Poll,
    events: Events,
    listeners: Listeners,
    shutdown: Shutdown,
    connections: Slab<Slot>,
    /// The most connections that may be open at once.
    limit: usize,
    /// Who is pending a turn.
    run_queue: RunQueue,
    /// Who was received in this turn, and how many bytes each has in the buffer, one behind the other.
    received: Vec<(usize, usize)>,
    /// The one buffer: room for one read behind all that may be held when it begins.
    buffer: Box<[u8]>,
    /// The most bytes that one read brings in.
    read_size: usize,
    /// After how many bytes nobody more is received before those are answered.
    enough: usize,
    idle_clock: IdleClock,
    next_id: ConnectionId,
    observer: O,
}

impl<O: Observer> EventLoop<O> {
    pub(super) fn new(
        poll: Poll,
        listeners: Listeners,
        shutdown: Shutdown,
        config: &Config,
        observer: O,
    ) -> Self {
        Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            listeners,
            shutdown,
            connections: Slab::new(),
            limit: config.max_connections,
            run_queue: RunQueue::default(),
            received: Vec::new(),
            buffer: vec![0; READ_BUDGET + config.read_buffer].into(),
            read_size: config.read_buffer,
            enough: READ_BUDGET,
            idle_clock: IdleClock::new(config.idle_timeout),
            next_id: ConnectionId(1),
            observer,
        }
    }

    /// Serves until a stop has been requested and carried out.
    pub(super) fn run(mut self) -> io::Result<O> {
        while !self.is_done() {
            self.wait()?;
            self.note();
            self.admit()?;
            self.serve();
        }
        Ok(self.observer)
    }

    // ── wait ────────────────────────────────────────────────────────────────────────────────────

    /// The only place that blocks (a log line can, when nobody reads standard error). While anybody can be
    /// served, it only looks.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.has_work() {
            Some(Duration::ZERO)
        } else {
            self.next_deadline()
                .map(|at| at.saturating_duration_since(Instant::now()))
        };
        self.observer.waiting(timeout);
        let polled = self.poll.poll(&mut self.events, timeout);
        self.observer.woke(self.events.iter().count());
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    fn has_work(&self) -> bool {
        !self.run_queue.is_empty() || (self.listeners.are_ready() && self.has_room())
    }

    fn has_room(&self) -> bool {
        self.connections.len() < self.limit
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.listeners.deadline(),
            self.idle_clock.deadline(),
            self.shutdown.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    // ── note ────────────────────────────────────────────────────────────────────────────────────

    /// Remembers every edge, every order and every deadline. Neither reads nor writes, and lets nobody in
    /// or out.
    fn note(&mut self) {
        for event in &self.events {
            match event.token().into() {
                // An event for a key that is free again is stale; it concerns nobody.
                Source::Connection(key) => {
                    if let Some(slot) = self.connections.get_mut(key)
                        && slot.note(event.into(), &mut self.observer)
                    {
                        self.run_queue.push(key);
                    }
                }
                Source::Listener(number) => self.listeners.note(number, &mut self.observer),
                Source::Signals => self.shutdown.note_signals(&mut self.observer),
                Source::Waker => self.observer.woken_by(WakeSource::Waker),
            }
        }
        while let Some(order) = self.shutdown.next_action() {
            self.carry_out(order);
        }
        if self.next_deadline().is_some() {
            self.note_time(Instant::now());
        }
    }

    fn carry_out(&mut self, order: StopAction) {
        match order {
            StopAction::Report => self.observer.report(),
            StopAction::Drain => {
                self.observer.stopping(self.connections.len());
                self.listeners.drain_backlog();
                self.note_for_all(Slot::drain);
            }
            StopAction::Expire => {
                self.listeners.close();
                self.note_for_all(|slot| slot.connection.expire());
            }
        }
    }

    fn note_for_all(&mut self, change: fn(&mut Slot)) {
        for (key, slot) in &mut self.connections {
            change(slot);
            slot.show(&mut self.observer);
            self.run_queue.push(key);
        }
    }

    fn note_time(&mut self, now: Instant) {
        self.listeners.note_time(now);
        if self.connections.is_empty() {
            self.idle_clock.stop();
        }
        if self.idle_clock.tick(now) {
            for (key, slot) in &mut self.connections {
                if slot.quiet.tick() {
                    slot.connection.expire();
                    self.run_queue.push(key);
                }
            }
        }
    }

    // ── admit ───────────────────────────────────────────────────────────────────────────────────

    /// Accepts, while there is room, as many as one turn may bring.
    fn admit(&mut self) -> io::Result<()> {
        self.observer.phase_entered(LoopPhase::Admit);
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.has_room() {
                self.listeners.wait_for_room(self.limit, &mut self.observer);
                break;
            }
            match self.listeners.accept(&mut self.observer)? {
                Accepted::Peer(stream, peer) => self.insert(stream, peer),
                Accepted::Gone => {}
                Accepted::Nobody => break,
            }
        }
        Ok(())
    }

    fn insert(&mut self, mut stream: TcpStream, peer: SocketAddr) {
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let token = Source::Connection(key).into();
        // The registration reports what the socket is ready for by now, so nobody needs a first turn.
        if let Err(error) = self.poll.registry().register(&mut stream, token, INTEREST) {
            return self.observer.refused(peer, &error);
        }
        let id = self.next_id;
        self.next_id = id.next();
        self.observer.accepted(id, peer);
        let slot = entry.insert(Slot::new(id, peer, stream));
        if self.shutdown.is_under_way() {
            slot.drain();
            self.run_queue.push(key);
        }
        self.idle_clock.start();
    }

    // ── serve ───────────────────────────────────────────────────────────────────────────────────

    /// One turn for each connection that is pending one, in two laps: first hear, then answer.
    ///
    /// Hearing all before answering any keeps the kernel on one path at a time, receiving and then
    /// sending, and costs measurably less per small message than changing over with each.
    fn serve(&mut self) {
        self.receive();
        self.echo();
    }

    /// Each does what comes before an answer: write what it owes, and read once, behind the bytes of the
    /// one before it. Ends early when enough has been received: whoever has not been by then keeps its place
    /// for the next turn.
    fn receive(&mut self) {
        self.observer.phase_entered(LoopPhase::Read);
        let mut used = 0;
        for _ in 0..self.run_queue.len() {
            if used > self.enough {
                break;
            }
            let room = used..used + self.read_size;
            let Some(room) = self.buffer.get_mut(room) else {
                break;
            };
            let Some(key) = self.run_queue.pop() else {
                break;
            };
            if let Some(slot) = self.connections.get_mut(key) {
                let bytes = slot.receive(room, &mut self.observer);
                used += bytes;
                self.received.push((key, bytes));
            }
        }
    }

    /// Each writes what it received, straight from the buffer. Who parked will be reported by an edge; who
    /// yielded goes to the back of the queue; who closed goes out.
    fn echo(&mut self) {
        self.observer.phase_entered(LoopPhase::Write);
        let mut rest = &*self.buffer;
        for (key, bytes) in self.received.drain(..) {
            let Some((received, behind)) = rest.split_at_checked(bytes) else {
                break;
            };
            rest = behind;
            let Some(slot) = self.connections.get_mut(key) else {
                continue;
            };
            match slot.echo(received, &mut self.observer) {
                TurnEnd::Parked => {}
                TurnEnd::Yielded => self.run_queue.push(key),
                TurnEnd::Closed(reason) => {
                    let slot = self.connections.remove(key);
                    self.observer.closed(&slot.summary(reason));
                }
            }
        }
    }

    /// Whether a stop was requested and the last connection is gone.
    fn is_done(&self) -> bool {
        let all_gone = self.connections.is_empty() && self.listeners.are_closed();
        self.shutdown.is_under_way() && all_gone
    }
}

#[cfg(test)]
mod tests;
