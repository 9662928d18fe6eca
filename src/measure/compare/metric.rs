//! The figures that contenders are compared by, each with its unit and its names.

use super::extra::Extra;
use super::scenario::{Scenario, ScenarioPattern};
use crate::measure::bench::{BufferGrowth, LatencySummary, ServerCost, Values, float};
use crate::measure::load::{DatagramCounts, Transport};
use crate::measure::process::ProcessorEvent;
use crate::text::units;
use serde::{Deserialize, Serialize};

/// The fewest connections for a figure of memory per connection: the kernel counts in pages of 4 KiB.
const MIN_CONNECTIONS_FOR_MEMORY: usize = 100;

/// A figure that contenders are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Messages per second; for the churn pattern, connections.
    Throughput,
    /// Bytes per second; only for the stream pattern.
    Bandwidth,
    /// Median latency.
    P50,
    /// 99th percentile of the latency.
    P99,
    /// 99.9th percentile of the latency.
    P999,
    /// Longest latency.
    Max,
    /// Share of the datagrams that did not come back in time; only over UDP.
    Loss,
    /// Share of the datagrams whose echo arrived after that of a later one; only over UDP.
    Reordered,
    /// Further echoes of a datagram, as a share of the datagrams; only over UDP.
    Duplicated,
    /// Processor time of the server per message, user and system together.
    CpuPerMessage,
    /// Bytes per second of the flooding connection; only for the fairness pattern.
    FloodBandwidth,
    /// Memory of the server that each connection adds.
    MemoryPerConnection,
    /// TCP buffers of the kernel that each connection adds, at both ends.
    BuffersPerConnection,
    /// Memory of the server with all connections open.
    Memory,
    /// Threads of the server.
    Threads,
    /// Context switches of the server per message, voluntary and involuntary.
    SwitchesPerMessage,
    /// System calls of the server per message.
    SyscallsPerMessage,
    /// Events of the processor per message, while it ran the server.
    EventsPerMessage(ProcessorEvent),
    /// The share of the time in which threads of the server were ready to run and had no core, summed.
    ServerDelay,
    /// The share of the time in which the generator was ready to run and had no core.
    GeneratorDelay,
}

impl Metric {
    /// All of them, in the order of the reports.
    pub const ALL: [Self; 22] = [
        Self::Throughput,
        Self::Bandwidth,
        Self::P50,
        Self::P99,
        Self::P999,
        Self::Max,
        Self::Loss,
        Self::Reordered,
        Self::Duplicated,
        Self::CpuPerMessage,
        Self::FloodBandwidth,
        Self::MemoryPerConnection,
        Self::BuffersPerConnection,
        Self::Memory,
        Self::Threads,
        Self::SwitchesPerMessage,
        Self::SyscallsPerMessage,
        Self::EventsPerMessage(ProcessorEvent::Instructions),
        Self::EventsPerMessage(ProcessorEvent::Cycles),
        Self::EventsPerMessage(ProcessorEvent::CacheMisses),
        Self::ServerDelay,
        Self::GeneratorDelay,
    ];

    /// Its value in a measurement, times in seconds; `None` if `values` do not yield one.
    pub fn value(self, scenario: &Scenario, values: &Values) -> Option<f64> {
        let pattern = scenario.pattern;
        let cost = values.server.as_ref();
        let seen_cost = cost.filter(|cost| cost.is_plausible(values.messages, scenario.depth));
        // For the fairness pattern, most of the work is the flood's and not that of the messages.
        let has_messages = values.messages > 0 && pattern != ScenarioPattern::Fairness;
        let per_message = |total| values.per_message(total).filter(|_| has_messages);
        match self {
            // At a rate, the throughput is that of the generator.
            Self::Throughput | Self::Bandwidth if scenario.rate().is_some() => None,
            Self::Throughput => match pattern {
                ScenarioPattern::Echo | ScenarioPattern::Churn | ScenarioPattern::Datagrams => {
                    Some(values.messages_per_second())
                }
                ScenarioPattern::Idle | ScenarioPattern::Stream | ScenarioPattern::Fairness => None,
            },
            Self::Bandwidth if pattern == ScenarioPattern::Stream => {
                Some(values.bytes_per_second())
            }
            Self::P50 | Self::P99 | Self::P999 | Self::Max => self.latency(values.latency()),
            Self::Loss | Self::Reordered | Self::Duplicated => self.share_of(&[values.datagrams?]),
            Self::CpuPerMessage => Some(per_message(seen_cost?.cpu_ns())? / 1e9),
            Self::SwitchesPerMessage => {
                let (cost, involuntary) = (seen_cost?, seen_cost?.involuntary_switches);
                per_message(cost.voluntary_switches.saturating_add(involuntary))
            }
            Self::FloodBandwidth => {
                let flood = values.flood.filter(|flood| flood.elapsed_ns > 0)?;
                Some(float(flood.bytes) / seconds(flood.elapsed_ns))
            }
            Self::Memory => Some(float(cost?.resident_bytes)),
            Self::MemoryPerConnection => memory_per_connection(scenario, cost?),
            Self::BuffersPerConnection => buffers_per_connection(scenario, cost?),
            Self::Threads => Some(float(cost?.threads)),
            Self::EventsPerMessage(event) => {
                let each = values.events_per_message(event);
                each.filter(|_| has_messages)
            }
            Self::ServerDelay => values.server_delayed_share(),
            Self::GeneratorDelay => values.generator_delayed_share(),
            // System calls have a pass of their own.
            Self::Bandwidth | Self::SyscallsPerMessage => None,
        }
    }

