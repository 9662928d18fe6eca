//! The course of the load, beside the page: from stage to stage, who is lost on the way, and how it ends.

use super::{GeneratorLoop, TICK};
use crate::measure::load::client_connection::{ConnectionError, Nanos, StartTimes};
use crate::measure::load::results::{Failure, LoadResults, Mismatch};
use crate::measure::load::run_stage::{RunStage, StageInputs, nanos};
use crate::measure::load::schedule::Schedule;
use crate::measure::load::{LoadObserver, LoadPattern, Progress, StopCondition};
use std::time::Duration;

/// So many connections may fail in a row, with no answer between them, before the load ends early.
const MAX_FAILURES: u64 = 1000;

impl<W: LoadObserver> GeneratorLoop<'_, W> {
    /// What the next stage depends on.
    pub(super) fn situation(&self, now: Nanos) -> StageInputs {
        let nobody_left = self.connections.is_empty() && self.to_open == 0;
        let missing = self.to_open + self.connecting + self.to_answer;
        StageInputs {
            now,
            is_built_up: missing == 0 || self.plan.pattern == LoadPattern::Churn,
            is_hopeless: self.told_to_stop || nobody_left || self.failed_in_a_row >= MAX_FAILURES,
            is_enough: self.recorder.is_enough(),
            is_outstanding: self.is_outstanding(),
        }
    }

    /// Whether something is still to come back. Asked for only when nothing else is left to wait for.
    fn is_outstanding(&self) -> bool {
        matches!(self.stage, RunStage::Draining { .. })
            && (self.next_message().is_some() || self.outstanding() > 0)
    }

    /// Messages of a schedule that count and have not come back.
    fn outstanding(&self) -> usize {
        if self.schedule.is_none() {
            return 0;
        }
        let slots = self.connections.iter();
        let asked = slots.map(|(_, slot)| slot.outstanding(|due| self.stage.covers(due)));
        asked.sum()
    }

    /// Moves on to another stage.
    pub(super) fn enter(&mut self, next: RunStage, now: Nanos) {
        if let RunStage::Measuring { since } = self.stage {
            self.recorder.end(Duration::from_nanos(now - since));
            self.watch.measurement_ended();
        }
        match next {
            RunStage::Connecting | RunStage::Draining { .. } => {}
            RunStage::WarmingUp { .. } => self.put_on_load(now),
            RunStage::Measuring { .. } => return self.begin_to_count(),
            RunStage::Done => self.sum_up(now),
        }
        self.stage = next;
    }

    /// The watch may need its time to look at a server of many threads: that is not measured.
    fn begin_to_count(&mut self) {
        self.watch.measurement_started();
        self.recorder.begin();
        self.stage = RunStage::Measuring { since: self.now() };
    }

    /// Everybody is connected: with a rate, the schedule begins; without, everybody's first messages.
    fn put_on_load(&mut self, now: Nanos) {
        let stays = matches!(self.plan.pattern, LoadPattern::Echo | LoadPattern::Stream);
        if !stays {
            return;
        }
        if let Some(rate) = self.plan.rate {
            self.schedule = Some(Schedule::new(rate, now));
            return;
        }
        for (key, slot) in &mut self.connections {
            for _ in 0..self.plan.depth {
                slot.connection.begin(StartTimes::at(now));
            }
            self.run_queue.push(key);
        }
    }

    /// What can only be said at the end.
    fn sum_up(&mut self, now: Nanos) {
        if !matches!(self.stage, RunStage::Draining { .. }) {
            self.recorder.ended_early();
        }
        self.recorder.unanswered(self.outstanding());
        if self.plan.pattern != LoadPattern::Churn {
            let slots = self.connections.iter();
            let starved = slots.filter(|(_, slot)| slot.is_starved(now)).count();
            self.recorder.starved(starved);
        }
    }

    pub(super) fn into_results(self) -> LoadResults {
        self.recorder.into_results()
    }

    /// About ten times a second: tells how far it is, and gives up who is silent.
    pub(super) fn tick(&mut self, now: Nanos) {
        self.next_tick = now + TICK;
        let so_far = Progress {
            connected: self.connections.len() - self.connecting,
            messages: self.recorder.messages(),
            per_mille: self.per_mille(now),
        };
        self.told_to_stop |= self.watch.progress(&so_far).is_break();
        let timeout = self.plan.timeout;
        let slots = self.connections.iter();
        let overdue = slots.filter(|(_, slot)| slot.is_overdue(now, timeout));
        let overdue: Vec<usize> = overdue.map(|(key, _)| key).collect();
        for key in overdue {
            if let Some(slot) = self.connections.get(key) {
                self.recorder.timed_out(slot.timed_out());
            }
            self.lose(key, Failure::TimedOut);
        }
    }

    fn per_mille(&self, now: Nanos) -> u64 {
        let of = |done: u64, all: u64| (done.saturating_mul(1000) / all.max(1)).min(1000);
        match (self.stage, self.plan.stop_when) {
            (RunStage::Connecting | RunStage::WarmingUp { .. }, _) => 0,
            (RunStage::Measuring { since }, StopCondition::Elapsed(duration)) => {
                of(now - since, nanos(duration))
            }
            (RunStage::Measuring { .. }, StopCondition::Messages(count)) => {
                of(self.recorder.messages(), count)
            }
            (RunStage::Draining { .. } | RunStage::Done, _) => 1000,
        }
    }

    /// A connection that has done what it was for. Another one takes its place.
    pub(super) fn hang_up(&mut self, key: usize) {
        drop(self.connections.try_remove(key));
        self.to_open += 1;
    }

    /// A connection broke.
    pub(super) fn give_up(&mut self, key: usize, error: ConnectionError) {
        let Some(slot) = self.connections.get(key) else {
            return;
        };
        if let ConnectionError::Differs(difference) = error {
            self.recorder
                .differs(Mismatch::new(slot.number(), difference));
        }
        let failure = slot.failure(error);
        self.lose(key, failure);
    }

    /// Lets go of a connection that failed. Only short-lived ones are replaced: a load that is missing
    /// connections must be seen to miss them.
    fn lose(&mut self, key: usize, failure: Failure) {
        let Some(slot) = self.connections.try_remove(key) else {
            return;
        };
        if self.schedule.is_some() {
            self.recorder
                .unanswered(slot.outstanding(|due| self.stage.covers(due)));
        }
        if !slot.is_connected() {
            self.connecting -= 1;
        }
        if self.plan.pattern == LoadPattern::Idle && slot.connection.finished() == 0 {
            self.to_answer -= 1;
        }
        self.count_failure(failure);
    }

    /// One connection less.
    pub(super) fn count_failure(&mut self, failure: Failure) {
        self.recorder.failed(failure);
        self.failed_in_a_row += 1;
        if self.plan.pattern == LoadPattern::Churn {
            self.to_open += 1;
        }
    }
}
