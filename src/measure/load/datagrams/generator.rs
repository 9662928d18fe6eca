//! The event loop of the generator over UDP: wait, note, advance the run, start what is due, serve the sockets that are
//! ready.

use super::client::Arrival;
use super::sockets::DatagramSockets;
use crate::measure::load::clock::{Clock, Nanos, after};
use crate::measure::load::observer::{LoadObserver, Progress};
use crate::measure::load::plan::LoadPlan;
use crate::measure::load::recorder::LoadRecorder;
use crate::measure::load::results::{Failure, LoadResults};
use crate::measure::load::run_stage::{RunStage, StageInputs};
use crate::measure::load::schedule::{Due, Schedule};
use crate::measure::load::timer::Timer;
use crate::readiness::RunQueue;
use crate::text::units::nanoseconds;
use mio::{Events, Poll, Token};
use std::io;
use std::time::Duration;

/// Events taken from the kernel per wait.
const EVENTS_PER_WAIT: usize = 1024;

/// Scheduled datagrams started per turn of the loop.
const MESSAGES_PER_TURN: usize = 1024;

/// Datagrams received by one socket per turn.
const RECEIVES_PER_TURN: usize = 64;

/// The interval at which progress is reported.
const TICK: Nanos = 100_000_000;

/// The interval at which lost datagrams are looked for, unless the timeout is short.
const LONGEST_SEARCH_INTERVAL: Duration = Duration::from_millis(100);

/// The token of the timer. Not a socket.
const TIMER: Token = Token(usize::MAX);

/// Everything that the one thread owns.
#[derive(Debug)]
pub(crate) struct DatagramLoop<'a, O> {
    plan: &'a LoadPlan,
    observer: &'a mut O,
    poll: Poll,
    events: Events,
    timer: Timer,
    clock: Clock,
    /// When the latest wait ended: what the events report happened before.
    woken: Nanos,
    sockets: DatagramSockets,
    /// Sockets with something to receive.
    run_queue: RunQueue,
    recorder: LoadRecorder,
    stage: RunStage,
    /// When datagrams are due; `None` in the closed loop, and before the load starts.
    schedule: Option<Schedule>,
    next_tick: Nanos,
    next_search: Nanos,
    /// The observer has ended the run.
    stop_requested: bool,
}

