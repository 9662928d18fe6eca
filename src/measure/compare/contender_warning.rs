//! Warnings about the measurements of some contenders in a scenario.

use crate::measure::bench::BenchWarning;

/// What was wrong with the measurements of some contenders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContenderWarning {
    /// The processor time of a server was not seen: its messages seem to have cost less than a system call can.
    CostNotSeen,
    /// The generator was saturated and the servers were not: they could have done more.
    GeneratorWasTheLimit,
    /// The generator did not send messages when they were due.
    ScheduleNotKept,
    /// The cost of a message still fell at the end of the longest warm-up.
    NotWarm,
    /// Other threads had the core of a server with one thread for a part of the time.
    ServerWaitedForCore,
    /// Other threads had the core of the generator for a part of the time.
    GeneratorWaitedForCore,
    /// Other programs waited for a core for a part of the time.
    CpuPressure,
}

impl ContenderWarning {
    /// In the order of the report.
    pub(super) const ALL: [Self; 7] = [
        Self::CostNotSeen,
        Self::GeneratorWasTheLimit,
        Self::ScheduleNotKept,
        Self::NotWarm,
        Self::ServerWaitedForCore,
        Self::GeneratorWaitedForCore,
        Self::CpuPressure,
    ];

    /// The one that stands for this warning about a single measurement.
    pub(super) fn of(warning: &BenchWarning) -> Option<Self> {
        match warning {
            BenchWarning::CostNotSeen => Some(Self::CostNotSeen),
            BenchWarning::GeneratorWasTheLimit { .. } => Some(Self::GeneratorWasTheLimit),
            BenchWarning::ScheduleNotKept { .. } | BenchWarning::GeneratorDidNotKeepUp { .. } => {
                Some(Self::ScheduleNotKept)
            }
            BenchWarning::NotWarm { .. } => Some(Self::NotWarm),
            BenchWarning::ServerWaitedForCore { .. } => Some(Self::ServerWaitedForCore),
            BenchWarning::GeneratorWaitedForCore { .. } => Some(Self::GeneratorWaitedForCore),
            BenchWarning::CpuPressure { .. } => Some(Self::CpuPressure),
            _ => None,
        }
    }

    /// The warning, with the names of the contenders.
    pub(super) fn text(self, contenders: &str) -> String {
        match self {
            Self::CostNotSeen => format!(
                "the CPU time of {contenders} was not seen: its messages seem to cost less than a \
                 system call can, so other processes than those that were started have served them"
            ),
            Self::GeneratorWasTheLimit => format!(
                "the generator was the limit, not {contenders}: the throughput is that of the generator"
            ),
            Self::ScheduleNotKept => format!(
                "the generator did not keep its schedule beside {contenders}: \
                 the latencies contain its own lateness"
            ),
            Self::NotWarm => format!(
                "the cost of a message of {contenders} still fell after the longest warm-up \
                 (--warmup, or NAME,warmup=TIME)"
            ),
            Self::ServerWaitedForCore => format!(
                "{contenders} waited for a core for more than 5 % of the time, which other threads used"
            ),
            Self::GeneratorWaitedForCore => format!(
                "beside {contenders}, the generator waited for a core for more than 5 % of the time, which other \
                 threads used"
            ),
            Self::CpuPressure => format!(
                "beside {contenders}, other programs waited for a core for more than 30 % of the time: the machine \
                 was busy"
            ),
        }
    }
}
