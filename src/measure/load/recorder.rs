//! Records the results of a run as they occur.

use super::client_connection::{ConnectionError, StartTimes};
use super::client_slot::ClientSlot;
use super::clock::Nanos;
use super::connection_pool::ConnectionPool;
use super::latency::Latency;
use super::plan::{LoadPlan, StopCondition};
use super::results::{Failure, GeneratorCost, LoadResults};
use super::run_stage::RunStage;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The results so far.
#[derive(Debug)]
pub(super) struct LoadRecorder {
    results: LoadResults,
    max_messages: u64,
    /// Processor time of this thread when the measurement started.
    cpu_before: Duration,
}

impl LoadRecorder {
    pub(super) fn new(plan: &LoadPlan) -> Self {
        let open_loop = plan.open_loop_rate().is_some();
        Self {
            results: LoadResults {
                response: open_loop.then(Latency::new),
                generator: GeneratorCost {
                    cpu: Duration::ZERO,
                    lag: open_loop.then(Latency::new),
                },
                ..LoadResults::empty()
            },
            max_messages: match plan.stop_when {
                StopCondition::Messages(count) => count,
                StopCondition::Elapsed(_) => u64::MAX,
            },
            cpu_before: Duration::ZERO,
        }
    }

    pub(super) fn measurement_started(&mut self) {
        self.cpu_before = cpu_of_this_thread();
    }

    pub(super) fn measurement_ended(&mut self, elapsed: Duration) {
        self.results.elapsed = elapsed;
        self.results.generator.cpu = cpu_of_this_thread().saturating_sub(self.cpu_before);
    }

    /// A message of `size` bytes was echoed completely. The throughput includes it if it was echoed during the
    /// measurement. In the closed loop the same goes for its latency; in the open loop, its latencies are
    /// included if it was *due* during the measurement, whenever it is echoed.
    pub(super) fn echoed(&mut self, size: u64, times: StartTimes, now: Nanos, stage: RunStage) {
        let in_time = stage.is_measuring() && !self.has_enough_messages();
        if in_time {
            self.results.messages += 1;
            self.results.bytes += size;
        }
        let is_measured = match &self.results.response {
            None => in_time,
            Some(_) => stage.measures_message_due_at(times.intended),
        };
        if is_measured {
            self.results.service.record(now - times.actual);
            if let Some(response) = &mut self.results.response {
                response.record(now - times.intended);
            }
        }
    }

    /// The generator noticed this late that a measured message was due.
    pub(super) fn lagged(&mut self, lag: Nanos) {
        if let Some(lags) = &mut self.results.generator.lag {
            lags.record(lag);
        }
    }

    /// A connection has failed. In the open loop, its measured messages remain unanswered.
    pub(super) fn connection_failed(
        &mut self,
        slot: &ClientSlot,
        error: ConnectionError,
        stage: RunStage,
    ) {
        let results = &mut self.results;
        match error {
            ConnectionError::Corrupted(mismatch) => {
                results.first_mismatch.get_or_insert(mismatch);
            }
            ConnectionError::TimedOut => {
                results.first_timeout.get_or_insert(slot.timed_out());
            }
            ConnectionError::PeerFinished | ConnectionError::Io(_) => {}
        }
        self.unanswered(slot.outstanding(|due| stage.measures_message_due_at(due)));
        self.failed(slot.failure(error));
    }

    /// A connection has failed, or could not be opened.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.results.failures.count(failure);
    }

    /// The run is over after this `stage`, with these connections still open.
    pub(super) fn run_ended(&mut self, stage: RunStage, now: Nanos, pool: &ConnectionPool<'_>) {
        self.results.ended_early = !stage.is_draining();
        self.results.starved = pool.starved(now);
        self.unanswered(pool.outstanding(|due| stage.measures_message_due_at(due)));
    }

    fn unanswered(&mut self, messages: usize) {
        if self.results.response.is_some() {
            self.results.unanswered += messages as u64;
        }
    }

    pub(super) fn messages(&self) -> u64 {
        self.results.messages
    }

    /// Whether the number of messages at which the measurement stops has been reached.
    pub(super) fn has_enough_messages(&self) -> bool {
        self.results.messages >= self.max_messages
    }

    /// The results, with the number of connections that were established.
    pub(super) fn into_results(self, connected: u64) -> LoadResults {
        LoadResults {
            connected,
            ..self.results
        }
    }
}

fn cpu_of_this_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}
