//! Other people's processes: started, watched, measured, ended.
//!
//! What is measured here was started for it and must not outlive it, whatever becomes of us short of
//! SIGKILL; what it says is never in its way; and what it costs is read from outside, so that a server
//! and the load it is under can be told apart. This module knows no server and no load.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `command` | what to start, as a plain value |
//! | `group` | a process and whoever it starts, ended together |
//! | `stream` | what a process says, read for ever |
//! | `lost` | [`Lost`]: how a process ended that should not have |
//! | `child` | [`Child`]: both of them, and whether it is ready or [`Lost`] |
//! | `cores` | which processor core who runs on |
//! | `proc` | what proc(5) and the process clocks show |
//! | `usage` | [`Usage`]: what a process has cost so far |
//! | `syscalls` | [`SyscallCount`]: what it asked of the kernel, counted by perf(1) or strace(1) |

mod child;
mod command;
pub mod cores;
mod group;
mod lost;
#[cfg(target_os = "linux")]
mod proc;
mod stream;
mod syscalls;
mod usage;

pub use child::Child;
pub use command::Command;
pub use lost::{HowLost, Lost};
pub use syscalls::{CannotCount, Counting, SyscallCount, Tool};
pub use usage::Usage;
