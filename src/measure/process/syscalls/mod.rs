//! The system calls of a process, counted over an interval by an external tool.
//!
//! perf(1) is tried first: it counts in the kernel and hardly slows the process down. strace(1) stops the
//! process twice per call, which changes what it measures: a slowed server finds more input each time it
//! polls, so it makes fewer calls per message. But strace is available on most machines, and it knows the
//! calls by name.

mod count;
mod counter;
mod perf;
mod strace;
mod syscall_tracer;

pub use count::{SyscallCount, SyscallCountError, Tool};
pub use counter::SyscallCounter;
