//! Tools that observe a process from outside over an interval: perf(1) and strace(1), each as a child process.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `tool` | [`Tool`], and [`ToolError`]: why there is no result |
//! | `tool_process` | a tool as a child process |
//! | `perf`, `strace` | how the two are controlled, and what they print |
//! | `syscalls` | [`SyscallCounter`]: system calls |
//! | `hardware` | [`HardwareCounter`]: instructions, cycles, cache misses |
//! | `profiler` | [`Profiler`]: samples of call stacks |
//! | `flame_graph` | the picture of a [`Profile`] |

mod flame_graph;
mod hardware;
mod perf;
mod profiler;
mod strace;
mod syscalls;
mod tool;
mod tool_process;

pub use hardware::{EventCount, HardwareCounter, HardwareCounts, ProcessorEvent};
pub use perf::check_perf;
pub use profiler::{Profile, Profiler};
pub use syscalls::{SyscallCount, SyscallCounter};
pub use tool::{Tool, ToolError};
