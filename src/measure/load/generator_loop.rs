//! The page: the server's four phases, from the other side.
//!
//! A turn of the loop: [`wait`](GeneratorLoop::wait) for the kernel, [`note`](GeneratorLoop::note) what it said,
//! [`connect`](GeneratorLoop::connect) who is missing, [`begin`](GeneratorLoop::begin) the messages that are due,
//! [`serve`](GeneratorLoop::serve) who has something to do. The order keeps what it keeps in the server: while
//! noting, no connection comes or goes. What moves the whole from stage to stage stands in `course`.

mod course;

use super::client_connection::{ConnectionError, Nanos, StartTimes};
use super::client_slot::ClientSlot;
use super::connect::{Dialer, Lifetime};
use super::payload::{MAX_SLICE, Payload};
use super::recorder::LoadRecorder;
use super::results::LoadResults;
use super::run_stage::{RunStage, nanos};
use super::schedule::Schedule;
use super::timer::Timer;
use super::{LoadObserver, LoadPattern, LoadPlan, StopCondition};
use crate::readiness::{INTEREST, RunQueue};
use mio::net::TcpStream;
use mio::{Events, Poll, Token};
use slab::Slab;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Events taken from the kernel in one wait.
const EVENTS_PER_WAIT: usize = 1024;

/// Connections opened in one turn of the loop, so that those who are connected are served meanwhile.
const CONNECTS_PER_TURN: usize = 64;

/// Messages of a schedule begun in one turn of the loop.
const MESSAGES_PER_TURN: usize = 1024;

/// How often progress is told, and silent connections are looked for.
const TICK: Nanos = 100_000_000;

/// Not a slab key.
const ALARM: Token = Token(usize::MAX);

/// Everything that the one thread owns.
#[derive(Debug)]
pub(super) struct GeneratorLoop<'a, W> {
    plan: &'a LoadPlan,
    watch: &'a mut W,
    poll: Poll,
    events: Events,
    alarm: Timer,
    dialer: Dialer,
    connections: Slab<ClientSlot>,
    run_queue: RunQueue,
    buffer: Box<[u8]>,
    payload: Payload,
    epoch: Instant,
    stage: RunStage,
    /// Connections that are still to be opened.
    to_open: usize,
    /// Connections that are neither established nor failed yet.
    connecting: usize,
    /// Connections that are established and have to answer before the load begins.
    to_answer: usize,
    /// Failures since the last answer.
    failed_in_a_row: u64,
    /// When connections are to be opened; none for as fast as it goes.
    dials: Option<Schedule>,
    /// When messages are due; none for the closed loop.
    schedule: Option<Schedule>,
    /// Who gets the next message that is due.
    next_key: usize,
    next_tick: Nanos,
    /// The watch has asked to end early.
    told_to_stop: bool,
    recorder: LoadRecorder,
}

impl<'a, W: LoadObserver> GeneratorLoop<'a, W> {
    pub(super) fn new(plan: &'a LoadPlan, watch: &'a mut W) -> io::Result<Self> {
        let poll = Poll::new()?;
        let lives = match plan.pattern {
            LoadPattern::Churn => Lifetime::Short,
            LoadPattern::Echo | LoadPattern::Idle | LoadPattern::Stream => Lifetime::Long,
        };
        let enough = match plan.stop_when {
            StopCondition::Messages(count) => count,
            StopCondition::Elapsed(_) => u64::MAX,
        };
        Ok(Self {
            alarm: Timer::new(poll.registry(), ALARM)?,
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            dialer: Dialer::new(plan.target, lives),
            connections: Slab::with_capacity(plan.connections),
            run_queue: RunQueue::default(),
            buffer: vec![0; MAX_SLICE].into(),
            payload: Payload::new(),
            epoch: Instant::now(),
            stage: RunStage::Connecting,
            to_open: plan.connections,
            connecting: 0,
            to_answer: 0,
            failed_in_a_row: 0,
            dials: plan.connect_rate.map(|rate| Schedule::new(rate, 0)),
            schedule: None,
            next_key: 0,
            next_tick: TICK,
            told_to_stop: false,
            recorder: LoadRecorder::new(plan.rate.is_some(), enough),
            plan,
            watch,
        })
    }

