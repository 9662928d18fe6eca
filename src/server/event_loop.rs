//! The event loop: one thread, one poll, every connection.
//!
//! An iteration has four phases:
//!
//! 1. [`wait`](EventLoop::wait) for events. The loop sleeps only here, and only if no connection is due a turn.
//! 2. [`note`](EventLoop::note) what the events report. No connection is inserted or removed meanwhile, so an event can
//!    never reach the next owner of its slab key.
//! 3. [`admit`](EventLoop::admit) new connections.
//! 4. [`serve`](EventLoop::serve) the connections that are due a turn, and the datagrams.
//!
//! Each socket is registered once, for everything, edge-triggered (epoll(7), kqueue(2)): the kernel reports a change
//! once, `note` remembers it, and only evidence of exhaustion clears it. No registration ever changes.

use super::clock;
use super::config::Config;
use super::datagrams::Datagrams;
use super::delivery::Deliveries;
use super::heartbeat::Heartbeat;
use super::idle::IdleClock;
use super::kernel::Kernel;
use super::limits::{ACCEPTS_PER_ITERATION, READ_BUDGET, WALK_BUDGET};
use super::listener::{Accepted, Listeners};
use super::observer::{AcceptPause, ConnectionId, LoopPhase, Observer};
use super::receive_buffer::ReceiveBuffer;
use super::reserve::reserve_one;
use super::shutdown::{Shutdown, StopAction};
use super::slot::Slot;
use super::sources::Source;
use super::walk::{Visit, Visited, Walk};
use crate::connection::TurnEnd;
use crate::readiness::RunQueue;
use crate::text::address::Address;
use slab::Slab;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Everything that the one thread owns.
#[derive(Debug)]
pub(super) struct EventLoop<K: Kernel, O> {
    /// The poll. The tests also run this loop over a simulated one, which delays and merges events and fails.
    kernel: K,
    listeners: Listeners<K::Listener>,
    /// The UDP sockets, which need no connection.
    datagrams: Datagrams,
    shutdown: Shutdown,
    connections: Slab<Slot<K::Socket>>,
    max_connections: usize,
    /// The keys of the connections that are due a turn; every one of them is in `connections`.
    run_queue: RunQueue,
    /// What the read pass brings in and the write pass sends back.
    received: ReceiveBuffer,
    idle_clock: IdleClock,
    /// Asked about a connection that is about to be closed as idle.
    deliveries: Deliveries,
    heartbeat: Heartbeat,
    /// An idle tick or a stop on its way through all connections, some of them in each iteration.
    walk: Walk,
    next_id: ConnectionId,
    observer: O,
}

impl<K: Kernel, O: Observer> EventLoop<K, O> {
    pub(super) fn new(
        kernel: K,
        listeners: Listeners<K::Listener>,
        datagrams: Datagrams,
        shutdown: Shutdown,
        config: &Config,
        max_connections: usize,
        observer: O,
    ) -> Self {
        Self {
            kernel,
            listeners,
            datagrams,
            shutdown,
            connections: Slab::new(),
            max_connections,
            run_queue: RunQueue::default(),
            received: ReceiveBuffer::new(READ_BUDGET, config.read_buffer),
            idle_clock: IdleClock::new(config.idle_timeout),
            deliveries: Deliveries::default(),
            heartbeat: Heartbeat::new(config.heartbeat),
            walk: Walk::new(WALK_BUDGET),
            next_id: ConnectionId(1),
            observer,
        }
    }

    /// Serves until a stop has been requested and carried out.
    pub(super) fn run(mut self) -> io::Result<O> {
        while !self.is_done() {
            self.iterate()?;
        }
        Ok(self.observer)
    }

    /// Whether a stop was requested and nothing is left to do for it.
    fn is_done(&self) -> bool {
        self.shutdown.is_under_way()
            && self.connections.is_empty()
            && self.listeners.are_closed()
            && self.datagrams.are_closed()
    }

    fn iterate(&mut self) -> io::Result<()> {
        self.wait()?;
        self.note();
        self.admit()?;
        self.serve();
        Ok(())
    }

    // ── wait ────────────────────────────────────────────────────────────────────────────────────

