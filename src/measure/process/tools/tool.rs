//! The tools, and the reasons why they report nothing.

use crate::measure::process::failure::ChildFailure;
use crate::text::os_error;
use std::fmt;
use std::io;

/// A tool that observes another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// perf(1), through counters and samples of the kernel.
    Perf,
    /// strace(1), through ptrace(2).
    Strace,
}

/// Why a tool reports nothing.
#[derive(Debug)]
pub enum ToolError {
    /// The tool is not installed or cannot be executed.
    CannotRun(Tool, io::Error),
    /// The tool exited or did not respond, usually because it lacks the permission to trace the process.
    Failed(Tool, ChildFailure),
    /// The output of the tool is not what it should be.
    UnexpectedOutput(Tool, String),
    /// No tool could count system calls: the reason of each.
    NoTool(Vec<ToolError>),
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
        })
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotRun(tool, error) => write!(f, "{tool}: {}", os_error::describe(error)),
            Self::Failed(tool, failure) => write!(f, "{tool}: {failure}"),
            Self::UnexpectedOutput(tool, output) => {
                write!(f, "{tool} printed no result, but: {output}")
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

impl std::error::Error for ToolError {}
