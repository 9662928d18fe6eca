//! The values of one measurement: one server under one load.

use super::cost::ServerCost;
use super::warm_up::WarmUpReport;
use crate::measure::load::{
    DatagramCounts, Failures, Latency, LoadResults, Mismatch, QUANTILES, TimedOut,
};
use crate::measure::process::{HardwareCounts, ProcessorEvent};
use crate::text::units::nanoseconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The least time in nanoseconds without any reply that is reported as a stall.
const MIN_STALL: u64 = 100_000_000;

/// How many times the median service time a stall lasts at least.
const STALL_FACTOR: u64 = 10;

/// All that one measurement has yielded. The fields have the names that they have in the JSON of `bench` and `compare`;
/// `_ns` are nanoseconds. What could not be measured is `None`, in the JSON `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The warm-up; `None` in files of versions that did not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUpReport>,
    /// How long was measured, without the warm-up.
    pub elapsed_ns: u64,
    /// Messages that came back in that time; for the churn pattern, connections.
    pub messages: u64,
    /// Bytes in these messages.
    pub bytes: u64,
    /// Connections that were established.
    pub connected: u64,
    /// Connections that got no reply during the second half of the measurement, nor before in it, or during its last
    /// second if that is shorter (but not less than 100 ms), although a message waited for one.
    pub starved: u64,
    /// Messages that were in flight or due and did not come back, neither within the timeout nor before their connection
    /// failed. The latencies contain them, with their age.
    pub unanswered: u64,
    /// What became of the datagrams; `None` over TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datagrams: Option<DatagramCounts>,
    /// The longest time in which no connection got a reply although a message was in flight, if it is a stall: at least
    /// 100 ms and at least ten times the median service time.
    pub stall_ns: Option<u64>,
    /// The first part of the response time, until the message was sent; only with a rate.
    #[serde(default)]
    pub wait_time: Option<LatencySummary>,
    /// Latency from the time at which a message was sent.
    pub service_time: LatencySummary,
    /// Latency from the time at which a message was due; only with a rate.
    pub response_time: Option<LatencySummary>,
    /// Connections that failed, by kind.
    pub failures: Failures,
    /// The first byte that came back wrong.
    pub first_mismatch: Option<Mismatch>,
    /// The first connection that timed out.
    pub first_timeout: Option<TimedOut>,
    /// What the load cost the server; `None` if its process is not visible.
    pub server: Option<ServerCost>,
    /// What the processor counted for the server; `None` unless it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<HardwareCounts>,
    /// Threads of the generator. The times of the generator are the sums of theirs.
    #[serde(default = "one_thread")]
    pub generator_threads: usize,
    /// Processor time of the generator.
    pub generator_cpu_ns: u64,
    /// How long the generator had nothing to do: asleep, or polling without an event until a message was due.
    #[serde(default)]
    pub generator_waited_ns: u64,
    /// How long the generator was ready to run and waited for a core; `None` where the kernel does not report it.
    #[serde(default)]
    pub generator_run_queue_delay_ns: Option<u64>,
    /// How long some task of the machine was ready to run and waited for a core (PSI); `None` where the kernel does not
    /// report it.
    #[serde(default)]
    pub cpu_pressure_ns: Option<u64>,
    /// The generator's own part of the response times: how much later than possible it sent the message and read the echo;
    /// only with a rate.
    pub generator_lag: Option<LatencySummary>,
    /// The connection that flooded the server meanwhile; only for the fairness pattern of `compare`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flood: Option<Flood>,
    /// Whether it was interrupted, or had no connection left.
    pub ended_early: bool,
}

/// That of a measurement that was saved before there could be several.
pub(in crate::measure) fn one_thread() -> usize {
    1
}

/// What came back to the connection that floods the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// Bytes.
    pub bytes: u64,
    /// How long it flooded.
    pub elapsed_ns: u64,
}

/// A latency distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// The number of samples.
    pub count: u64,
    /// The mean.
    pub mean_ns: Option<u64>,
    /// The percentiles by name; one with fewer than 10 samples above it is `None`. Their names are in order.
    pub percentiles_ns: BTreeMap<String, Option<u64>>,
    /// The exact maximum.
    pub max_ns: Option<u64>,
    /// Samples that are the ages of messages that did not come back.
    pub unanswered: u64,
    /// From this value on, the figures are lower bounds: the least of these ages.
    pub lower_bound_from_ns: Option<u64>,
}

impl Values {
    /// The values in `results`, with what the load has cost the server.
    pub fn new(results: &LoadResults, server: Option<ServerCost>) -> Self {
        Self {
            warm_up: Some(results.warm_up.into()),
            elapsed_ns: nanoseconds(results.elapsed),
            messages: results.messages,
            bytes: results.bytes,
            connected: results.connected,
            starved: results.starved as u64,
            unanswered: results.unanswered,
            datagrams: results.datagrams,
            stall_ns: stall(results),
            wait_time: results.wait.as_ref().map(Into::into),
            service_time: (&results.service).into(),
            response_time: results.response.as_ref().map(Into::into),
            failures: results.failures,
            first_mismatch: results.first_mismatch,
            first_timeout: results.first_timeout,
            server,
            counters: None,
            generator_threads: results.generator.threads,
            generator_cpu_ns: nanoseconds(results.generator.cpu),
            generator_waited_ns: nanoseconds(results.generator.waited),
            generator_run_queue_delay_ns: results.generator.run_queue_delay.map(nanoseconds),
            cpu_pressure_ns: None,
            generator_lag: results.generator.lag.as_ref().map(Into::into),
            flood: None,
            ended_early: results.ended_early,
        }
    }

