//! What a process asks of the kernel: its system calls, counted for a while by someone who can.
//!
//! perf(1) is asked first: it counts in the kernel and hardly disturbs. strace(1) stops the process twice
//! at each call, so that a server falls behind and finds more to do each time it looks: its figures are
//! right for what happened, but less happens differently. It is what most machines have, and it knows the
//! calls by name.

mod perf;
mod strace;
mod tracer;

use super::HowLost;
use perf::Perf;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use strace::Strace;

/// System calls of a process during a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyscallCount {
    /// All of them.
    pub total: u64,
    /// Each by its name; empty if only the sum is known.
    pub by_name: BTreeMap<String, u64>,
    /// Who counted.
    pub tool: Tool,
}

/// Who can count system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// perf-stat(1), through the kernel's tracepoint `raw_syscalls:sys_enter`.
    Perf,
    /// strace(1), through ptrace(2).
    Strace,
}

/// Counting under way. Dropping it gives up.
#[derive(Debug)]
pub struct Counting(Under);

#[derive(Debug)]
enum Under {
    Perf(Perf),
    Strace(Strace),
}

/// Why nobody counts.
#[derive(Debug)]
pub enum CannotCount {
    /// The tool is not installed, or cannot be run.
    NoTool(Tool, io::Error),
    /// It is, but ended instead of counting, with these last words: mostly, it may not.
    Refused(Tool, HowLost, String),
    /// What it wrote in the end is no count that we understand.
    NotUnderstood(Tool, String),
    /// Nobody did: each tool with its reason.
    Nobody(Vec<CannotCount>),
}

impl SyscallCount {
    /// Begins to count the calls of the process `pid`, of all its threads and of those it starts. When
    /// this returns, counting is under way.
    ///
    /// # Errors
    ///
    /// Neither perf nor strace is there and may look at that process.
    pub fn start(pid: u32) -> Result<Counting, CannotCount> {
        let mut reasons = Vec::new();
        for tool in [Tool::Perf, Tool::Strace] {
            match Self::start_with(tool, pid) {
                Ok(counting) => return Ok(counting),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(CannotCount::Nobody(reasons))
    }

    /// As [`start`](Self::start), with a tool of one's choice.
    ///
    /// # Errors
    ///
    /// It is not there, or may not look at that process.
    pub fn start_with(tool: Tool, pid: u32) -> Result<Counting, CannotCount> {
        Ok(Counting(match tool {
            Tool::Perf => Under::Perf(Perf::start(pid)?),
            Tool::Strace => Under::Strace(Strace::start(pid)?),
        }))
    }
}

impl Counting {
    /// Who counts.
    pub fn tool(&self) -> Tool {
        match self.0 {
            Under::Perf(_) => Tool::Perf,
            Under::Strace(_) => Tool::Strace,
        }
    }

    /// Ends counting, and lets go of the process.
    ///
    /// # Errors
    ///
    /// The tool is gone, or what it wrote is not understood.
    pub fn finish(self) -> Result<SyscallCount, CannotCount> {
        match self.0 {
            Under::Perf(perf) => perf.finish(),
            Under::Strace(strace) => strace.finish(),
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
        })
    }
}

impl fmt::Display for CannotCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTool(tool, error) => {
                write!(f, "{tool}: {}", crate::text::os_error::in_words(error))
            }
            Self::Refused(tool, how, words) => {
                let stderr = words.clone();
                write!(f, "{tool}: {}", super::Lost { how: *how, stderr })
            }
            Self::NotUnderstood(tool, said) => write!(f, "{tool} wrote no count: {said}"),
            Self::Nobody(reasons) => {
                f.write_str("nobody can count system calls")?;
                for reason in reasons {
                    write!(f, "; {reason}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for CannotCount {}
