//! The course of a run: moves it from stage to stage, schedules its messages, and records its results. With several threads,
//! each has a controller for its part of the load, and the coordinator decides on the stages and has the observer.

use super::client_connection::{ConnectionError, StartTimes};
use super::client_slot::{ClientSlot, Outstanding};
use super::clock::{Clock, Nanos, after};
use super::connection_pool::ConnectionPool;
use super::observer::{LoadObserver, Progress};
use super::part::LoadPart;
use super::plan::LoadPlan;
use super::recorder::LoadRecorder;
use super::results::{Failure, LoadResults};
use super::run_stage::{RunStage, StageInputs};
use super::schedule::Schedule;
use super::worker::{CoordinatorLink, WorkerStatus};
use crate::readiness::RunQueue;
use std::time::Duration;

/// The interval at which progress is reported and timeouts are checked.
pub(super) const TICK: Nanos = 100_000_000;

/// The run ends early after this many consecutive failures without an echo in between.
const MAX_FAILURES: u64 = 1000;

/// Scheduled messages that may wait for a free place on their connections, 8 bytes each. If the server falls behind
/// further, the messages stay in the schedule, which needs no memory.
const MOST_WAITING: u64 = 4_000_000;

/// Everything about a run but its connections.
#[derive(Debug)]
pub(super) struct RunController<'a, O> {
    plan: &'a LoadPlan,
    part: LoadPart,
    observer: O,
    /// What decides on the stages; `None` if this controller does.
    coordinator: Option<CoordinatorLink>,
    recorder: LoadRecorder,
    stage: RunStage,
    /// When messages are due; `None` in the closed loop, and in the open loop until the warm-up begins.
    schedule: Option<Schedule>,
    next_tick: Nanos,
    /// How long a due message may wait for others.
    slack: Duration,
    /// Failures since the last echo.
    failures_in_a_row: u64,
    /// How many of them were timeouts.
    timeouts_in_a_row: usize,
    /// Scheduled messages that wait for a free place on their connection.
    waiting: u64,
    /// While draining: measured messages that may still be echoed.
    outstanding: usize,
    /// The observer has ended the run.
    stop_requested: bool,
}

