//! What is counted while the load counts.

use super::client_connection::{Nanos, StartTimes};
use super::latency::Latency;
use super::results::{Failure, GeneratorCost, LoadResults, Mismatch, TimedOut};
use super::run_stage::RunStage;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The results as it grows.
#[derive(Debug)]
pub(super) struct LoadRecorder {
    results: LoadResults,
    /// The most messages that count.
    enough: u64,
    /// Processor time of this thread when it began to count.
    cpu_before: Duration,
}

impl LoadRecorder {
    pub(super) fn new(open_loop: bool, enough: u64) -> Self {
        Self {
            results: LoadResults {
                response: open_loop.then(Latency::new),
                generator: GeneratorCost {
                    cpu: Duration::ZERO,
                    lag: open_loop.then(Latency::new),
                },
                ..LoadResults::empty()
            },
            enough,
            cpu_before: Duration::ZERO,
        }
    }

    pub(super) fn connected(&mut self) {
        self.results.connected += 1;
    }

    pub(super) fn begin(&mut self) {
        self.cpu_before = cpu_of_this_thread();
    }

    pub(super) fn end(&mut self, elapsed: Duration) {
        self.results.elapsed = elapsed;
        self.results.generator.cpu = cpu_of_this_thread().saturating_sub(self.cpu_before);
    }

    /// A message of `size` bytes came back. In the closed loop it counts if it comes back while the load
    /// counts; with a rate, its times count if it was due then, whenever it comes back.
    pub(super) fn came_back(&mut self, size: u64, stamp: StartTimes, now: Nanos, stage: RunStage) {
        let in_time = stage.counts() && !self.is_enough();
        if in_time {
            self.results.messages += 1;
            self.results.bytes += size;
        }
        let counts = match &self.results.response {
            None => in_time,
            Some(_) => stage.covers(stamp.intended),
        };
        if counts {
            self.results.service.record(now - stamp.started);
            if let Some(response) = &mut self.results.response {
                response.record(now - stamp.intended);
            }
        }
    }

    /// A message that counts was noticed to be due so late.
    pub(super) fn late_by(&mut self, lag: Nanos) {
        if let Some(all) = &mut self.results.generator.lag {
            all.record(lag);
        }
    }

    /// Messages that count, and will not come back.
    pub(super) fn unanswered(&mut self, messages: usize) {
        self.results.unanswered += messages as u64;
    }

    /// So many connections asked and never had an answer.
    pub(super) fn starved(&mut self, connections: usize) {
        self.results.starved = connections;
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        self.results.failures.count(failure);
    }

    pub(super) fn differs(&mut self, mismatch: Mismatch) {
        self.results.first_mismatch.get_or_insert(mismatch);
    }

    pub(super) fn timed_out(&mut self, timed_out: TimedOut) {
        self.results.first_timeout.get_or_insert(timed_out);
    }

    pub(super) fn ended_early(&mut self) {
        self.results.ended_early = true;
    }

    pub(super) fn messages(&self) -> u64 {
        self.results.messages
    }

    pub(super) fn is_enough(&self) -> bool {
        self.results.messages >= self.enough
    }

    pub(super) fn into_results(self) -> LoadResults {
        self.results
    }
}

fn cpu_of_this_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}