impl<'a, O: LoadObserver> DatagramLoop<'a, O> {
    pub(crate) fn new(plan: &'a LoadPlan, observer: &'a mut O) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut new = Self {
            timer: Timer::new(&poll, TIMER)?,
            plan,
            observer,
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            clock: Clock::start(),
            woken: 0,
            sockets: DatagramSockets::new(plan),
            run_queue: RunQueue::default(),
            recorder: LoadRecorder::new(plan, None),
            stage: RunStage::Connecting,
            schedule: None,
            next_tick: TICK,
            next_search: 0,
            stop_requested: false,
        };
        new.recorder.count_datagrams(|_none_yet| {});
        if let Err(error) = new.sockets.open(plan, new.poll.registry()) {
            new.recorder.failed((&error).into());
        }
        Ok(new)
    }

    /// Generates load until the run is over.
    pub(crate) fn run(mut self) -> io::Result<LoadResults> {
        while self.stage != RunStage::Done {
            self.wait()?;
            self.note();
            self.advance();
            self.start_messages();
            self.serve();
        }
        let sockets = self.sockets.len() as u64;
        Ok(self.recorder.into_results(sockets))
    }

    // ── wait and note ───────────────────────────────────────────────────────────────────────────

    /// The only place that blocks.
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
        if deadline > now && self.stage.is_measuring() {
            self.recorder.waited(self.woken - now);
        }
        Ok(())
    }

    /// When the loop has to go on, even without an event.
    fn deadline(&self) -> Nanos {
        let others = [self.next_wake(), self.stage.deadline(self.plan)];
        let others = others.into_iter().flatten();
        others.fold(self.next_tick.min(self.next_search), u64::min)
    }

    fn note(&mut self) {
        for event in &self.events {
            let Token(key) = event.token();
            if self.sockets.note(key, event.into()) {
                self.run_queue.push(key);
            }
        }
    }

    // ── advance ─────────────────────────────────────────────────────────────────────────────────

    /// Reports progress, finds what is lost, and moves the run to its next stage when the current one is over.
    fn advance(&mut self) {
        let now = self.woken;
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.report(now);
        }
        if now >= self.next_search {
            let interval = (self.plan.timeout / 8).min(LONGEST_SEARCH_INTERVAL);
            self.next_search = after(now, interval.max(Duration::from_millis(1)));
            self.find_lost(now);
        }
        let inputs = self.stage_inputs(now);
        let next = self.stage.next(inputs, self.plan);
        if next == self.stage {
            return;
        }
        if let RunStage::Measuring { since } = self.stage {
            let elapsed = Duration::from_nanos(now - since);
            self.recorder.measurement_ended(elapsed, 0);
            self.observer.measurement_ended();
        }
        match next {
            RunStage::WarmingUp { .. } if self.stage == RunStage::Connecting => {
                self.stage = next;
                self.start_load(now);
            }
            RunStage::Measuring { .. } => {
                // The observer may take a while to sample a server. That time is not measured.
                let warm_up = self.stage.warm_up(inputs, self.plan);
                self.recorder.warm_up_ended(warm_up);
                self.observer.measurement_started();
                let since = self.clock.now();
                self.recorder.measurement_started(since);
                self.stage = RunStage::Measuring { since };
            }
            RunStage::Done => self.end_run(now),
            RunStage::WarmingUp { .. } | RunStage::Connecting | RunStage::Draining { .. } => {
                self.stage = next;
            }
        }
    }

    fn report(&mut self, now: Nanos) {
        let messages = self.recorder.messages();
        let progress = Progress {
            connected: self.sockets.len(),
            measured: self.stage.measured(now),
            results: self.recorder.results(),
            per_mille: self.stage.per_mille(now, messages, self.plan),
        };
        self.stop_requested |= self.observer.progress(&progress).is_break();
    }

    fn stage_inputs(&mut self, now: Nanos) -> StageInputs {
        let messages = self.recorder.warm_up_messages();
        let observer = &mut *self.observer;
        let is_outstanding = self.sockets.outstanding() > 0;
        StageInputs {
            now,
            is_warm: self.stage.is_warm(now, self.plan, messages, observer),
            is_built_up: true,
            stop_requested: self.stop_requested,
            is_hopeless: self.sockets.len() < self.plan.connections,
            has_enough_messages: self.recorder.has_enough_messages(),
            has_outstanding_messages: is_outstanding || self.next_message().is_some(),
        }
    }

    /// The open loop starts its schedule; the closed loop, the first datagrams of every socket.
    fn start_load(&mut self, now: Nanos) {
        let rate = self.plan.open_loop_rate();
        self.schedule = rate.map(|rate| Schedule::new(rate, self.plan.arrivals, now));
        if self.plan.is_closed_loop() {
            for key in 0..self.sockets.len() {
                for _ in 0..self.plan.depth {
                    self.start(key, now);
                }
            }
        }
    }

    /// Datagrams that were sent a timeout ago or earlier are lost. In the closed loop, another one takes the place of
    /// each.
    fn find_lost(&mut self, now: Nanos) {
        let before = now.saturating_sub(nanoseconds(self.plan.timeout));
        for key in 0..self.sockets.len() {
            // The kernel may have room by now.
            self.send_waiting(key);
            for _ in 0..self.lose(key, before, now) {
                if self.replaces_messages() {
                    self.start(key, now);
                }
            }
        }
    }

    /// Takes the datagrams of a socket that were sent at `before` or earlier for lost. Returns their number.
    fn lose(&mut self, key: usize, before: Nanos, now: Nanos) -> usize {
        let lost = self.sockets.lose(key, before);
        for times in &lost {
            if self.recorder.measures(times.intended, self.stage) {
                self.recorder.lost((*times).into(), now);
            }
        }
        lost.len()
    }

    /// Nothing is waited for any more. What was in flight for a timeout is lost by now; in a run that the observer has
    /// ended, the rest has no known fate.
    fn end_run(&mut self, now: Nanos) {
        let end = match self.stage {
            RunStage::Draining { ended, .. } => ended,
            _ => now,
        };
        if self.stop_requested || !self.stage.is_draining() {
            self.recorder.ended_early();
        } else {
            for key in 0..self.sockets.len() {
                self.lose(key, now, now);
            }
            self.give_up_unsent(end, now);
        }
        self.stage = RunStage::Done;
    }

    /// Records what was due and was not sent: it waited for room in the kernel, or the generator did not come to it.
    fn give_up_unsent(&mut self, end: Nanos, now: Nanos) {
        let waiting = self.sockets.waiting().map(|time| Due { time, count: 1 });
        let scheduled = self.schedule.as_mut();
        let scheduled = scheduled.map(|schedule| schedule.take_all_before(end));
        for due in waiting.chain(scheduled.unwrap_or_default()) {
            if self.recorder.measures(due.time, self.stage) {
                self.recorder.never_sent(due, now);
            }
        }
    }

    // ── start messages ──────────────────────────────────────────────────────────────────────────

    /// When the next scheduled datagram is due, if it is still to be sent.
    fn next_message(&self) -> Option<Nanos> {
        let next = self.schedule.as_ref().map(Schedule::next);
        next.filter(|due| self.stage.sends_message_due_at(*due))
    }

    fn next_wake(&self) -> Option<Nanos> {
        Some(after(self.next_message()?, self.plan.effective_slack()))
    }

    /// Open loop: sends the datagrams that are due, from the sockets in rotation, as soon as the first of them has waited
    /// for others as long as it may.
    fn start_messages(&mut self) {
        let now = self.clock.now();
        if self.next_wake().is_none_or(|wake| wake > now) {
            return;
        }
        for _ in 0..MESSAGES_PER_TURN {
            if self.next_message().is_none() {
                break;
            }
            let due = self.schedule.as_mut().and_then(|it| it.take_due(now));
            let Some(due) = due else { break };
            let key = self.sockets.take_in_rotation();
            self.start(key, due);
        }
    }

    /// Whether the next datagram follows an echo or a loss, in the closed loop.
    fn replaces_messages(&self) -> bool {
        self.plan.is_closed_loop()
            && !self.stage.is_draining()
            && !self.recorder.has_enough_messages()
    }

    /// Starts a datagram that is due: sends it, or lets it wait for room in the kernel.
    fn start(&mut self, key: usize, due: Nanos) {
        self.sockets.add_due(key, due);
        self.send_waiting(key);
    }

    fn send_waiting(&mut self, key: usize) {
        while let Some(sent) = self.sockets.send_next(key, self.clock.now()) {
            if let Err(failure) = sent {
                self.recorder.failed(failure);
            }
        }
    }

    // ── serve ───────────────────────────────────────────────────────────────────────────────────

    /// Gives each socket on the run queue one bounded turn. A socket with more to receive goes to the back.
    fn serve(&mut self) {
        for _ in 0..self.run_queue.len() {
            let Some(key) = self.run_queue.pop() else {
                break;
            };
            self.send_waiting(key);
            let may_have_more = (0..RECEIVES_PER_TURN).all(|_| self.receive(key));
            if may_have_more {
                self.run_queue.push(key);
            }
        }
    }

    /// Receives one datagram. Returns whether there was one.
    fn receive(&mut self, key: usize) -> bool {
        match self.sockets.receive(key) {
            None => return false,
            Some(Ok(arrival)) => self.arrived(key, arrival),
            Some(Err(failure)) => self.recorder.failed(failure),
        }
        true
    }

    fn arrived(&mut self, key: usize, arrival: Arrival) {
        let now = self.clock.now();
        let (stage, recorder) = (self.stage, &mut self.recorder);
        match arrival {
            Arrival::Echo {
                times,
                is_reordered,
            } => {
                let size = self.plan.size as u64;
                recorder.echoed(size, times, now.saturating_sub(self.woken), now, stage);
                if recorder.measures(times.intended, stage) {
                    recorder.count_datagrams(|counts| {
                        counts.sent += 1;
                        counts.reordered += u64::from(is_reordered);
                    });
                }
                if self.replaces_messages() {
                    self.start(key, now);
                }
            }
            Arrival::Duplicate(times) if recorder.measures(times.intended, stage) => {
                recorder.count_datagrams(|counts| counts.duplicated += 1);
            }
            Arrival::Late if stage.is_measuring() || stage.is_draining() => {
                recorder.count_datagrams(|counts| counts.late += 1);
            }
            Arrival::Duplicate(_) | Arrival::Late => {}
            Arrival::Corrupted(mismatch) => {
                recorder.failed(Failure::Corrupted);
                recorder.mismatched(mismatch);
            }
        }
    }
}
