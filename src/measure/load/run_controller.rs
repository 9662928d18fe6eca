//! The course of a run: moves it from stage to stage, schedules its messages, and records its results.

use super::client_connection::{ConnectionError, StartTimes};
use super::client_slot::ClientSlot;
use super::clock::{Clock, Nanos};
use super::connection_pool::ConnectionPool;
use super::observer::{LoadObserver, Progress};
use super::plan::LoadPlan;
use super::recorder::LoadRecorder;
use super::results::{Failure, LoadResults};
use super::run_stage::{RunStage, StageInputs};
use super::schedule::Schedule;
use crate::readiness::RunQueue;
use std::time::Duration;

/// The interval at which progress is reported and timeouts are checked.
const TICK: Nanos = 100_000_000;

/// The run ends early after this many consecutive failures without an echo in between.
const MAX_FAILURES: u64 = 1000;

/// Everything about a run but its connections.
#[derive(Debug)]
pub(super) struct RunController<'a, O> {
    plan: &'a LoadPlan,
    observer: &'a mut O,
    recorder: LoadRecorder,
    stage: RunStage,
    /// When messages are due; `None` in the closed loop, and in the open loop until the warm-up begins.
    schedule: Option<Schedule>,
    next_tick: Nanos,
    /// Failures since the last echo.
    failures_in_a_row: u64,
    /// The observer has ended the run.
    stop_requested: bool,
}

impl<'a, O: LoadObserver> RunController<'a, O> {
    pub(super) fn new(plan: &'a LoadPlan, observer: &'a mut O) -> Self {
        Self {
            plan,
            observer,
            recorder: LoadRecorder::new(plan),
            stage: RunStage::Connecting,
            schedule: None,
            next_tick: TICK,
            failures_in_a_row: 0,
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

    /// When the next tick is due or the stage ends by time, whichever comes first.
    pub(super) fn deadline(&self) -> Nanos {
        let stage = self.stage.deadline(self.plan);
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

    /// Takes the next scheduled message if it is due, and records how late that is noticed.
    pub(super) fn take_due_message(&mut self, now: Nanos) -> Option<Nanos> {
        self.next_message()?;
        let due = self.schedule.as_mut()?.take_due(now)?;
        if self.stage.measures_message_due_at(due) {
            self.recorder.lagged(now - due);
        }
        Some(due)
    }

    // ── stages ──────────────────────────────────────────────────────────────────────────────────

    /// Ticks if it is time, and moves to the next stage when the current one is over.
    pub(super) fn advance(
        &mut self,
        clock: &Clock,
        pool: &mut ConnectionPool<'_>,
        run_queue: &mut RunQueue,
    ) {
        let now = clock.now();
        if now >= self.next_tick {
            self.tick(now, pool);
        }
        let next = self.stage.next(self.stage_inputs(now, pool), self.plan);
        if next == self.stage {
            return;
        }
        if let RunStage::Measuring { since } = self.stage {
            let elapsed = Duration::from_nanos(now - since);
            self.recorder.measurement_ended(elapsed);
            self.observer.measurement_ended();
        }
        match next {
            RunStage::Connecting | RunStage::Draining { .. } => {}
            RunStage::WarmingUp { .. } => self.start_load(now, pool, run_queue),
            RunStage::Measuring { .. } => return self.start_measurement(clock),
            RunStage::Done => self.recorder.run_ended(self.stage, now, pool),
        }
        self.stage = next;
    }

    /// About ten times a second: reports progress and fails the connections that have timed out.
    fn tick(&mut self, now: Nanos, pool: &mut ConnectionPool<'_>) {
        self.next_tick = now + TICK;
        let messages = self.recorder.messages();
        let progress = Progress {
            connected: pool.connected(),
            messages,
            per_mille: self.stage.per_mille(now, messages, self.plan),
        };
        self.stop_requested |= self.observer.progress(&progress).is_break();
        for key in pool.timed_out(now) {
            if let Some(slot) = pool.remove(key) {
                self.connection_failed(&slot, ConnectionError::TimedOut);
            }
        }
    }

    fn stage_inputs(&self, now: Nanos, pool: &ConnectionPool<'_>) -> StageInputs {
        let is_hopeless = pool.is_exhausted() || self.failures_in_a_row >= MAX_FAILURES;
        StageInputs {
            now,
            is_built_up: pool.is_built_up(),
            must_stop: self.stop_requested || is_hopeless,
            has_enough_messages: self.recorder.has_enough_messages(),
            has_outstanding_messages: self.has_outstanding_messages(pool),
        }
    }

    /// Whether measured messages of the schedule may still be echoed. That takes a pass over all connections, so it is
    /// determined only while draining, where it decides.
    fn has_outstanding_messages(&self, pool: &ConnectionPool<'_>) -> bool {
        let is_measured = |due| self.stage.measures_message_due_at(due);
        self.stage.is_draining()
            && self.is_scheduled()
            && (self.next_message().is_some() || pool.outstanding(is_measured) > 0)
    }

    /// All connections are established. The open loop starts its schedule; the closed loop, the first messages of
    /// every connection.
    fn start_load(&mut self, now: Nanos, pool: &mut ConnectionPool<'_>, run_queue: &mut RunQueue) {
        let rate = self.plan.open_loop_rate();
        self.schedule = rate.map(|rate| Schedule::new(rate, now));
        if self.plan.is_closed_loop() {
            for (key, slot) in pool.iter_mut() {
                for _ in 0..self.plan.depth {
                    slot.connection.start_message(StartTimes::at(now));
                }
                run_queue.push(key);
            }
        }
    }

    /// The observer may take a while to sample a server with many threads. That time is not measured.
    fn start_measurement(&mut self, clock: &Clock) {
        self.observer.measurement_started();
        self.recorder.measurement_started();
        self.stage = RunStage::Measuring { since: clock.now() };
    }

    // ── results ─────────────────────────────────────────────────────────────────────────────────

    /// Records a message whose echo is complete.
    pub(super) fn echoed(&mut self, times: StartTimes, now: Nanos) {
        self.failures_in_a_row = 0;
        let size = self.plan.size as u64;
        self.recorder.echoed(size, times, now, self.stage);
    }

    /// Records the failure of a connection that has been removed.
    pub(super) fn connection_failed(&mut self, slot: &ClientSlot, error: ConnectionError) {
        self.recorder.connection_failed(slot, error, self.stage);
        self.failures_in_a_row += 1;
    }

    /// Records a connection that could not be opened.
    pub(super) fn connect_failed(&mut self, failure: Failure) {
        self.recorder.failed(failure);
        self.failures_in_a_row += 1;
    }
}