impl<'a, O: LoadObserver> RunController<'a, O> {
    /// For `part` of a load, which is `plan`.
    pub(super) fn new(
        plan: &'a LoadPlan,
        part: LoadPart,
        observer: O,
        coordinator: Option<CoordinatorLink>,
    ) -> Self {
        let others = coordinator.as_ref().map(CoordinatorLink::counters);
        Self {
            plan,
            part,
            observer,
            coordinator,
            recorder: LoadRecorder::new(plan, others),
            stage: RunStage::Connecting,
            schedule: None,
            next_tick: TICK,
            slack: plan.effective_slack(),
            failures_in_a_row: 0,
            timeouts_in_a_row: 0,
            waiting: 0,
            outstanding: 0,
            stop_requested: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stage == RunStage::Done
    }

    /// The results, with the number of connections that were established.
    pub(super) fn into_results(self, connected: u64) -> LoadResults {
        self.recorder.into_results(connected)
    }

    /// When the next tick is due or the stage ends by time, whichever comes first; at once if the latest turn has ended it.
    pub(super) fn deadline(&self) -> Nanos {
        let has_enough = self.stage.is_measuring() && self.recorder.has_enough_messages();
        let is_drained = self.stage.is_draining() && !self.has_outstanding_messages();
        let stage = match &self.coordinator {
            Some(coordinator) => coordinator.next_stage_begins(self.stage, self.plan),
            None if has_enough || is_drained => Some(0),
            None => self.stage.deadline(self.plan),
        };
        stage.map_or(self.next_tick, |stage| stage.min(self.next_tick))
    }

    // ── scheduled messages ──────────────────────────────────────────────────────────────────────

    /// Whether messages are due at fixed times by now.
    pub(super) fn is_scheduled(&self) -> bool {
        self.schedule.is_some()
    }

    /// When the next scheduled message is due, if it is still to be sent.
    pub(super) fn next_message(&self) -> Option<Nanos> {
        let next = self.schedule.as_ref().map(Schedule::next);
        next.filter(|due| self.stage.sends_message_due_at(*due))
    }

    /// The next scheduled message; `None` if none is to be sent, or too many wait already.
    fn next_to_send(&self) -> Option<Nanos> {
        self.next_message().filter(|_| self.waiting < MOST_WAITING)
    }

    /// When the loop has to wake for a scheduled message, if there is one to be sent.
    pub(super) fn next_wake(&self) -> Option<Nanos> {
        Some(after(self.next_to_send()?, self.slack))
    }

    /// Takes the next scheduled message if it is due, to wait for a free place on a connection.
    pub(super) fn take_due_message(&mut self, now: Nanos) -> Option<Nanos> {
        self.next_to_send()?;
        let due = self.schedule.as_mut()?.take_due(now)?;
        self.waiting += 1;
        if self.stage.is_draining() && self.measures(due) {
            self.outstanding += 1;
        }
        Some(due)
    }

    /// A message that was taken found no connection.
    pub(super) fn no_connection_for(&mut self, due: Nanos, now: Nanos) {
        let message = Outstanding {
            intended: due,
            sent: None,
        };
        self.lose(message, now);
    }

    /// A scheduled message no longer waits.
    pub(super) fn sent(&mut self) {
        self.waiting -= 1;
    }

    /// The loop had nothing to do for this long.
    pub(super) fn waited(&mut self, time: Nanos) {
        if self.stage.is_measuring() {
            self.recorder.waited(time);
        }
    }

    /// Whether the next message follows an echo, in the closed loop.
    pub(super) fn replaces_messages(&self) -> bool {
        self.plan.is_closed_loop()
            && !self.stage.is_draining()
            && !self.recorder.has_enough_messages()
    }

    fn measures(&self, due: Nanos) -> bool {
        self.recorder.measures(due, self.stage)
    }

    /// Records a message that will not be echoed any more.
    fn lose(&mut self, message: Outstanding, now: Nanos) {
        if message.sent.is_none() {
            self.waiting -= 1;
        }
        if self.measures(message.intended) {
            self.recorder.unanswered(message, now);
            if self.stage.is_draining() {
                self.outstanding = self.outstanding.saturating_sub(1);
            }
        }
    }

    // ── stages ──────────────────────────────────────────────────────────────────────────────────

    /// Ticks if it is time, and moves to the next stage when the current one is over.
    pub(super) fn advance(
        &mut self,
        now: Nanos,
        clock: &Clock,
        pool: &mut ConnectionPool<'_>,
        run_queue: &mut RunQueue,
    ) {
        if now >= self.next_tick {
            self.tick(now, pool);
        }
        let inputs = self.stage_inputs(now, pool);
        let next = self.next_stage(inputs);
        if next == self.stage {
            return;
        }
        if let RunStage::Measuring { since } = self.stage {
            let ended = next.measurement_ended().unwrap_or(now);
            self.end_measurement(since, ended, pool);
        }
        let previous = self.stage;
        match next {
            RunStage::WarmingUp { since, .. } if previous == RunStage::Connecting => {
                self.start_load(since, now, pool, run_queue);
            }
            RunStage::Measuring { since } => {
                let warm_up = self.stage.warm_up(inputs, self.plan);
                self.recorder.warm_up_ended(warm_up);
                return self.start_measurement(since, clock);
            }
            RunStage::WarmingUp { .. } | RunStage::Connecting | RunStage::Draining { .. } => {}
            RunStage::Done => self.end_run(now, pool),
        }
        self.stage = next;
        if previous.is_measuring() {
            let outstanding = pool.outstanding();
            self.outstanding = outstanding.filter(|it| self.measures(it.intended)).count();
        }
    }

    /// The stage that follows; often the same.
    fn next_stage(&mut self, inputs: StageInputs) -> RunStage {
        let Some(coordinator) = &mut self.coordinator else {
            return self.stage.next(inputs, self.plan);
        };
        let decision = coordinator.decision(self.stage, inputs.now, self.plan);
        self.stop_requested |= decision.stop_requested;
        decision.stage
    }

    /// Reports to the coordinator, if there is one, what it decides by.
    pub(super) fn report(&mut self, pool: &ConnectionPool<'_>) {
        if self.coordinator.is_none() {
            return;
        }
        let has_enough = self.stage.is_measuring() && self.recorder.has_enough_messages();
        let status = WorkerStatus {
            stage: self.stage,
            is_built_up: pool.is_built_up(),
            is_hopeless: self.is_hopeless(pool),
            enough_since: has_enough.then(|| self.recorder.last_echo()),
            has_outstanding_messages: self.has_outstanding_messages(),
        };
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.report_status(status, self.recorder.warm_up_messages());
        }
    }

    /// Records what depends on the end of the measurement. No connection is opened after it.
    fn end_measurement(&mut self, since: Nanos, ended: Nanos, pool: &mut ConnectionPool<'_>) {
        pool.stop_opening();
        let elapsed = Duration::from_nanos(ended.saturating_sub(since));
        let starved = pool.starved(since, ended);
        self.recorder.measurement_ended(elapsed, starved);
        self.observer.measurement_ended();
        if self.stop_requested {
            self.recorder.ended_early();
        }
    }

