//! The event loop of the generator: the server's loop, from the other side.
//!
//! One turn of the loop: [`wait`](GeneratorLoop::wait) for the kernel, [`note`](GeneratorLoop::note) its events,
//! [`connect`](GeneratorLoop::connect) missing connections, [`advance`](GeneratorLoop::advance) the run,
//! [`start_messages`](GeneratorLoop::start_messages) that are due, [`serve`](GeneratorLoop::serve) the connections
//! with work, and [`report`](RunController::report) to the coordinator if there is one. The order gives the same guarantee as in the server: while noting, no connection is
//! inserted or removed, so no event reaches the next owner of a slab key.

use super::client_connection::{ConnectionError, StartTimes};
use super::clock::{Clock, Nanos, after};
use super::connection_pool::ConnectionPool;
use super::observer::LoadObserver;
use super::part::LoadPart;
use super::payload::{MAX_SLICE, Payload};
use super::plan::{LoadPattern, LoadPlan};
use super::results::LoadResults;
use super::run_controller::RunController;
use super::timer::{SHORTEST_SLEEP, Timer};
use super::worker::CoordinatorLink;
use crate::readiness::RunQueue;
use mio::{Events, Poll, Token, Waker};
use std::io;
use std::time::Duration;

/// Events taken from the kernel per wait.
const EVENTS_PER_WAIT: usize = 1024;

/// Connections opened per turn of the loop. Established connections are served in between.
const CONNECTS_PER_TURN: usize = 64;

/// Scheduled messages started per turn of the loop.
const MESSAGES_PER_TURN: usize = 1024;

/// The token of the timer. Not a slab key.
const TIMER: Token = Token(usize::MAX);

/// The token of the waker of the coordinator. Not a slab key.
const WAKER: Token = Token(usize::MAX - 1);

/// Everything that the one thread owns.
#[derive(Debug)]
pub(super) struct GeneratorLoop<'a, O> {
    plan: &'a LoadPlan,
    poll: Poll,
    events: Events,
    timer: Timer,
    clock: Clock,
    /// When the latest wait ended: what the events report happened before.
    woken: Nanos,
    pool: ConnectionPool<'a>,
    /// Connections that are due a turn.
    run_queue: RunQueue,
    /// The one read buffer.
    buffer: Box<[u8]>,
    payload: Payload,
    controller: RunController<'a, O>,
}

impl<'a, O: LoadObserver> GeneratorLoop<'a, O> {
    pub(super) fn new(plan: &'a LoadPlan, observer: O) -> io::Result<Self> {
        let controller = RunController::new(plan, LoadPart::WHOLE, observer, None);
        Self::with(plan, LoadPart::WHOLE, Clock::start(), controller)
    }

