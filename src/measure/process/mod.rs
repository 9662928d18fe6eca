//! Processes under test: started, pinned, measured from outside, terminated.
//!
//! A child started here does not outlive this program, not even if this program is killed with SIGKILL. Its
//! output never blocks it. Its cost is read from outside, with that of the processes that it starts, so the server and
//! the load generator are accounted for separately. This module knows neither a server nor a load.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `command_line` | [`CommandLine`]: what to start, as a plain value |
//! | `process_group` | a process and its descendants, terminated together |
//! | `stopped_group` | [`StoppedGroup`]: a group that does nothing for a while |
//! | `guard` | what ends the group if this program cannot |
//! | `output` | what a process writes, read until it ends |
//! | `failure` | [`ChildFailure`]: a process that ended early or was not ready in time |
//! | `child` | [`Child`]: a process that we started, its readiness and its failure |
//! | `port` | [`free_address`]: where it can listen |
//! | `place` | [`ListenPlace`]: where it can listen, a port or a Unix socket |
//! | `reply` | [`expect_reply`]: whether it replies to a datagram |
//! | `placement` | [`Placement`]: which cores a server and its load generator run on |
//! | `cores` | pinning threads and processes to processor cores |
//! | `proc` | what proc(5) and the process clocks report |
//! | `usage` | [`Usage`]: what a process, or its whole group, has cost so far |
//! | `tools` | perf(1) and strace(1): its system calls, its hardware counters, a profile of it |

mod child;
mod command_line;
pub mod cores;
mod failure;
mod guard;
mod output;
mod place;
mod placement;
mod port;
#[cfg(target_os = "linux")]
mod proc;
mod process_group;
mod reply;
mod stopped_group;
mod tools;
mod usage;

pub use child::Child;
pub use command_line::CommandLine;
pub use failure::{ChildFailure, ExitReason};
pub use place::{ListenPlace, PORT, SOCKET};
pub use placement::{Pinning, Placement};
pub use port::free_address;
pub use reply::expect_reply;
pub use stopped_group::StoppedGroup;
pub use tools::{
    EventCount, HardwareCounter, HardwareCounts, ProcessorEvent, Profile, Profiler, SyscallCount,
    SyscallCounter, Tool, ToolError, check_perf,
};
pub use usage::Usage;
