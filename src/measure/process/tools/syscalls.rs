//! The system calls of a process, counted over an interval with whichever tool works.
//!
//! perf(1) is tried first: it counts in the kernel and hardly slows the process down. strace(1) stops the
//! process twice per call, which changes what it measures: a slowed server finds more input each time it
//! polls, so it makes fewer calls per message. But strace is available on most machines, and it knows the
//! calls by name.

use super::perf::{EventReading, Perf, reading};
use super::strace::Strace;
use super::tool::{Tool, ToolError};
use std::collections::BTreeMap;

/// The tracepoint that every system call passes.
const EVENT: &str = "raw_syscalls:sys_enter";

/// The system calls of a process over an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyscallCount {
    /// All calls.
    pub total: u64,
    /// Calls by name; empty if the tool counts only the total.
    pub by_name: BTreeMap<String, u64>,
    /// The tool that counted.
    pub tool: Tool,
}

/// A tool that is counting the system calls of a process. Dropping it stops the tool and discards the count.
#[derive(Debug)]
pub struct SyscallCounter(Backend);

#[derive(Debug)]
enum Backend {
    Perf(Perf),
    Strace(Strace),
}

impl SyscallCounter {
    /// Starts to count the calls of the process `pid`, of all its threads and of the processes it starts,
    /// with the first tool that works. Counting is active when this returns.
    ///
    /// # Errors
    ///
    /// Neither perf nor strace is available and permitted to trace the process.
    pub fn start(pid: u32) -> Result<Self, ToolError> {
        let mut reasons = Vec::new();
        for tool in [Tool::Perf, Tool::Strace] {
            match Self::start_with(tool, pid) {
                Ok(counter) => return Ok(counter),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(ToolError::NoTool(reasons))
    }

    /// Like [`start`](Self::start), with a given tool.
    ///
    /// # Errors
    ///
    /// The tool is not available, or not permitted to trace the process.
    pub fn start_with(tool: Tool, pid: u32) -> Result<Self, ToolError> {
        Ok(Self(match tool {
            Tool::Perf => {
                let mut perf = Perf::stat(EVENT, &[pid])?;
                perf.enable();
                perf.settle();
                Backend::Perf(perf)
            }
            Tool::Strace => Backend::Strace(Strace::start(pid)?),
        }))
    }

    /// Stops counting, detaches the tool from the process and returns the count.
    ///
    /// # Errors
    ///
    /// The tool has failed, or its output contains no count.
    pub fn finish(self) -> Result<SyscallCount, ToolError> {
        match self.0 {
            Backend::Perf(perf) => counted_by_perf(perf),
            Backend::Strace(strace) => {
                let by_name = strace.finish()?;
                Ok(SyscallCount {
                    total: by_name.values().sum(),
                    by_name,
                    tool: Tool::Strace,
                })
            }
        }
    }
}

fn counted_by_perf(mut perf: Perf) -> Result<SyscallCount, ToolError> {
    perf.disable();
    let output = perf.finish()?;
    let total = match reading(&output, EVENT) {
        Some(EventReading::Counted(total)) => total,
        // The process never ran.
        Some(EventReading::NotCounted) => 0,
        Some(EventReading::Estimated | EventReading::NotSupported) | None => {
            return Err(ToolError::UnexpectedOutput(Tool::Perf, output));
        }
    };
    Ok(SyscallCount {
        total,
        by_name: BTreeMap::new(),
        tool: Tool::Perf,
    })
}