    /// Its value in a distribution of latencies, in seconds; `None` if it is none of a latency.
    pub(super) fn latency(self, latency: &LatencySummary) -> Option<f64> {
        let nanoseconds = match self {
            Self::P50 => latency.percentile("p50"),
            Self::P99 => latency.percentile("p99"),
            Self::P999 => latency.percentile("p99.9"),
            Self::Max => latency.max_ns,
            _ => None,
        };
        nanoseconds.map(seconds)
    }

    /// Its value in several measurements together; `None` if it is no share of the datagrams, or none was sent.
    pub(super) fn share_of(self, counts: &[DatagramCounts]) -> Option<f64> {
        let count = |counts: &DatagramCounts| match self {
            Self::Loss => Some(counts.lost),
            Self::Reordered => Some(counts.reordered),
            Self::Duplicated => Some(counts.duplicated),
            _ => None,
        };
        let sent: u64 = counts.iter().map(|counts| counts.sent).sum();
        let count: u64 = counts.iter().map(count).sum::<Option<u64>>()?;
        (sent > 0).then(|| float(count) / float(sent))
    }

    /// The primary metric of a scenario. The others explain it.
    pub fn primary_of(scenario: &Scenario) -> Self {
        match scenario.pattern {
            ScenarioPattern::Echo | ScenarioPattern::Stream | ScenarioPattern::Datagrams
                if scenario.rate().is_some() =>
            {
                Self::CpuPerMessage
            }
            ScenarioPattern::Echo | ScenarioPattern::Churn | ScenarioPattern::Datagrams => {
                Self::Throughput
            }
            ScenarioPattern::Stream => Self::Bandwidth,
            ScenarioPattern::Idle => Self::Memory,
            ScenarioPattern::Fairness => Self::P99,
        }
    }

    /// Whether its ratio is meaningful in `scenario`. That of threads is not: a server has one, or as many as connections.
    /// Those of the far tail rest on a few samples, and shares of the datagrams are often zero. At saturation, a faster contender gets more messages, and what each
    /// of them takes depends on that.
    pub(super) fn has_ratio(self, scenario: &Scenario) -> bool {
        match self {
            Self::Threads
            | Self::P999
            | Self::Max
            | Self::Loss
            | Self::Reordered
            | Self::Duplicated
            | Self::BuffersPerConnection
            | Self::ServerDelay
            | Self::GeneratorDelay => false,
            Self::P50
            | Self::P99
            | Self::CpuPerMessage
            | Self::SwitchesPerMessage
            | Self::EventsPerMessage(_) => !scenario.is_saturated(),
            Self::Throughput
            | Self::Bandwidth
            | Self::FloodBandwidth
            | Self::MemoryPerConnection
            | Self::Memory
            | Self::SyscallsPerMessage => true,
        }
    }

    /// How many of the metrics are compared in `scenario`, without system calls, which are counted only once.
    pub(super) fn compared_in(scenario: &Scenario, counters: Extra) -> usize {
        let per_connection = has_memory_per_connection(scenario);
        let has_messages = match scenario.pattern {
            ScenarioPattern::Idle | ScenarioPattern::Fairness => false,
            ScenarioPattern::Echo
            | ScenarioPattern::Churn
            | ScenarioPattern::Stream
            | ScenarioPattern::Datagrams => !scenario.is_saturated(),
        };
        let events = match counters {
            Extra::Wanted if has_messages => ProcessorEvent::ALL.len(),
            Extra::Wanted | Extra::Unwanted => 0,
        };
        let others = match scenario.pattern {
            // Memory.
            ScenarioPattern::Idle => 1,
            // Both percentiles, the flood, memory.
            ScenarioPattern::Fairness => 4,
            // Connections per second, both percentiles, CPU time, memory, switches.
            ScenarioPattern::Churn => 6,
            // The throughput, memory.
            ScenarioPattern::Echo | ScenarioPattern::Stream | ScenarioPattern::Datagrams
                if scenario.is_saturated() =>
            {
                2
            }
            // Both percentiles, CPU time, memory, switches.
            ScenarioPattern::Echo | ScenarioPattern::Stream | ScenarioPattern::Datagrams => 5,
        };
        others + events + usize::from(per_connection)
    }

