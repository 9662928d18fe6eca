//! A count in progress, with whichever tool works.

use super::count::{SyscallCount, SyscallCountError, Tool};
use super::perf::Perf;
use super::strace::Strace;

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
    pub fn start(pid: u32) -> Result<Self, SyscallCountError> {
        let mut reasons = Vec::new();
        for tool in [Tool::Perf, Tool::Strace] {
            match Self::start_with(tool, pid) {
                Ok(counter) => return Ok(counter),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(SyscallCountError::NoTool(reasons))
    }

    /// Like [`start`](Self::start), with a given tool.
    ///
    /// # Errors
    ///
    /// The tool is not available, or not permitted to trace the process.
    pub fn start_with(tool: Tool, pid: u32) -> Result<Self, SyscallCountError> {
        Ok(Self(match tool {
            Tool::Perf => Backend::Perf(Perf::start(pid)?),
            Tool::Strace => Backend::Strace(Strace::start(pid)?),
        }))
    }

    /// Stops counting, detaches the tool from the process and returns the count.
    ///
    /// # Errors
    ///
    /// The tool has failed, or its output contains no count.
    pub fn finish(self) -> Result<SyscallCount, SyscallCountError> {
        match self.0 {
            Backend::Perf(perf) => perf.finish(),
            Backend::Strace(strace) => strace.finish(),
        }
    }
}
