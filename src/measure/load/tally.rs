//! What is counted while the load counts.

use super::conversation::{Nanos, Stamp};
use super::latency::Latency;
use super::outcome::{Failure, GeneratorCost, Mismatch, Outcome, Silence};
use super::stage::Stage;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The outcome as it grows.
#[derive(Debug)]
pub(super) struct Tally {
    outcome: Outcome,
    /// The most messages that count.
    enough: u64,
    /// Processor time of this thread when it began to count.
    cpu_before: Duration,
}

impl Tally {
    pub(super) fn new(open_loop: bool, enough: u64) -> Self {
        Self {
            outcome: Outcome {
                response: open_loop.then(Latency::new),
                generator: GeneratorCost {
                    cpu: Duration::ZERO,
                    lag: open_loop.then(Latency::new),
                },
                ..Outcome::nothing()
            },
            enough,
            cpu_before: Duration::ZERO,
        }
    }

    pub(super) fn connected(&mut self) {
        self.outcome.connected += 1;
    }

    pub(super) fn begin(&mut self) {
        self.cpu_before = cpu_of_this_thread();
    }

    pub(super) fn end(&mut self, elapsed: Duration) {
        self.outcome.elapsed = elapsed;
        self.outcome.generator.cpu = cpu_of_this_thread().saturating_sub(self.cpu_before);
    }

    /// A message of `size` bytes came back. In the closed loop it counts if it comes back while the load
    /// counts; with a rate, its times count if it was due then, whenever it comes back.
    pub(super) fn came_back(&mut self, size: u64, stamp: Stamp, now: Nanos, stage: Stage) {
        let in_time = stage.counts() && !self.is_enough();
        if in_time {
            self.outcome.messages += 1;
            self.outcome.bytes += size;
        }
        let counts = match &self.outcome.response {
            None => in_time,
            Some(_) => stage.covers(stamp.intended),
        };
        if counts {
            self.outcome.service.record(now - stamp.started);
            if let Some(response) = &mut self.outcome.response {
                response.record(now - stamp.intended);
            }
        }
    }

    /// A message that counts was noticed to be due so late.
    pub(super) fn late_by(&mut self, lag: Nanos) {
        if let Some(all) = &mut self.outcome.generator.lag {
            all.record(lag);
        }
    }

    /// Messages that count, and will not come back.
    pub(super) fn unanswered(&mut self, messages: usize) {
        self.outcome.unanswered += messages as u64;
    }

    /// So many connections asked and never had an answer.
    pub(super) fn starved(&mut self, connections: usize) {
        self.outcome.starved = connections;
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        self.outcome.failures.count(failure);
    }

    pub(super) fn differs(&mut self, mismatch: Mismatch) {
        self.outcome.mismatch.get_or_insert(mismatch);
    }

    pub(super) fn fell_silent(&mut self, silence: Silence) {
        self.outcome.silence.get_or_insert(silence);
    }

    pub(super) fn ended_early(&mut self) {
        self.outcome.ended_early = true;
    }

    pub(super) fn messages(&self) -> u64 {
        self.outcome.messages
    }

    pub(super) fn is_enough(&self) -> bool {
        self.outcome.messages >= self.enough
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome
    }
}

fn cpu_of_this_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}
