//! All that was measured, as plain data.

use super::pinning::Pinning;
use super::usage::{MemoryMethod, UsageSampler};
use super::warning::BenchWarning;
use crate::measure::load::{
    Failures, Latency, LoadPlan, LoadResults, Mismatch, QUANTILES, StopCondition, TimedOut, Verify,
};
use crate::text::units::nanoseconds;
use crate::text::version::PROGRAM;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// The version of the JSON. It changes when a field changes its name or its meaning.
const FORMAT: u32 = 2;

/// The least time in nanoseconds without any reply that is reported as a stall.
const MIN_STALL: u64 = 100_000_000;

/// How many times the median service time a stall lasts at least.
const STALL_FACTOR: u64 = 10;

/// The least processor time that is divided into user and system time: 100 clock ticks.
const MIN_DIVIDED: Duration = Duration::from_secs(1);

/// All that was measured. The fields have the names that they have in the JSON; `_ns` are nanoseconds, `_us`
/// microseconds, and `_share` is a share of one core. What could not be measured is `None`, in the JSON `null`.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The version of this format.
    pub format: u32,
    /// Name, version and commit of this program.
    pub program: &'static str,
    /// What was asked for.
    pub plan: PlanReport,
    /// Which cores the server and the generator ran on.
    pub pinning: Pinning,
    /// How long was measured, without the warm-up.
    pub elapsed_ns: u64,
    /// Messages that came back in that time; for the churn pattern, connections.
    pub messages: u64,
    /// Bytes in these messages.
    pub bytes: u64,
    /// Messages per second.
    pub messages_per_second: f64,
    /// Bytes per second in one direction.
    pub bytes_per_second: f64,
    /// Connections that were established.
    pub connected: u64,
    /// Connections that got no reply during the second half of the measurement, nor before in it, or during its last
    /// second if that is shorter (but not less than 100 ms), although a message waited for one.
    pub starved: usize,
    /// Messages that were in flight or due and did not come back, neither within the timeout nor before their connection
    /// failed. The latencies contain them, with their age.
    pub unanswered: u64,
    /// The longest time in which no connection got a reply although a message was in flight, if it is a stall: at least
    /// 100 ms and at least ten times the median service time.
    pub stall_ns: Option<u64>,
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
    pub server: Option<ServerReport>,
    /// What the load cost the generator.
    pub generator: GeneratorReport,
    /// Whether it was interrupted, or had no connection left.
    pub ended_early: bool,
    /// How the server that was started for this ended, if it ended before it was stopped.
    pub server_exit: Option<String>,
    /// Conditions under which the figures do not describe the server.
    pub warnings: Vec<BenchWarning>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// The address of the server.
    pub target: String,
    /// `echo`, `churn`, `idle` or `stream`.
    pub pattern: String,
    /// Concurrent connections.
    pub connections: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
    /// Messages due per second; `None` for the closed loop.
    pub rate: Option<f64>,
    /// How long to measure; `None` if a number of messages ends it.
    pub duration_ns: Option<u64>,
    /// How many messages end it; `None` if a duration does.
    pub messages: Option<u64>,
    /// How long the load ran before the measurement.
    pub warm_up_ns: u64,
    /// Whether every byte was compared.
    pub verify: Verify,
}

/// A latency distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LatencySummary {
    /// The number of samples.
    pub count: u64,
    /// The mean.
    pub mean_ns: Option<u64>,
    /// The percentiles by name; one with fewer than 10 samples above it is `None`.
    #[serde(serialize_with = "as_map")]
    pub percentiles_ns: Vec<(&'static str, Option<u64>)>,
    /// The exact maximum.
    pub max_ns: Option<u64>,
    /// Samples that are the ages of messages that did not come back.
    pub unanswered: u64,
    /// From this value on, the figures are lower bounds: the least of these ages.
    pub lower_bound_from_ns: Option<u64>,
}

/// What the load cost the server. The figures per message are `None` without messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerReport {
    /// Its process id.
    pub pid: u32,
    /// Processor time per message, user and system together.
    pub cpu_us_per_message: Option<f64>,
    /// Processor time per message in user mode; `None` if the server used less than a second in all: the kernel divides
    /// its time by sampling at clock ticks of 10 ms, and fewer than 100 of them say little.
    pub user_us_per_message: Option<f64>,
    /// Processor time per message in the kernel; `None` as for user mode.
    pub system_us_per_message: Option<f64>,
    /// The share of one core that it used; more than 1 is possible with threads.
    pub cpu_share: f64,
    /// How often one of its threads blocked, per message.
    pub voluntary_switches_per_message: Option<f64>,
    /// How often one of its threads was preempted, per message.
    pub involuntary_switches_per_message: Option<f64>,
    /// Resident memory before the first connection.
    pub resident_bytes_before: u64,
    /// Resident memory at the end of the measurement, with the connections open.
    pub resident_bytes: u64,
    /// How the memory is counted.
    pub memory_method: MemoryMethod,
    /// Threads of all its processes at the end of the measurement.
    pub threads: u64,
    /// Processes at the end of the measurement.
    pub processes: u64,
}

/// What the load cost the generator.
#[derive(Debug, Clone, Serialize)]
pub struct GeneratorReport {
    /// Processor time per message; `None` without messages.
    pub cpu_us_per_message: Option<f64>,
    /// The share of one core that it used.
    pub cpu_share: f64,
    /// How late it noticed that messages were due; only with a rate.
    pub lag: Option<LatencySummary>,
}