    fn with(
        plan: &'a LoadPlan,
        part: LoadPart,
        clock: Clock,
        controller: RunController<'a, O>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            plan,
            timer: Timer::new(&poll, TIMER)?,
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            clock,
            woken: 0,
            pool: ConnectionPool::new(plan, part),
            run_queue: RunQueue::default(),
            buffer: vec![0; MAX_SLICE].into(),
            payload: Payload::new(),
            controller,
        })
    }

    /// Generates load until the run is over.
    pub(super) fn run(mut self) -> io::Result<LoadResults> {
        while !self.controller.is_done() {
            self.wait()?;
            self.note();
            self.connect();
            self.advance();
            self.start_messages();
            self.serve();
            self.controller.report(&self.pool);
        }
        Ok(self.controller.into_results(self.pool.established()))
    }

    // ── wait ────────────────────────────────────────────────────────────────────────────────────

    /// The only place that blocks. It only polls while a connection is due a turn, or if the next deadline is too close
    /// for a sleep.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let deadline = if self.run_queue.is_empty() {
            self.deadline()
        } else {
            now
        };
        let (poll, events) = (&mut self.poll, &mut self.events);
        self.timer.wait(poll, events, deadline, now)?;
        self.woken = self.clock.now();
        if deadline > now {
            self.controller.waited(self.woken - now);
        }
        Ok(())
    }

    /// When the loop has to go on, even without an event.
    fn deadline(&self) -> Nanos {
        let others = [self.controller.next_wake(), self.pool.next_open()];
        let others = others.into_iter().flatten();
        others.fold(self.controller.deadline(), u64::min)
    }

    // ── note ────────────────────────────────────────────────────────────────────────────────────

    /// Remembers every edge. Neither reads nor writes, and neither inserts nor removes a connection.
    fn note(&mut self) {
        for event in &self.events {
            let Token(key) = event.token();
            if self.pool.note(key, event.into()) {
                self.run_queue.push(key);
            }
        }
    }

    // ── connect ─────────────────────────────────────────────────────────────────────────────────

    /// Opens missing connections, a bounded number per turn.
    fn connect(&mut self) {
        for _ in 0..CONNECTS_PER_TURN {
            match self.pool.open_next(self.poll.registry(), &self.clock) {
                Some(Ok(())) => {}
                Some(Err(error)) => self.controller.connect_failed((&error).into()),
                None => break,
            }
        }
    }

    // ── advance ─────────────────────────────────────────────────────────────────────────────────

    /// Reports progress, and moves the run to its next stage when the current one is over.
    fn advance(&mut self) {
        self.controller
            .advance(self.woken, &self.clock, &mut self.pool, &mut self.run_queue);
    }

    // ── start messages ──────────────────────────────────────────────────────────────────────────

    /// Open loop: assigns the messages that are due to the connections, in rotation, as soon as the first of them has
    /// waited for others as long as it may.
    fn start_messages(&mut self) {
        let Some(wake) = self.controller.next_wake() else {
            return;
        };
        let now = self.clock.now();
        // The end of a slack is not worth waiting for without sleeping.
        let soon = match self.plan.effective_slack() {
            Duration::ZERO => now,
            _ => after(now, SHORTEST_SLEEP),
        };
        if wake > soon {
            return;
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Some(due) = self.controller.take_due_message(now) else {
                break;
            };
            if let Some((key, slot)) = self.pool.next_in_rotation() {
                slot.add_due_message(due);
                self.run_queue.push(key);
            } else {
                self.controller.no_connection_for(due, now);
            }
        }
    }

    // ── serve ───────────────────────────────────────────────────────────────────────────────────

    /// Gives each connection on the run queue one bounded turn. A connection with more work goes to the back.
    fn serve(&mut self) {
        for _ in 0..self.run_queue.len() {
            let Some(key) = self.run_queue.pop() else {
                break;
            };
            match self.turn(key) {
                Ok(ClientTurnEnd::Parked) => {}
                Ok(ClientTurnEnd::Yielded) => self.run_queue.push(key),
                Ok(ClientTurnEnd::Finished) => drop(self.pool.remove(key)),
                Err(error) => self.fail(key, error),
            }
        }
    }

    /// At most one read, then at most one write.
    fn turn(&mut self, key: usize) -> Result<ClientTurnEnd, ConnectionError> {
        let Some(slot) = self.pool.get_mut(key) else {
            return Ok(ClientTurnEnd::Parked);
        };
        if !slot.is_connected() {
            slot.check_connect()?;
            return Ok(ClientTurnEnd::Parked);
        }
        slot.connection
            .read(&mut self.buffer, &self.payload, self.plan.verify)?;
        if slot.connection.has_complete_echo() {
            self.finish_messages(key);
            if self.plan.pattern == LoadPattern::Churn {
                return Ok(ClientTurnEnd::Finished);
            }
        }
        self.send(key)
    }

    /// Records the messages whose echo is complete. In the closed loop, a new message takes the place of each.
    fn finish_messages(&mut self, key: usize) {
        let now = self.clock.now();
        while let Some(times) = self.pool.finish_message(key, self.woken, now) {
            self.controller.echoed(times, self.woken, now);
            if self.controller.replaces_messages()
                && let Some(slot) = self.pool.get_mut(key)
            {
                slot.connection.start_message(StartTimes::at(now));
            }
        }
    }

    /// Starts the messages that wait for this connection, and writes once.
    fn send(&mut self, key: usize) -> Result<ClientTurnEnd, ConnectionError> {
        let Some(slot) = self.pool.get_mut(key) else {
            return Ok(ClientTurnEnd::Parked);
        };
        if self.controller.is_scheduled() {
            let (depth, now) = (self.plan.depth, self.clock.now());
            while slot.start_waiting_message(depth, now).is_some() {
                self.controller.sent();
            }
        }
        slot.connection.write(&self.payload)?;
        Ok(if slot.connection.has_work() {
            ClientTurnEnd::Yielded
        } else {
            ClientTurnEnd::Parked
        })
    }

    fn fail(&mut self, key: usize, error: ConnectionError) {
        if let Some(slot) = self.pool.remove(key) {
            self.controller
                .connection_failed(&slot, error, self.clock.now());
        }
    }
}

impl<'a> GeneratorLoop<'a, ()> {
    /// One thread of several: for `part` of the load, which is `plan`, with the `clock` of all.
    pub(super) fn of_part(
        plan: &'a LoadPlan,
        part: LoadPart,
        clock: Clock,
        link: CoordinatorLink,
    ) -> io::Result<Self> {
        let controller = RunController::new(plan, part, (), Some(link));
        Self::with(plan, part, clock, controller)
    }

    /// Ends the wait of the loop, from another thread. There may be one.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }
}

/// How the turn of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientTurnEnd {
    /// Nothing more can be done until the next edge or message.
    Parked,
    /// More can be done at once.
    Yielded,
    /// The round trip of a short-lived connection is complete.
    Finished,
}
