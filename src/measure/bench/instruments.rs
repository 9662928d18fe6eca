//! What perf(1) observes of a server while it is measured.

use crate::measure::process::{
    HardwareCounter, HardwareCounts, Profile, Profiler, ToolError, Usage,
};

/// perf, attached to a server as a hardware counter, as a profiler, as both, or not at all.
#[derive(Debug, Default)]
pub struct Instruments {
    counter: Option<HardwareCounter>,
    profiler: Option<Profiler>,
}

impl Instruments {
    /// Counts instructions, cycles and cache misses of the server that the process `pid` leads.
    ///
    /// # Errors
    ///
    /// perf is not installed, or not permitted to observe the processes.
    pub fn count(&mut self, pid: u32) -> Result<(), ToolError> {
        self.counter = Some(HardwareCounter::attach(&group(pid))?);
        Ok(())
    }

    /// Samples the call stacks of the server that the process `pid` leads.
    ///
    /// # Errors
    ///
    /// As for [`count`](Self::count).
    pub fn profile(&mut self, pid: u32) -> Result<(), ToolError> {
        self.profiler = Some(Profiler::attach(&group(pid))?);
        Ok(())
    }

    /// The measurement starts.
    pub(super) fn enable(&mut self) {
        self.counter.as_mut().map(HardwareCounter::enable);
        self.profiler.as_mut().map(Profiler::enable);
    }

    /// The measurement has ended.
    pub(super) fn disable(&mut self) {
        self.counter.as_mut().map(HardwareCounter::disable);
        self.profiler.as_mut().map(Profiler::disable);
    }

    /// Detaches the counter; `None` if there is none.
    pub fn take_counts(&mut self) -> Option<HardwareCounts> {
        self.counter.take().map(HardwareCounter::finish)
    }

    /// Detaches the profiler; `None` if there is none. Putting names to the addresses takes a while.
    pub fn take_profile(&mut self) -> Option<Result<Profile, ToolError>> {
        self.profiler.take().map(Profiler::finish)
    }
}

/// The processes of a server, which perf has to be told; it finds those that they start later by itself.
fn group(pid: u32) -> Vec<u32> {
    let group = Usage::pids_of_group(pid).unwrap_or_default();
    if group.is_empty() { vec![pid] } else { group }
}
