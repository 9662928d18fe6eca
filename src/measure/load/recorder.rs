//! Records the results of a run as they occur.

use super::client_connection::{ConnectionError, StartTimes};
use super::client_slot::{ClientSlot, Outstanding};
use super::clock::Nanos;
use super::latency::Latency;
use super::plan::{LoadPlan, StopCondition};
use super::results::{DatagramCounts, Failure, GeneratorCost, LoadResults, WarmUp};
use super::run_stage::RunStage;
use super::schedule::Due;
use super::verify::Mismatch;
use super::worker::OwnCounters;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::Duration;

/// The results so far.
#[derive(Debug)]
pub(super) struct LoadRecorder {
    results: LoadResults,
    max_messages: u64,
    /// Processor time of this thread when the measurement started.
    cpu_before: Duration,
    /// Run-queue delay of this thread when the measurement started.
    delay_before: Option<Duration>,
    /// When the latest measured message was echoed; before the first one, when the measurement started.
    last_echo: Nanos,
    /// The latest echoes of the other threads of the generator; `None` if there are no others.
    others: Option<OwnCounters>,
    /// Messages echoed during the warm-up.
    warm_up_messages: u64,
}

impl LoadRecorder {
    pub(super) fn new(plan: &LoadPlan, others: Option<OwnCounters>) -> Self {
        let open_loop = plan.open_loop_rate().is_some();
        Self {
            results: LoadResults {
                wait: open_loop.then(Latency::new),
                response: open_loop.then(Latency::new),
                generator: GeneratorCost {
                    threads: 1,
                    lag: open_loop.then(Latency::new),
                    ..GeneratorCost::default()
                },
                ..LoadResults::empty()
            },
            max_messages: match plan.stop_when {
                StopCondition::Messages(count) => count,
                StopCondition::Elapsed(_) => u64::MAX,
            },
            cpu_before: Duration::ZERO,
            delay_before: None,
            last_echo: 0,
            others,
            warm_up_messages: 0,
        }
    }

    /// Messages echoed during the warm-up so far.
    pub(super) fn warm_up_messages(&self) -> u64 {
        self.warm_up_messages
    }

    pub(super) fn warm_up_ended(&mut self, warm_up: WarmUp) {
        self.results.warm_up = warm_up;
    }

    pub(super) fn measurement_started(&mut self, now: Nanos) {
        self.cpu_before = cpu_of_this_thread();
        self.delay_before = run_queue_delay_of_this_thread();
        self.last_echo = now;
    }

    /// The measurement took this long, and starved this many connections.
    pub(super) fn measurement_ended(&mut self, elapsed: Duration, starved: usize) {
        self.results.elapsed = elapsed;
        self.results.starved = starved;
        let generator = &mut self.results.generator;
        generator.cpu = cpu_of_this_thread().saturating_sub(self.cpu_before);
        let delay = run_queue_delay_of_this_thread().zip(self.delay_before);
        generator.run_queue_delay = delay.map(|(now, before)| now.saturating_sub(before));
    }

    /// The loop had nothing to do for this long during the measurement.
    pub(super) fn waited(&mut self, time: Nanos) {
        self.results.generator.waited += Duration::from_nanos(time);
    }

    /// Whether the latency of a message with this due time is measured. In the open loop, those that are due during the
    /// measurement are, whenever they are echoed. In the closed loop, those that are in flight at some time during it.
    pub(super) fn measures(&self, intended: Nanos, stage: RunStage) -> bool {
        match &self.results.response {
            None => stage.is_measuring() || stage.is_draining(),
            Some(_) => stage.measures_message_due_at(intended),
        }
    }

    /// A message of `size` bytes was echoed completely. The throughput includes it if it was echoed during the
    /// measurement.
    pub(super) fn echoed(
        &mut self,
        size: u64,
        times: StartTimes,
        receive_lag: Nanos,
        now: Nanos,
        stage: RunStage,
    ) {
        self.warm_up_messages += u64::from(stage.is_warming_up());
        if stage.is_measuring() && !self.has_enough_messages() {
            self.results.messages += 1;
            self.results.bytes += size;
        }
        if self.measures(times.intended, stage) {
            self.record_gap(times.actual, now);
            self.last_echo = now;
            if let Some(others) = &self.others {
                others.echoed(now);
            }
            self.results.service.record(now - times.actual);
            if let Some(response) = &mut self.results.response {
                response.record(now - times.intended);
            }
            if let Some(wait) = &mut self.results.wait {
                wait.record(times.actual - times.intended);
            }
            if let Some(lags) = &mut self.results.generator.lag {
                lags.record(times.lag + receive_lag);
            }
        }
    }

    /// The time without an echo on any connection, while a message that was sent at `sent` was in flight.
    fn record_gap(&mut self, sent: Nanos, now: Nanos) {
        let gap = now.saturating_sub(sent.max(self.last_echo));
        if gap <= self.results.longest_gap {
            return;
        }
        let others = self.others.as_ref().map_or(0, |it| it.all.latest_echo());
        self.results.longest_gap = self
            .results
            .longest_gap
            .max(gap.min(now.saturating_sub(others)));
    }