    /// The only place where the loop sleeps. While there is work, it collects the events that have arrived, and does not
    /// wait for more.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.has_work() {
            Some(Duration::ZERO)
        } else {
            self.next_deadline()
                .map(|at| at.saturating_duration_since(clock::now()))
        };
        self.observer.waiting(timeout);
        let waited = self.kernel.wait(timeout);
        self.observer.woke(self.kernel.events().count());
        match waited {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    fn has_work(&self) -> bool {
        !self.run_queue.is_empty()
            || (self.listeners.are_ready() && self.has_room())
            || self.walk.is_under_way()
            || self.datagrams.are_ready()
    }

    fn has_room(&self) -> bool {
        self.connections.len() < self.max_connections
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.listeners.deadline(),
            self.idle_clock.deadline(),
            self.heartbeat.deadline(),
            self.shutdown.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    // ── note ────────────────────────────────────────────────────────────────────────────────────

    /// Remembers every edge, every request and every deadline that has passed. Neither reads nor writes, and inserts or
    /// removes no connection.
    fn note(&mut self) {
        self.note_events();
        self.note_requests();
        if self.next_deadline().is_some() {
            self.note_time(clock::now());
        }
        if self.walk.is_under_way() {
            self.walk();
        }
    }

    fn note_events(&mut self) {
        for (source, flags) in self.kernel.events() {
            match source {
                // A key that is vacant again belongs to a stale event: its connection is gone.
                Source::Connection(key) => {
                    if let Some(slot) = self.connections.get_mut(key)
                        && slot.note(flags.into(), &mut self.observer)
                    {
                        self.run_queue.push(key);
                    }
                }
                Source::Listener(number) => self.listeners.note(number, &mut self.observer),
                Source::Datagrams(number) => {
                    self.datagrams
                        .note(number, flags.into(), &mut self.observer);
                }
                Source::Signals => self.shutdown.note_signals(&mut self.observer),
                Source::Waker => self.shutdown.note_wake(&mut self.observer),
            }
        }
    }

    /// Answers requests for statistics, and starts the next action of a stop.
    fn note_requests(&mut self) {
        if self.shutdown.take_report_request() {
            self.observer.report();
        }
        if self.shutdown.take_snapshot_request() {
            self.observer.publish();
        }
        while let Some(action) = self.shutdown.next_action() {
            self.note_stop(action);
        }
    }

    fn note_stop(&mut self, action: StopAction) {
        match action {
            StopAction::Drain => {
                self.observer.stopping(self.connections.len());
                self.listeners.drain_backlog();
                self.datagrams.drain();
                self.walk.begin(Visit::Drain);
            }
            StopAction::Expire => {
                self.listeners.close();
                self.walk.begin(Visit::Expire);
            }
        }
    }

    fn note_time(&mut self, now: Instant) {
        self.listeners.note_time(now);
        self.shutdown.note_time(now);
        if self.heartbeat.tick(now) {
            self.observer.heartbeat();
        }
        if self.connections.is_empty() {
            self.idle_clock.stop();
        }
        if !self.walk.is_under_way() && self.idle_clock.tick(now) {
            self.walk.begin(Visit::IdleTick);
        }
    }

    /// Goes on with the walk over all connections: visits many that need nothing, or a few that do.
    fn walk(&mut self) {
        let mut budget = self.walk.budget();
        while budget > 0
            && let Some((visit, key)) = self.walk.take_key(self.connections.capacity())
        {
            let visited = self.visit(visit, key);
            budget = budget.saturating_sub(visited.cost());
        }
        if !self.walk.is_under_way() {
            self.idle_clock.restart(clock::now());
        }
    }

    /// A connection on the run queue waits for this loop, so it cannot be idle.
    fn visit(&mut self, visit: Visit, key: usize) -> Visited {
        let Some(slot) = self.connections.get_mut(key) else {
            return Visited::Unchanged;
        };
        let visited = match visit {
            Visit::IdleTick if self.run_queue.contains(key) => Visited::Unchanged,
            Visit::IdleTick => slot.note_idle_tick(self.idle_clock.timeout(), &mut self.deliveries),
            Visit::Drain => slot.drain(),
            Visit::Expire => slot.expire(),
        };
        if visited == Visited::WorthATurn {
            slot.show(&mut self.observer);
            self.run_queue.push(key);
        }
        visited
    }

    // ── admit ───────────────────────────────────────────────────────────────────────────────────

    /// Accepts connections while there is room, up to the limit for one iteration.
    fn admit(&mut self) -> io::Result<()> {
        self.observer.phase_entered(LoopPhase::Admit);
        for _ in 0..ACCEPTS_PER_ITERATION {
            if !self.has_room() {
                self.listeners
                    .pause_while_full(self.max_connections, &mut self.observer);
                break;
            }
            if self.listeners.are_ready()
                && let Err(error) = self.reserve()
            {
                self.listeners
                    .pause(&AcceptPause::Exhausted(error), &mut self.observer);
                break;
            }
            match self.listeners.accept(&mut self.observer)? {
                Accepted::Peer(socket, peer) => self.insert(socket, peer),
                Accepted::Retry => {}
                Accepted::Nothing => break,
            }
        }
        Ok(())
    }

    /// Makes room for one more connection in all tables.
    fn reserve(&mut self) -> io::Result<()> {
        reserve_one(&mut self.connections)?;
        let capacity = self.connections.capacity();
        self.run_queue.try_reserve(capacity)?;
        self.received.try_reserve(capacity)?;
        Ok(())
    }

    fn insert(&mut self, mut socket: K::Socket, peer: Address) {
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        // Registering a socket reports its current readiness as an event, so it needs no first turn.
        if let Err(error) = self.kernel.register(&mut socket, Source::Connection(key)) {
            return self.observer.refused(&peer, &error);
        }
        let id = self.next_id;
        self.next_id = id.next();
        let slot = entry.insert(Slot::new(id, peer, socket));
        slot.show_acceptance(&mut self.observer);
        if self.shutdown.is_under_way() {
            slot.drain();
            self.run_queue.push(key);
        }
        self.idle_clock.start();
    }

    // ── serve ───────────────────────────────────────────────────────────────────────────────────

    /// One turn for each connection on the run queue, in two passes: first all of them read, then all of them write.
    ///
    /// The kernel then stays on one path at a time, receiving and then sending. For small messages this costs measurably
    /// less than alternating between them.
    fn serve(&mut self) {
        self.read_pass();
        self.write_pass();
        if self.datagrams.are_ready() {
            self.observer.phase_entered(LoopPhase::Datagrams);
            self.datagrams.serve(&mut self.observer);
        }
    }

    /// Each connection writes what is pending and reads once. The pass ends early when the read budget is used up:
    /// the connections behind keep their places on the queue for the next iteration.
    #[expect(
        clippy::indexing_slicing,
        reason = "a key on the run queue is in the slab: only the write pass removes, and only keys taken from the queue"
    )]
    fn read_pass(&mut self) {
        self.observer.phase_entered(LoopPhase::Read);
        for _ in 0..self.run_queue.len() {
            let Some(room) = self.received.room() else {
                break;
            };
            let Some(key) = self.run_queue.pop() else {
                unreachable!("only this loop takes from the queue");
            };
            let bytes = self.connections[key].receive(room, &mut self.observer);
            self.received.received(key, bytes);
        }
    }

    /// Each connection writes what it received, straight from the buffer. A parked connection will be reported by an
    /// edge, one that yielded goes to the back of the queue, and one that is closed is removed.
    #[expect(
        clippy::indexing_slicing,
        reason = "a key on the run queue is in the slab: only the write pass removes, and only keys taken from the queue"
    )]
    fn write_pass(&mut self) {
        self.observer.phase_entered(LoopPhase::Write);
        for (key, received) in self.received.drain() {
            match self.connections[key].echo(received, &mut self.observer) {
                TurnEnd::Parked => {}
                TurnEnd::Yielded => self.run_queue.push(key),
                TurnEnd::Closed(reason) => {
                    let slot = self.connections.remove(key);
                    self.observer.closed(&slot.close(reason));
                }
            }
        }
    }
}

#[cfg(test)]
mod million;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