    /// The latency as a user of the server experiences it: the response time if there is a rate.
    pub fn latency(&self) -> &LatencySummary {
        self.response_time.as_ref().unwrap_or(&self.service_time)
    }

    /// Messages per second.
    pub fn messages_per_second(&self) -> f64 {
        per_second(self.messages, self.elapsed_ns)
    }

    /// Messages per second to be held against a rate: those that came back and, over UDP, those that were lost. A datagram
    /// that is lost holds no other one back; the loss is a figure of its own.
    pub fn paced_per_second(&self) -> f64 {
        let lost = self.datagrams.map_or(0, |counts| counts.lost);
        per_second(self.messages.saturating_add(lost), self.elapsed_ns)
    }

    /// Bytes per second in one direction.
    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.bytes, self.elapsed_ns)
    }

    /// Messages that were due or in flight and did not come back, those left out that UDP may lose.
    pub fn unexpectedly_unanswered(&self) -> u64 {
        let lost = self.datagrams.map_or(0, |counts| counts.lost);
        self.unanswered.saturating_sub(lost)
    }

    /// The share of the datagrams that were lost; `None` over TCP, or if none was sent.
    pub fn loss(&self) -> Option<f64> {
        let counts = self.datagrams.filter(|counts| counts.sent > 0)?;
        Some(float(counts.lost) / float(counts.sent))
    }

    /// `total` per message; `None` without messages.
    pub fn per_message(&self, total: u64) -> Option<f64> {
        (self.messages > 0).then(|| float(total) / float(self.messages))
    }

    /// How often `event` happened per message; `None` without messages, or if it was not counted.
    pub fn events_per_message(&self, event: ProcessorEvent) -> Option<f64> {
        self.per_message(self.counters.as_ref()?.of(event).counted()?)
    }

    /// The share of one core that the generator used, more than 1 if it has several threads.
    pub fn generator_share(&self) -> f64 {
        float(self.generator_cpu_ns) / float(self.elapsed_ns.max(1))
    }

    /// The share of one core that a thread of the generator used, on average.
    pub fn generator_share_per_thread(&self) -> f64 {
        float(self.generator_cpu_ns) / self.generator_time()
    }

    /// The share of the time in which a thread of the generator had something to do, on average. Unlike its share of a core,
    /// it leaves out what sleeping, waking up and waiting take.
    pub fn generator_busy_share(&self) -> f64 {
        1.0 - float(self.generator_waited_ns) / self.generator_time()
    }

    /// How long the measurement took, for each thread of the generator, in nanoseconds.
    fn generator_time(&self) -> f64 {
        let threads = self.generator_threads.max(1) as u64;
        float(threads) * float(self.elapsed_ns.max(1))
    }

    /// The share of one core that the server used, more than 1 if it has several; `None` if its process is not visible.
    pub fn server_share(&self) -> Option<f64> {
        Some(float(self.server?.cpu_ns()) / float(self.elapsed_ns.max(1)))
    }

    /// The share of the time in which a thread of the generator was ready to run and waited for a core, on average.
    pub fn generator_delayed_share(&self) -> Option<f64> {
        Some(float(self.generator_run_queue_delay_ns?) / self.generator_time())
    }

    /// The share of the time in which some task of the machine was ready to run and waited for a core.
    pub fn cpu_pressure_share(&self) -> Option<f64> {
        Some(float(self.cpu_pressure_ns?) / float(self.elapsed_ns.max(1)))
    }

    /// The share of the time in which threads of the server waited, summed; `None` also if its process is not visible.
    pub fn server_delayed_share(&self) -> Option<f64> {
        Some(float(self.server?.run_queue_delay_ns?) / float(self.elapsed_ns.max(1)))
    }
}

impl From<&Latency> for LatencySummary {
    fn from(latency: &Latency) -> Self {
        let percentile = |(name, quantile): (&str, f64)| {
            let time = latency.quantile(quantile).map(nanoseconds);
            (name.to_owned(), time)
        };
        Self {
            count: latency.count(),
            mean_ns: latency.mean().map(nanoseconds),
            percentiles_ns: QUANTILES.into_iter().map(percentile).collect(),
            max_ns: latency.max().map(nanoseconds),
            unanswered: latency.unanswered(),
            lower_bound_from_ns: latency.lower_bound_from().map(nanoseconds),
        }
    }
}

impl LatencySummary {
    /// The percentile of this name, in nanoseconds; `None` if there is none, or if it has too few samples.
    pub fn percentile(&self, name: &str) -> Option<u64> {
        self.percentiles_ns.get(name).copied().flatten()
    }
}

/// The longest time without a reply in nanoseconds, if it is a stall. The median tells a stall from a slow server; a
/// median that is itself a lower bound does not.
fn stall(results: &LoadResults) -> Option<u64> {
    let is_exact = |median: &Duration| {
        let bound = results.service.lower_bound_from();
        bound.is_none_or(|bound| *median < bound)
    };
    let median = results.service.quantile(0.5).filter(is_exact);
    let usual = median.map_or(0, nanoseconds).saturating_mul(STALL_FACTOR);
    (results.longest_gap >= usual.max(MIN_STALL)).then_some(results.longest_gap)
}

fn per_second(count: u64, elapsed_ns: u64) -> f64 {
    if elapsed_ns == 0 {
        return 0.0;
    }
    float(count) / (float(elapsed_ns) / 1e9)
}

/// Counts, bytes and nanoseconds stay far below 2^53, up to which a float represents integers exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(in crate::measure) fn float(count: u64) -> f64 {
    count as f64
}
