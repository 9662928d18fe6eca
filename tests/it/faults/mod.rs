//! Faults: a system call that fails costs at most the connection that made it. The server serves on, the other peers
//! lose nothing, and no failure makes it spin or flood its log.
//!
//! The errors are those that the man pages name and that can happen while a server runs: not those of a wrong
//! argument (EBADF, EFAULT, EINVAL, ENOTSOCK, …), except where the server is to fail.

#![cfg(target_os = "linux")]

mod accepting;
#[cfg(feature = "udp")]
mod datagrams;
mod echoing;
#[cfg(feature = "telemetry")]
mod failing;
mod faulty;
mod injection;