    /// Records what has not been echoed in time. A connection without an echo has timed out, unless the run is cut
    /// short.
    fn end_run(&mut self, now: Nanos, pool: &mut ConnectionPool<'_>) {
        let is_drained = self.stage.is_draining();
        for key in pool.keys() {
            let Some(slot) = pool.remove(key) else {
                continue;
            };
            let has_waited_in_vain = slot.outstanding().any(|it| self.measures(it.intended));
            if has_waited_in_vain && is_drained && !self.stop_requested {
                self.connection_failed(&slot, ConnectionError::TimedOut, now);
            } else {
                slot.outstanding().for_each(|it| self.lose(it, now));
            }
        }
        let end = self.stage.measurement_ended().unwrap_or(now);
        let unsent = (self.schedule.as_mut()).map(|schedule| schedule.take_all_before(end));
        for due in unsent.unwrap_or_default() {
            if self.measures(due.time) {
                self.recorder.never_sent(due, now);
            }
        }
        if !is_drained {
            self.recorder.ended_early();
        }
    }

    /// About ten times a second: reports progress and fails the connections that have timed out.
    fn tick(&mut self, now: Nanos, pool: &mut ConnectionPool<'_>) {
        self.next_tick = now - now % TICK + TICK;
        let messages = self.recorder.messages();
        let progress = Progress {
            connected: pool.connected(),
            measured: self.stage.measured(now),
            results: self.recorder.results(),
            per_mille: self.stage.per_mille(now, messages, self.plan),
        };
        self.stop_requested |= self.observer.progress(&progress).is_break();
        if let Some(coordinator) = &self.coordinator {
            coordinator.report_progress(pool.connected(), self.recorder.results());
        }
        for key in pool.timed_out(now) {
            if let Some(slot) = pool.remove(key) {
                self.connection_failed(&slot, ConnectionError::TimedOut, now);
            }
        }
    }

    fn stage_inputs(&mut self, now: Nanos, pool: &ConnectionPool<'_>) -> StageInputs {
        let messages = self.recorder.warm_up_messages();
        let is_warm = (self.stage).is_warm(now, self.plan, messages, &mut self.observer);
        StageInputs {
            now,
            is_warm,
            is_built_up: pool.is_built_up(),
            stop_requested: self.stop_requested,
            is_hopeless: self.is_hopeless(pool),
            has_enough_messages: self.recorder.has_enough_messages(),
            has_outstanding_messages: self.has_outstanding_messages(),
        }
    }

    fn is_hopeless(&self, pool: &ConnectionPool<'_>) -> bool {
        pool.is_exhausted()
            || self.timeouts_in_a_row >= self.plan.connections
            || self.failures_in_a_row >= MAX_FAILURES
    }

    fn has_outstanding_messages(&self) -> bool {
        self.outstanding > 0 || self.next_message().is_some()
    }

    /// All connections are established. The open loop starts its schedule, at `since`; the closed loop, the first messages of
    /// every connection.
    fn start_load(
        &mut self,
        since: Nanos,
        now: Nanos,
        pool: &mut ConnectionPool<'_>,
        run_queue: &mut RunQueue,
    ) {
        self.schedule = self.plan.open_loop_rate().map(|rate| {
            let start = self.part.start_of_schedule(since, rate);
            Schedule::new(rate, self.plan.arrivals, start)
        });
        if self.plan.is_closed_loop() {
            pool.start_first_messages(now, run_queue);
        }
    }

    /// The observer may take a while to sample a server with many threads. That time is not measured. Where the coordinator
    /// has the observer, it has set the time at which the measurement starts, and that is now.
    fn start_measurement(&mut self, since: Nanos, clock: &Clock) {
        self.observer.measurement_started();
        let since = self
            .coordinator
            .as_ref()
            .map_or_else(|| clock.now(), |_| since);
        self.recorder.measurement_started(since);
        self.stage = RunStage::Measuring { since };
    }

    // ── results ─────────────────────────────────────────────────────────────────────────────────

    /// Records a message whose echo is complete. The loop noticed its last bytes at `noticed`.
    pub(super) fn echoed(&mut self, times: StartTimes, noticed: Nanos, now: Nanos) {
        self.failures_in_a_row = 0;
        self.timeouts_in_a_row = 0;
        let size = self.plan.size as u64;
        let receive_lag = now - noticed;
        self.recorder
            .echoed(size, times, receive_lag, now, self.stage);
        if self.stage.is_draining() && self.measures(times.intended) {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
    }

    /// Records the failure of a connection that has been removed, and the messages that are lost with it.
    pub(super) fn connection_failed(
        &mut self,
        slot: &ClientSlot,
        error: ConnectionError,
        now: Nanos,
    ) {
        slot.outstanding().for_each(|it| self.lose(it, now));
        self.recorder.connection_failed(slot, error);
        self.failures_in_a_row += 1;
        self.timeouts_in_a_row += usize::from(error == ConnectionError::TimedOut);
    }

    /// Records a connection that could not be opened.
    pub(super) fn connect_failed(&mut self, failure: Failure) {
        self.recorder.failed(failure);
        self.failures_in_a_row += 1;
    }
}
