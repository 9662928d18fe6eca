//! What the reports call each metric.

use super::metric::Metric;
use super::scenario::{Scenario, ScenarioPattern};
use crate::measure::process::ProcessorEvent;

impl Metric {
    /// Its name at the head of a column. Round-trip times at saturation are named as such: they are those of a queue that
    /// is always full (connections / throughput), and not what a message takes otherwise.
    pub fn title(self, scenario: &Scenario) -> &'static str {
        let pattern = scenario.pattern;
        match self {
            Self::P50 if scenario.is_saturated() => "saturated p50",
            Self::P99 if scenario.is_saturated() => "saturated p99",
            Self::P999 if scenario.is_saturated() => "saturated p99.9",
            Self::Max if scenario.is_saturated() => "saturated max",
            Self::Throughput if pattern == ScenarioPattern::Churn => "connections/s",
            Self::Throughput if pattern == ScenarioPattern::Datagrams => "datagrams/s",
            Self::Throughput => "messages/s",
            Self::Bandwidth => "bytes/s",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
            Self::Loss => "loss",
            Self::Reordered => "reordered",
            Self::Duplicated => "duplicated",
            Self::CpuPerMessage if pattern == ScenarioPattern::Churn => "CPU/connection",
            Self::CpuPerMessage if pattern == ScenarioPattern::Datagrams => "CPU/datagram",
            Self::CpuPerMessage => "CPU/message",
            Self::FloodBandwidth => "flood bytes/s",
            Self::MemoryPerConnection => "memory/conn.",
            Self::BuffersPerConnection => "buffers/conn.",
            Self::Memory => "memory",
            Self::Threads => "threads",
            Self::SwitchesPerMessage => "switches/msg",
            Self::SyscallsPerMessage => "syscalls/msg",
            Self::EventsPerMessage(ProcessorEvent::Instructions) => "instr./msg",
            Self::EventsPerMessage(ProcessorEvent::Cycles) => "cycles/msg",
            Self::EventsPerMessage(ProcessorEvent::CacheMisses) => "misses/msg",
            Self::ServerDelay => "server waited",
            Self::GeneratorDelay => "generator waited",
        }
    }

    /// Its name in full.
    pub fn description(self, scenario: &Scenario) -> &'static str {
        let pattern = scenario.pattern;
        match self {
            Self::P50 if scenario.is_saturated() => "Round trip at saturation, median",
            Self::P99 if scenario.is_saturated() => "Round trip at saturation, 99th percentile",
            Self::P999 if scenario.is_saturated() => "Round trip at saturation, 99.9th percentile",
            Self::Max if scenario.is_saturated() => "Round trip at saturation, maximum",
            Self::Throughput if pattern == ScenarioPattern::Churn => "Connections per second",
            Self::Throughput => "Round trips per second",
            Self::Bandwidth => "Bytes echoed per second",
            Self::P50 => "Latency, median",
            Self::P99 => "Latency, 99th percentile",
            Self::P999 => "Latency, 99.9th percentile",
            Self::Max => "Latency, maximum",
            Self::Loss => "Datagrams lost",
            Self::Reordered => "Datagrams whose echo arrived after that of a later one",
            Self::Duplicated => "Datagrams echoed more than once",
            Self::CpuPerMessage if pattern == ScenarioPattern::Churn => {
                "Server CPU time per connection"
            }
            Self::CpuPerMessage if pattern == ScenarioPattern::Datagrams => {
                "Server CPU time per datagram"
            }
            Self::CpuPerMessage => "Server CPU time per message",
            Self::FloodBandwidth => "Bytes echoed per second to the flooding connection",
            Self::MemoryPerConnection => "Memory of the server per connection",
            Self::BuffersPerConnection => "TCP buffers of the kernel per connection, at both ends",
            Self::Memory => "Memory of the server",
            Self::Threads => "Threads of the server",
            Self::SwitchesPerMessage => "Context switches of the server per message",
            Self::SyscallsPerMessage => "System calls of the server per message",
            Self::EventsPerMessage(ProcessorEvent::Instructions) => {
                "Instructions of the server per message, in user mode and in the kernel"
            }
            Self::EventsPerMessage(ProcessorEvent::Cycles) => {
                "Processor cycles of the server per message, in user mode and in the kernel"
            }
            Self::EventsPerMessage(ProcessorEvent::CacheMisses) => {
                "Cache misses of the server per message, in user mode and in the kernel"
            }
            Self::ServerDelay => {
                "Run-queue delay: share of the time in which threads of the server waited for a core, summed"
            }
            Self::GeneratorDelay => {
                "Run-queue delay: share of the time in which the generator waited for a core"
            }
        }
    }
}
