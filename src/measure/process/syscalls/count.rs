//! The count, the tools that can take it, and the reasons why they cannot.

use crate::measure::process::failure::ChildFailure;
use crate::text::os_error;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

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

/// A tool that can count the system calls of another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// perf-stat(1), through the kernel's tracepoint `raw_syscalls:sys_enter`.
    Perf,
    /// strace(1), through ptrace(2).
    Strace,
}

/// Why system calls could not be counted.
#[derive(Debug)]
pub enum SyscallCountError {
    /// The tool is not installed or cannot be executed.
    CannotRun(Tool, io::Error),
    /// The tool exited or did not respond, usually because it lacks the permission to trace the process.
    Failed(Tool, ChildFailure),
    /// The output of the tool contains no count.
    UnexpectedOutput(Tool, String),
    /// No tool could count: the reason of each.
    NoTool(Vec<SyscallCountError>),
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
        })
    }
}

impl fmt::Display for SyscallCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotRun(tool, error) => write!(f, "{tool}: {}", os_error::describe(error)),
            Self::Failed(tool, failure) => write!(f, "{tool}: {failure}"),
            Self::UnexpectedOutput(tool, output) => {
                write!(f, "{tool} printed no count, but: {output}")
            }
            Self::NoTool(reasons) => {
                f.write_str("no tool can count system calls")?;
                for reason in reasons {
                    write!(f, "; {reason}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for SyscallCountError {}
