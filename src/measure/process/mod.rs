//! Processes under test: started, pinned, measured from outside, terminated.
//!
//! A child started here does not outlive this program, not even if this program is killed with SIGKILL. Its
//! output never blocks it. Its cost is read from outside, with that of the processes that it starts, so the server and
//! the load generator are accounted for separately. This module knows neither a server nor a load.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `command_line` | [`CommandLine`]: what to start, as a plain value |
//! | `descriptor_limit` | how many descriptors it may open |
//! | `process_tree` | [`ProcessTree`]: all processes of a command, daemons included |
//! | `process_group` | a process and its tree, terminated together |
//! | `stopped_tree` | [`StoppedTree`]: processes that do nothing for a while |
//! | `guard` | what kills them if this program cannot |
//! | `listening` | [`listening()`]: where processes listen |
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
mod descriptor_limit;
mod failure;
mod guard;
mod listening;
mod output;
mod place;
mod placement;
mod port;
#[cfg(target_os = "linux")]
mod proc;
mod process_group;
mod process_tree;
mod reply;
mod stopped_tree;
mod tools;
mod usage;

pub use child::Child;
pub use command_line::CommandLine;
pub use failure::{ChildFailure, ExitReason};
pub use listening::{holder_of, listening, receives};
pub use place::{ListenPlace, PORT, SOCKET};
pub use placement::{Pinning, Placement};
pub use port::free_address;
pub use process_tree::ProcessTree;
pub use reply::expect_reply;
pub use stopped_tree::StoppedTree;
pub use tools::{
    EventCount, HardwareCounter, HardwareCounts, ProcessorEvent, Profile, Profiler, SyscallCount,
    SyscallCounter, Tool, ToolError, check_perf,
};
pub use usage::Usage;