    /// When the latest measured message was echoed; before the first one, when the measurement started.
    pub(super) fn last_echo(&self) -> Nanos {
        self.last_echo
    }

    /// A connection has failed, or is still without an echo at the end.
    pub(super) fn connection_failed(&mut self, slot: &ClientSlot, error: ConnectionError) {
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
        self.failed(slot.failure(error));
    }

    /// Counts what became of a datagram that is measured.
    pub(super) fn count_datagrams(&mut self, count: impl FnOnce(&mut DatagramCounts)) {
        count(self.results.datagrams.get_or_insert_default());
    }

    /// A message came back wrong; with the first wrong byte, if there is one.
    pub(super) fn mismatched(&mut self, mismatch: Option<Mismatch>) {
        let first = &mut self.results.first_mismatch;
        *first = first.or(mismatch);
    }

    /// A connection has failed, or could not be opened.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.results.failures.count(failure);
    }

    /// A measured message will not be echoed any more. Its age is the least that its latency can be.
    pub(super) fn unanswered(&mut self, message: Outstanding, now: Nanos) {
        if let Some(sent) = message.sent {
            self.record_gap(sent.at, now);
        }
        self.record_age(message, now);
    }

    /// A measured datagram was lost. Its age is the least that its latency can be; that it was waited for is no stall.
    pub(super) fn lost(&mut self, datagram: Outstanding, now: Nanos) {
        self.record_age(datagram, now);
        self.count_datagrams(|counts| {
            counts.sent += 1;
            counts.lost += 1;
        });
    }

    fn record_age(&mut self, message: Outstanding, now: Nanos) {
        self.results.unanswered += 1;
        if let Some(sent) = message.sent {
            let age = now.saturating_sub(sent.at);
            self.results.service.record_unanswered(age, 1);
        }
        self.record_wait(message, now);
        if let Some(response) = &mut self.results.response {
            response.record_unanswered(now.saturating_sub(message.intended), 1);
        }
    }

    /// How long an unanswered message waited to be sent: as far as it has come.
    fn record_wait(&mut self, message: Outstanding, now: Nanos) {
        if let Some(wait) = &mut self.results.wait {
            match message.sent {
                Some(sent) => wait.record(sent.at.saturating_sub(message.intended)),
                None => wait.record_unanswered(now.saturating_sub(message.intended), 1),
            }
        }
        if let (Some(lags), Some(sent)) = (&mut self.results.generator.lag, message.sent) {
            lags.record(sent.lag);
        }
    }

    /// Messages that were due, and that the generator did not even come to assign to a connection.
    pub(super) fn never_sent(&mut self, due: Due, now: Nanos) {
        self.results.unanswered += due.count;
        let age = now.saturating_sub(due.time);
        let results = &mut self.results;
        let lag = &mut results.generator.lag;
        let all = [&mut results.wait, &mut results.response, lag];
        for latency in all.into_iter().flatten() {
            latency.record_unanswered(age, due.count);
        }
    }

    /// The run ends before its stop condition.
    pub(super) fn ended_early(&mut self) {
        self.results.ended_early = true;
    }

    pub(super) fn messages(&self) -> u64 {
        self.results.messages
    }

    /// The results so far.
    pub(super) fn results(&self) -> &LoadResults {
        &self.results
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

/// Processor time that the calling thread has used.
pub(super) fn cpu_of_this_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}

/// How long the calling thread was ready to run and waited for a core: the second field of `schedstat`, in nanoseconds (the
/// kernel's `sched-stats.rst`). `None` where the kernel does not keep it.
fn run_queue_delay_of_this_thread() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::super::worker::SharedCounters;
    use super::*;

    /// The longest gap of each of two threads that receive these echoes, given as the thread, when the message was sent, and
    /// when it was echoed.
    fn longest_gaps(echoes: &[(usize, Nanos, Nanos)]) -> [Nanos; 2] {
        let plan = LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)));
        let all = SharedCounters::new(2);
        let mut recorders = [0, 1].map(|index| {
            let all = all.clone();
            let mut recorder = LoadRecorder::new(&plan, Some(OwnCounters { index, all }));
            recorder.measurement_started(100);
            recorder
        });
        for &(index, sent, echoed) in echoes {
            let stage = RunStage::Measuring { since: 100 };
            recorders[index].echoed(64, StartTimes::at(sent), 0, echoed, stage);
        }
        recorders.map(|recorder| recorder.into_results(1).longest_gap)
    }

    #[test]
    fn a_gap_ends_with_an_echo_to_any_thread() {
        assert_eq!(longest_gaps(&[(0, 100, 1000)]), [900, 0]);
        let echoes = [(1, 100, 500), (0, 100, 1000), (1, 500, 1600)];
        assert_eq!(longest_gaps(&echoes), [500, 600]);
        let often = [(1, 100, 400), (1, 400, 700), (1, 700, 990), (0, 100, 1000)];
        assert_eq!(longest_gaps(&often), [10, 300]);
    }
}
