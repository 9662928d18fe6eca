//! The course of the load, beside the page: from stage to stage, who is lost on the way, and how it ends.

use super::{EventLoop, TICK};
use crate::measure::load::conversation::{Broken, Nanos, Stamp};
use crate::measure::load::outcome::{Failure, Mismatch, Outcome};
use crate::measure::load::schedule::Schedule;
use crate::measure::load::stage::{Situation, Stage, nanos};
use crate::measure::load::{End, Pattern, Progress, Watch};
use std::time::Duration;

/// So many connections may fail in a row, with no answer between them, before the load ends early.
const HOPELESS: u64 = 1000;

impl<W: Watch> EventLoop<'_, W> {
    /// What the next stage depends on.
    pub(super) fn situation(&self, now: Nanos) -> Situation {
        let nobody_left = self.connections.is_empty() && self.to_open == 0;
        let missing = self.to_open + self.connecting + self.to_answer;
        Situation {
            now,
            is_built_up: missing == 0 || self.plan.pattern == Pattern::Churn,
            is_hopeless: self.told_to_stop || nobody_left || self.failed_in_a_row >= HOPELESS,
            is_enough: self.tally.is_enough(),
            is_outstanding: self.is_outstanding(),
        }
    }

    /// Whether something is still to come back. Asked for only when nothing else is left to wait for.
    fn is_outstanding(&self) -> bool {
        matches!(self.stage, Stage::Draining { .. })
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
    pub(super) fn enter(&mut self, next: Stage, now: Nanos) {
        if let Stage::Measuring { since } = self.stage {
            self.tally.end(Duration::from_nanos(now - since));
            self.watch.measured();
        }
        match next {
            Stage::Connecting | Stage::Draining { .. } => {}
            Stage::WarmingUp { .. } => self.put_on_load(now),
            Stage::Measuring { .. } => return self.begin_to_count(),
            Stage::Done => self.sum_up(now),
        }
        self.stage = next;
    }

    /// The watch may need its time to look at a server of many threads: that is not measured.
    fn begin_to_count(&mut self) {
        self.watch.measuring();
        self.tally.begin();
        self.stage = Stage::Measuring { since: self.now() };
    }

    /// Everybody is connected: with a rate, the schedule begins; without, everybody's first messages.
    fn put_on_load(&mut self, now: Nanos) {
        let stays = matches!(self.plan.pattern, Pattern::Echo | Pattern::Stream);
        if !stays {
            return;
        }
        if let Some(rate) = self.plan.rate {
            self.schedule = Some(Schedule::new(rate, now));
            return;
        }
        for (key, slot) in &mut self.connections {
            for _ in 0..self.plan.depth {
                slot.conversation.begin(Stamp::at(now));
            }
            self.run_queue.push(key);
        }
    }

    /// What can only be said at the end.
    fn sum_up(&mut self, now: Nanos) {
        if !matches!(self.stage, Stage::Draining { .. }) {
            self.tally.ended_early();
        }
        self.tally.unanswered(self.outstanding());
        if self.plan.pattern != Pattern::Churn {
            let slots = self.connections.iter();
            let starved = slots.filter(|(_, slot)| slot.is_starved(now)).count();
            self.tally.starved(starved);
        }
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.tally.into_outcome()
    }

    /// About ten times a second: tells how far it is, and gives up who is silent.
    pub(super) fn tick(&mut self, now: Nanos) {
        self.next_tick = now + TICK;
        let so_far = Progress {
            connected: self.connections.len() - self.connecting,
            messages: self.tally.messages(),
            per_mille: self.per_mille(now),
        };
        self.told_to_stop |= self.watch.progress(&so_far).is_break();
        let patience = self.plan.patience;
        let slots = self.connections.iter();
        let overdue = slots.filter(|(_, slot)| slot.is_overdue(now, patience));
        let overdue: Vec<usize> = overdue.map(|(key, _)| key).collect();
        for key in overdue {
            if let Some(slot) = self.connections.get(key) {
                self.tally.fell_silent(slot.silence());
            }
            self.lose(key, Failure::TimedOut);
        }
    }

    fn per_mille(&self, now: Nanos) -> u64 {
        let of = |done: u64, all: u64| (done.saturating_mul(1000) / all.max(1)).min(1000);
        match (self.stage, self.plan.end) {
            (Stage::Connecting | Stage::WarmingUp { .. }, _) => 0,
            (Stage::Measuring { since }, End::After(duration)) => of(now - since, nanos(duration)),
            (Stage::Measuring { .. }, End::Messages(count)) => of(self.tally.messages(), count),
            (Stage::Draining { .. } | Stage::Done, _) => 1000,
        }
    }

    /// A connection that has done what it was for. Another one takes its place.
    pub(super) fn hang_up(&mut self, key: usize) {
        drop(self.connections.try_remove(key));
        self.to_open += 1;
    }

    /// A connection broke.
    pub(super) fn give_up(&mut self, key: usize, broken: Broken) {
        let Some(slot) = self.connections.get(key) else {
            return;
        };
        if let Broken::Differs(difference) = broken {
            self.tally.differs(Mismatch::new(slot.number(), difference));
        }
        let failure = slot.failure(broken);
        self.lose(key, failure);
    }

    /// Lets go of a connection that failed. Only short-lived ones are replaced: a load that is missing
    /// connections must be seen to miss them.
    fn lose(&mut self, key: usize, failure: Failure) {
        let Some(slot) = self.connections.try_remove(key) else {
            return;
        };
        if self.schedule.is_some() {
            self.tally
                .unanswered(slot.outstanding(|due| self.stage.covers(due)));
        }
        if !slot.is_connected() {
            self.connecting -= 1;
        }
        if self.plan.pattern == Pattern::Idle && slot.conversation.finished() == 0 {
            self.to_answer -= 1;
        }
        self.count_failure(failure);
    }

    /// One connection less.
    pub(super) fn count_failure(&mut self, failure: Failure) {
        self.tally.failed(failure);
        self.failed_in_a_row += 1;
        if self.plan.pattern == Pattern::Churn {
            self.to_open += 1;
        }
    }
}
