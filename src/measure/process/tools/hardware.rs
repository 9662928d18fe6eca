//! Instructions, cycles and cache misses of a server, counted by the processor.

use super::perf::{EventReading, Perf, reading};
use super::tool::ToolError;
use serde::{Deserialize, Serialize};

/// In user mode and in the kernel, where an echo server spends most of its time.
const EVENTS: &str = "instructions:uk,cycles:uk,cache-misses:uk";

/// What the processor counted while it ran a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareCounts {
    /// Instructions executed.
    pub instructions: EventCount,
    /// Cycles of a core, which last longer while its frequency is lower.
    pub cycles: EventCount,
    /// Accesses that missed the last cache, as perf-list(1) defines it for the processor.
    pub cache_misses: EventCount,
}

/// What a processor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessorEvent {
    /// [`HardwareCounts::instructions`].
    Instructions,
    /// [`HardwareCounts::cycles`].
    Cycles,
    /// [`HardwareCounts::cache_misses`].
    CacheMisses,
}

impl ProcessorEvent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Instructions, Self::Cycles, Self::CacheMisses];

    /// Its plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Cycles => "cycles",
            Self::CacheMisses => "cache misses",
        }
    }
}

/// The count of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventCount {
    /// How often it happened.
    Counted(u64),
    /// It was not counted.
    NotCounted {
        /// Why not, in one line.
        reason: String,
    },
}

impl HardwareCounts {
    /// The count of `event`.
    pub fn of(&self, event: ProcessorEvent) -> &EventCount {
        match event {
            ProcessorEvent::Instructions => &self.instructions,
            ProcessorEvent::Cycles => &self.cycles,
            ProcessorEvent::CacheMisses => &self.cache_misses,
        }
    }

    fn parse(output: &str) -> Self {
        let count = |event| EventCount::of(reading(output, event));
        Self {
            instructions: count("instructions"),
            cycles: count("cycles"),
            cache_misses: count("cache-misses"),
        }
    }

    /// None, because perf could not count.
    pub fn failed(error: &ToolError) -> Self {
        let not_counted = EventCount::NotCounted {
            reason: error.to_string(),
        };
        Self {
            instructions: not_counted.clone(),
            cycles: not_counted.clone(),
            cache_misses: not_counted,
        }
    }
}

impl EventCount {
    fn of(reading: Option<EventReading>) -> Self {
        let reason = match reading {
            Some(EventReading::Counted(count)) => return Self::Counted(count),
            Some(EventReading::NotCounted) => {
                "the server did not run, or other programs held the counters"
            }
            Some(EventReading::Estimated) => {
                "the processor has too few counters, so the count would be an estimate"
            }
            Some(EventReading::NotSupported) => {
                "the processor does not count them, or the virtual machine hides the counter"
            }
            None => "perf did not report them",
        };
        Self::NotCounted {
            reason: reason.to_owned(),
        }
    }

    /// The count, if there is one.
    pub fn counted(&self) -> Option<u64> {
        match self {
            Self::Counted(count) => Some(*count),
            Self::NotCounted { .. } => None,
        }
    }

    /// Why there is none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Counted(_) => None,
            Self::NotCounted { reason } => Some(reason),
        }
    }
}

/// perf-stat(1), attached to a server. Dropping it discards the counts.
#[derive(Debug)]
pub struct HardwareCounter(Perf);

impl HardwareCounter {
    /// Attaches it to the processes `pids`. Those that they start later are counted too.
    ///
    /// # Errors
    ///
    /// perf is not installed, or not permitted to observe the processes.
    pub fn attach(pids: &[u32]) -> Result<Self, ToolError> {
        Ok(Self(Perf::stat(EVENTS, pids)?))
    }

    /// Starts to count.
    pub fn enable(&mut self) {
        self.0.enable();
    }

    /// Stops counting.
    pub fn disable(&mut self) {
        self.0.disable();
    }

    /// Detaches it.
    pub fn finish(self) -> HardwareCounts {
        match self.0.finish() {
            Ok(output) => HardwareCounts::parse(&output),
            Err(error) => HardwareCounts::failed(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_a_count_has_a_reason() {
        let output = "Events disabled\n\
                      812345,,instructions:uk,51000000,100.00,1.23,insn per cycle\n\
                      660443,,cycles:uk,51000000,100.00,,\n\
                      <not supported>,,cache-misses:uk,0,100.00,,\n";
        let counts = HardwareCounts::parse(output);
        assert_eq!(counts.instructions.counted(), Some(812_345));
        assert_eq!(counts.cycles.counted(), Some(660_443));
        assert_eq!(counts.cache_misses.counted(), None);
        let reason = counts.cache_misses.reason().unwrap();
        assert!(reason.contains("virtual machine"), "{reason}");
    }
}
