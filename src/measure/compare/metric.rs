//! What can be read off a measurement, each with its unit and its name.

use super::model::{Cost, Values};
use super::statistics::float;
use super::{Pattern, Scenario};
use crate::text::units;

/// Connections below which memory per connection is not given: the kernel counts in pages of 4 KiB.
const ENOUGH_FOR_MEMORY: usize = 100;

/// A number that measurements are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Messages (of churn, connections) in a second.
    Throughput,
    /// Bytes in a second, of streams.
    Bandwidth,
    /// The latency that half of the messages stay below.
    Median,
    /// The latency that 99 of 100 messages stay below.
    P99,
    /// Processor time of the server for one message, user and system together.
    CpuPerMessage,
    /// What a connection adds to the server's resident memory.
    MemoryPerConnection,
    /// The server's resident memory with all connections open.
    Memory,
    /// Bytes in a second that a flooding connection gets.
    Flood,
    /// The server's threads.
    Threads,
    /// How often the server gave up or lost the processor, for one message.
    SwitchesPerMessage,
    /// System calls of the server for one message.
    CallsPerMessage,
}

impl Metric {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Throughput,
        Self::Bandwidth,
        Self::Median,
        Self::P99,
        Self::CpuPerMessage,
        Self::Flood,
        Self::MemoryPerConnection,
        Self::Memory,
        Self::Threads,
        Self::SwitchesPerMessage,
        Self::CallsPerMessage,
    ];

    /// What `values` say of it; none if they say nothing. Times are in seconds.
    pub fn of(self, scenario: &Scenario, values: &Values) -> Option<f64> {
        let pattern = scenario.pattern;
        let seconds = self::seconds(values.elapsed_ns);
        let a_second = |count: u64| (seconds > 0.0).then(|| float(count) / seconds);
        // Of fairness the messages are not all: most of the work is the flood's.
        let is_shared = values.messages > 0 && pattern != Pattern::Fairness;
        let each = |total: f64| is_shared.then(|| total / float(values.messages));
        match self {
            Self::Throughput => matches!(pattern, Pattern::Echo | Pattern::Churn)
                .then(|| a_second(values.messages))
                .flatten(),
            Self::Bandwidth => (pattern == Pattern::Stream)
                .then(|| a_second(values.bytes))
                .flatten(),
            Self::Median => values.p50_ns.map(self::seconds),
            Self::P99 => values.p99_ns.map(self::seconds),
            Self::CpuPerMessage => each(self::seconds(cpu(values.server.as_ref()?))),
            Self::SwitchesPerMessage => {
                let cost = values.server.as_ref()?;
                each(float(cost.voluntary_switches + cost.involuntary_switches))
            }
            // Counted in a pass of its own.
            Self::CallsPerMessage => None,
            Self::Flood => {
                let seconds = self::seconds(values.flood_elapsed_ns?);
                (seconds > 0.0).then_some(float(values.flood_bytes?) / seconds)
            }
            Self::Memory => Some(float(values.server.as_ref()?.resident_after)),
            Self::MemoryPerConnection => memory_per_connection(scenario, values.server.as_ref()?),
            Self::Threads => Some(float(values.server.as_ref()?.threads)),
        }
    }

    /// Its name at the head of a column.
    pub fn title(self, pattern: Pattern) -> &'static str {
        match self {
            Self::Throughput if pattern == Pattern::Churn => "connections/s",
            Self::Throughput => "messages/s",
            Self::Bandwidth => "bytes/s",
            Self::Median => "p50",
            Self::P99 => "p99",
            Self::CpuPerMessage if pattern == Pattern::Churn => "CPU/connection",
            Self::CpuPerMessage => "CPU/message",
            Self::MemoryPerConnection => "memory/conn.",
            Self::Memory => "memory",
            Self::Flood => "flood bytes/s",
            Self::Threads => "threads",
            Self::SwitchesPerMessage => "switches/msg",
            Self::CallsPerMessage => "calls/msg",
        }
    }

    /// What it is, for whoever meets it the first time.
    pub fn meaning(self, pattern: Pattern) -> &'static str {
        match self {
            Self::Throughput if pattern == Pattern::Churn => "Connections served in a second",
            Self::Throughput => "Round trips in a second",
            Self::Bandwidth => "Bytes echoed in a second",
            Self::Median => "Latency, median",
            Self::P99 => "Latency, 99th percentile",
            Self::CpuPerMessage => "Server CPU time per message",
            Self::MemoryPerConnection => "Resident memory added by a connection",
            Self::Memory => "Resident memory of the server",
            Self::Flood => "Bytes echoed in a second to the one that floods",
            Self::Threads => "Threads of the server",
            Self::SwitchesPerMessage => "Context switches of the server per message",
            Self::CallsPerMessage => "System calls of the server per message",
        }
    }

    /// Whether its ratio says something. Of threads it does not: there is one, or there are as many as
    /// connections.
    pub(super) fn is_compared(self) -> bool {
        self != Self::Threads
    }

    /// Which way is good.
    pub fn direction(self) -> Direction {
        match self {
            Self::Throughput | Self::Bandwidth | Self::Flood => Direction::HigherIsBetter,
            _ => Direction::LowerIsBetter,
        }
    }

    /// `8.11 µs`.
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Threads => units::count(whole(value)),
            _ => units::value(value, self.units()),
        }
    }

    /// `7.90–8.32 µs`.
    pub fn write_range(self, low: f64, high: f64) -> String {
        match self {
            Self::Threads if low.to_bits() == high.to_bits() => self.write(low),
            _ => units::range(low, high, self.units()),
        }
    }

    /// As a tick of an axis: without the digits that a round value does not need.
    pub(super) fn write_tick(self, value: f64) -> String {
        if value <= 0.0 {
            return "0".to_owned();
        }
        units::tick(value, self.units())
    }

    pub(super) fn units(self) -> &'static [(f64, &'static str)] {
        match self {
            Self::Throughput => units::RATE,
            Self::Bandwidth | Self::Flood => units::BANDWIDTH,
            Self::Median | Self::P99 | Self::CpuPerMessage => units::TIME,
            Self::MemoryPerConnection | Self::Memory => units::BYTES,
            Self::Threads | Self::SwitchesPerMessage | Self::CallsPerMessage => units::COUNT,
        }
    }
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    HigherIsBetter,
    /// Less is better.
    LowerIsBetter,
}

/// Processor time of both kinds, in nanoseconds.
pub(super) fn cpu(cost: &Cost) -> u64 {
    cost.user_ns + cost.system_ns
}

fn memory_per_connection(scenario: &Scenario, cost: &Cost) -> Option<f64> {
    let growth = float(cost.resident_after) - float(cost.resident_before);
    (scenario.connections >= ENOUGH_FOR_MEMORY)
        .then(|| growth.max(0.0) / float(scenario.connections as u64))
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}

/// A count that went through a median.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of threads"
)]
fn whole(count: f64) -> usize {
    count.round() as usize
}