impl BenchReport {
    /// The results of `plan`, with the cost of the server that `sampler` has seen.
    pub fn new(
        plan: &LoadPlan,
        pinning: Pinning,
        results: &LoadResults,
        sampler: Option<&UsageSampler>,
    ) -> Self {
        let generator = GeneratorReport::new(results);
        let server = sampler.and_then(|sampler| ServerReport::new(sampler, results));
        let server_cpu_share = server.as_ref().map(|server| server.cpu_share);
        Self {
            format: FORMAT,
            program: PROGRAM,
            plan: plan.into(),
            pinning,
            elapsed_ns: nanoseconds(results.elapsed),
            messages: results.messages,
            bytes: results.bytes,
            messages_per_second: results.messages_per_second(),
            bytes_per_second: results.bytes_per_second(),
            connected: results.connected,
            starved: results.starved,
            unanswered: results.unanswered,
            stall_ns: stall(results),
            service_time: (&results.service).into(),
            response_time: results.response.as_ref().map(Into::into),
            failures: results.failures,
            first_mismatch: results.first_mismatch,
            first_timeout: results.first_timeout,
            warnings: BenchWarning::all(plan, results, generator.cpu_share, server_cpu_share),
            server,
            generator,
            ended_early: results.ended_early,
            server_exit: None,
        }
    }

    /// The latency as a user of the server experiences it: the response time if there is a rate.
    pub fn latency(&self) -> &LatencySummary {
        self.response_time.as_ref().unwrap_or(&self.service_time)
    }

    /// Whether every byte came back on every connection.
    pub fn is_flawless(&self) -> bool {
        self.failures.total() == 0
            && self.starved == 0
            && self.unanswered == 0
            && self.server_exit.is_none()
            && !self.is_silent()
    }

    /// Whether nothing came back, although something was expected.
    pub(super) fn is_silent(&self) -> bool {
        self.messages == 0 && self.plan.pattern != "idle" && !self.ended_early
    }
}

impl From<&LoadPlan> for PlanReport {
    fn from(plan: &LoadPlan) -> Self {
        let (duration_ns, messages) = match plan.stop_when {
            StopCondition::Elapsed(duration) => (Some(nanoseconds(duration)), None),
            StopCondition::Messages(count) => (None, Some(count)),
        };
        Self {
            target: plan.target.to_string(),
            pattern: plan.pattern.to_string(),
            connections: plan.connections,
            size: plan.size,
            depth: plan.depth,
            rate: plan.rate,
            duration_ns,
            messages,
            warm_up_ns: nanoseconds(plan.warm_up),
            verify: plan.verify,
        }
    }
}

impl From<&Latency> for LatencySummary {
    fn from(latency: &Latency) -> Self {
        let percentile = |(name, quantile)| (name, latency.quantile(quantile).map(nanoseconds));
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
    /// The percentile of this name; `None` if there is none, or if it has too few samples.
    pub fn percentile(&self, name: &str) -> Option<Duration> {
        let mut percentiles = self.percentiles_ns.iter();
        let (_, time) = percentiles.find(|(own, _)| *own == name)?;
        time.map(Duration::from_nanos)
    }
}

/// A map whose keys keep their order.
fn as_map<S: Serializer>(
    percentiles: &[(&'static str, Option<u64>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(percentiles.iter().copied())
}

impl ServerReport {
    fn new(sampler: &UsageSampler, results: &LoadResults) -> Option<Self> {
        let (usage, memory) = (sampler.usage()?, sampler.memory()?);
        let time_each = |time| microseconds_each(time, results.messages);
        let divided = usage.cpu() >= MIN_DIVIDED;
        Some(Self {
            pid: sampler.pid(),
            cpu_us_per_message: time_each(usage.cpu()),
            user_us_per_message: time_each(usage.user).filter(|_| divided),
            system_us_per_message: time_each(usage.system).filter(|_| divided),
            cpu_share: share(usage.cpu(), results.elapsed),
            voluntary_switches_per_message: each(usage.voluntary_switches, results.messages),
            involuntary_switches_per_message: each(usage.involuntary_switches, results.messages),
            resident_bytes_before: memory.before,
            resident_bytes: memory.bytes,
            memory_method: memory.method,
            processes: usage.processes,
            threads: usage.threads,
        })
    }

    /// The growth of its resident memory, in bytes for each of `connections`.
    #[expect(clippy::cast_precision_loss, reason = "bytes of memory")]
    pub fn bytes_per_connection(&self, connections: usize) -> f64 {
        let growth = self.resident_bytes as f64 - self.resident_bytes_before as f64;
        growth / connections.max(1) as f64
    }
}

impl GeneratorReport {
    fn new(results: &LoadResults) -> Self {
        let cpu = results.generator.cpu;
        Self {
            cpu_us_per_message: microseconds_each(cpu, results.messages),
            cpu_share: share(cpu, results.elapsed),
            lag: results.generator.lag.as_ref().map(Into::into),
        }
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

fn microseconds_each(time: Duration, messages: u64) -> Option<f64> {
    Some(each(nanoseconds(time), messages)? / 1e3)
}

/// `count` per message; `None` without messages.
#[expect(clippy::cast_precision_loss, reason = "counts of events")]
fn each(count: u64, messages: u64) -> Option<f64> {
    (messages > 0).then(|| count as f64 / messages as f64)
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    part.as_secs_f64() / whole.as_secs_f64()
}