    /// Puts the load on until it is enough.
    pub(super) fn run(mut self) -> io::Result<LoadResults> {
        while self.stage != RunStage::Done {
            self.wait()?;
            self.note();
            self.connect();
            self.begin();
            self.serve();
        }
        Ok(self.into_results())
    }

    /// Nanoseconds since the load began.
    fn now(&self) -> Nanos {
        nanos(self.epoch.elapsed())
    }

    // ── wait ────────────────────────────────────────────────────────────────────────────────────

    /// The only place that blocks. While anybody can be served, it only looks.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.has_work() {
            Duration::ZERO
        } else {
            self.sleep_at_most()?
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    fn has_work(&self) -> bool {
        !self.run_queue.is_empty() || (self.to_open > 0 && self.dials.is_none())
    }

    /// Until when there is nothing to do unless the kernel has something to say. The next message of a
    /// schedule is worth the alarm; everything else may be a millisecond late.
    fn sleep_at_most(&self) -> io::Result<Duration> {
        let now = self.now();
        let message = self.next_message();
        if let Some(message) = message {
            self.alarm.ring_after(until(message, now))?;
        }
        let dial = self.dials.as_ref().filter(|_| self.to_open > 0);
        let deadlines = [
            Some(self.next_tick),
            self.stage.deadline(self.plan),
            dial.map(Schedule::next),
            message,
        ];
        let next = deadlines.into_iter().flatten().min();
        Ok(until(next.unwrap_or(now), now))
    }

    /// When the next message is due, if it is still to be sent.
    fn next_message(&self) -> Option<Nanos> {
        let next = self.schedule.as_ref().map(Schedule::next);
        next.filter(|next| self.stage.sends(*next))
    }

    // ── note ────────────────────────────────────────────────────────────────────────────────────

    /// Remembers every edge. Neither reads nor writes, and lets nobody in or out.
    fn note(&mut self) {
        for event in &self.events {
            let Token(key) = event.token();
            let Some(slot) = self.connections.get_mut(key) else {
                continue;
            };
            if slot.note(event.into()) {
                self.recorder.connected();
                self.connecting -= 1;
            }
            self.run_queue.push(key);
        }
    }

    // ── connect ─────────────────────────────────────────────────────────────────────────────────

    /// Opens connections that are missing, as many as one turn may bring.
    fn connect(&mut self) {
        let now = self.now();
        for _ in 0..CONNECTS_PER_TURN {
            let is_time = |dials: &mut Schedule| dials.due(now).is_some();
            if self.to_open == 0 || !self.dials.as_mut().is_none_or(is_time) {
                break;
            }
            self.to_open -= 1;
            let (number, dialled) = self.dialer.dial();
            if let Err(error) = dialled.and_then(|stream| self.insert(number, stream)) {
                self.count_failure(error.kind().into());
            }
        }
    }

    fn insert(&mut self, number: u64, mut stream: TcpStream) -> io::Result<()> {
        let entry = self.connections.vacant_entry();
        let token = Token(entry.key());
        let registry = self.poll.registry();
        registry.register(&mut stream, token, INTEREST)?;
        let now = nanos(self.epoch.elapsed());
        let slot = entry.insert(ClientSlot::new(stream, number, self.plan.size, now));
        self.connecting += 1;
        match self.plan.pattern {
            LoadPattern::Churn => slot.connection.begin(StartTimes::at(now)),
            LoadPattern::Idle => {
                slot.connection.begin(StartTimes::at(now));
                self.to_answer += 1;
            }
            LoadPattern::Echo | LoadPattern::Stream => {}
        }
        Ok(())
    }

    // ── begin ───────────────────────────────────────────────────────────────────────────────────

    /// Moves the stage on when its time has come, and begins the messages that are due.
    fn begin(&mut self) {
        let now = self.now();
        if now >= self.next_tick {
            self.tick(now);
        }
        let next = self.stage.after(self.situation(now), self.plan);
        if next != self.stage {
            self.enter(next, now);
        }
        self.begin_scheduled(now);
    }

    /// Messages that the schedule wants, one after the other to those who are connected.
    fn begin_scheduled(&mut self, now: Nanos) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(due) = self.next_message().filter(|due| *due <= now) else {
                break;
            };
            self.schedule.as_mut().map(Schedule::advance);
            if self.stage.covers(due) {
                self.recorder.late_by(now - due);
            }
            let Some(key) = self.next_connected() else {
                break;
            };
            if let Some(slot) = self.connections.get_mut(key) {
                slot.owe(due);
                self.run_queue.push(key);
            }
        }
    }

    /// The next one that is not lost: when the schedule begins, everybody is connected or has failed.
    fn next_connected(&mut self) -> Option<usize> {
        let keys = self.plan.connections;
        let from = self.next_key;
        let mut ring = (from..from + keys).map(|key| key % keys);
        let key = ring.find(|key| self.connections.contains(*key))?;
        self.next_key = key + 1;
        Some(key)
    }

    // ── serve ───────────────────────────────────────────────────────────────────────────────────

    /// One lap over the run queue: each has one bounded turn. Who has more to do goes to its back.
    fn serve(&mut self) {
        for _ in 0..self.run_queue.len() {
            let Some(key) = self.run_queue.pop() else {
                break;
            };
            match self.turn(key) {
                Ok(ClientTurnEnd::Parked) => {}
                Ok(ClientTurnEnd::Yielded) => self.run_queue.push(key),
                Ok(ClientTurnEnd::Finished) => self.hang_up(key),
                Err(broken) => self.give_up(key, broken),
            }
        }
    }

    /// At most one read, and one write of what is due then.
    fn turn(&mut self, key: usize) -> Result<ClientTurnEnd, ConnectionError> {
        let Some(slot) = self.connections.get_mut(key) else {
            return Ok(ClientTurnEnd::Parked);
        };
        if !slot.is_connected() {
            slot.connect_failure()?;
            return Ok(ClientTurnEnd::Parked);
        }
        let connection = &mut slot.connection;
        connection.read(&mut self.buffer, &self.payload, self.plan.verify)?;
        if connection.has_finished() && self.finish(key) == ClientTurnEnd::Finished {
            return Ok(ClientTurnEnd::Finished);
        }
        self.send(key)
    }

    /// Counts what came back, and begins what follows it.
    fn finish(&mut self, key: usize) -> ClientTurnEnd {
        let now = self.now();
        let Some(slot) = self.connections.get_mut(key) else {
            return ClientTurnEnd::Parked;
        };
        self.failed_in_a_row = 0;
        while let Some(stamp) = slot.connection.finish() {
            let size = self.plan.size as u64;
            self.recorder.came_back(size, stamp, now, self.stage);
            match self.plan.pattern {
                LoadPattern::Echo | LoadPattern::Stream if self.plan.rate.is_none() => {
                    slot.connection.begin(StartTimes::at(now));
                }
                LoadPattern::Echo | LoadPattern::Stream => {}
                LoadPattern::Idle => self.to_answer -= 1,
                LoadPattern::Churn => return ClientTurnEnd::Finished,
            }
        }
        ClientTurnEnd::Yielded
    }

    fn send(&mut self, key: usize) -> Result<ClientTurnEnd, ConnectionError> {
        let now = self.schedule.as_ref().map(|_| self.now());
        let Some(slot) = self.connections.get_mut(key) else {
            return Ok(ClientTurnEnd::Parked);
        };
        if let Some(now) = now {
            slot.start_what_is_due(self.plan.depth, now);
        }
        slot.connection.write(&self.payload)?;
        Ok(if slot.connection.has_work() {
            ClientTurnEnd::Yielded
        } else {
            ClientTurnEnd::Parked
        })
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientTurnEnd {
    /// Nothing more can be done; an edge will come.
    Parked,
    /// There is more to do.
    Yielded,
    /// The connection has done what it was for.
    Finished,
}

fn until(moment: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(moment.saturating_sub(now))
}