    /// What a contender is whose `ratio` to the baseline is not 1.
    pub fn word(self, ratio: f64) -> &'static str {
        let is_rate = self.direction() == Direction::HigherIsBetter;
        let is_time = matches!(self, Self::P50 | Self::P99 | Self::P999 | Self::Max);
        match (ratio > 1.0, is_rate, is_time) {
            (true, true, _) | (false, false, true) => "faster",
            (false, true, _) | (true, false, true) => "slower",
            (true, false, false) => "more",
            (false, false, false) => "less",
        }
    }

    /// Whether higher or lower values are better.
    pub fn direction(self) -> Direction {
        match self {
            Self::Throughput | Self::Bandwidth | Self::FloodBandwidth => Direction::HigherIsBetter,
            Self::P50
            | Self::P99
            | Self::P999
            | Self::Max
            | Self::Loss
            | Self::Reordered
            | Self::Duplicated
            | Self::CpuPerMessage
            | Self::MemoryPerConnection
            | Self::BuffersPerConnection
            | Self::Memory
            | Self::Threads
            | Self::SwitchesPerMessage
            | Self::SyscallsPerMessage
            | Self::EventsPerMessage(_)
            | Self::ServerDelay
            | Self::GeneratorDelay => Direction::LowerIsBetter,
        }
    }

    /// `8.11 µs`.
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Threads => units::count(whole(value)),
            _ => units::value(value, self.units()),
        }
    }

    /// `7.90–8.32 µs`.
    pub fn format_range(self, low: f64, high: f64) -> String {
        match self {
            Self::Threads if low.to_bits() == high.to_bits() => self.format(low),
            _ => units::range(low, high, self.units()),
        }
    }

    /// A label on an axis: `2.5 ms`, or `0` without a unit.
    pub(super) fn format_tick(self, value: f64) -> String {
        if value <= 0.0 {
            return "0".to_owned();
        }
        units::tick(value, self.units())
    }

    pub(super) fn units(self) -> &'static [(f64, &'static str)] {
        match self {
            Self::Throughput | Self::EventsPerMessage(_) => units::RATE,
            Self::Bandwidth | Self::FloodBandwidth => units::BANDWIDTH,
            Self::P50 | Self::P99 | Self::P999 | Self::Max | Self::CpuPerMessage => units::TIME,
            Self::Loss
            | Self::Reordered
            | Self::Duplicated
            | Self::ServerDelay
            | Self::GeneratorDelay => units::SHARE,
            Self::MemoryPerConnection | Self::BuffersPerConnection | Self::Memory => units::BYTES,
            Self::Threads | Self::SwitchesPerMessage | Self::SyscallsPerMessage => units::COUNT,
        }
    }
}

/// Whether higher or lower values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher values.
    HigherIsBetter,
    /// Lower values.
    LowerIsBetter,
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}

/// Whether it has enough connections for a figure of memory per connection. A server over UDP has none.
pub(super) fn has_memory_per_connection(scenario: &Scenario) -> bool {
    let has_connections = scenario.pattern.transport() == Transport::Stream;
    has_connections && scenario.connections >= MIN_CONNECTIONS_FOR_MEMORY
}

fn memory_per_connection(scenario: &Scenario, cost: &ServerCost) -> Option<f64> {
    has_memory_per_connection(scenario)
        .then(|| cost.bytes_per_connection(scenario.connections).max(0.0))
}

/// `None` also where the change is too small for the kernel to count it.
fn buffers_per_connection(scenario: &Scenario, cost: &ServerCost) -> Option<f64> {
    let opened = (scenario.connections as u64).saturating_sub(cost.connections_before);
    match cost.buffer_growth()? {
        BufferGrowth::Bytes(bytes) if has_memory_per_connection(scenario) => {
            Some(bytes / float(opened.max(1)))
        }
        BufferGrowth::Bytes(_) | BufferGrowth::Below(_) | BufferGrowth::Shrunk => None,
    }
}

/// A median of counts.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of threads"
)]
fn whole(count: f64) -> usize {
    count.round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_datagrams_is_that_of_all_measurements_together() {
        let counts = |sent, lost| DatagramCounts {
            sent,
            lost,
            ..DatagramCounts::default()
        };
        let rounds = [counts(900, 0), counts(0, 0), counts(100, 10)];
        assert_eq!(Metric::Loss.share_of(&rounds), Some(0.01));
        assert_eq!(Metric::Reordered.share_of(&rounds), Some(0.0));
        assert_eq!(Metric::Loss.share_of(&[]), None);
        assert_eq!(Metric::Throughput.share_of(&rounds), None);
        assert_eq!(Metric::Loss.format(0.01), "1.00 %");
    }
}
