//! What the behaviour tests share: servers that cannot outlive their test, peers that cannot hang it.
//!
//! - [`running`]: a server on a thread of the test, for its statistics;
//! - [`process`]: a server as a process of its own, for signals, limits and the command line;
//! - [`peer`]: the other side of the conversation;
//! - [`tools`]: programs that a test needs and a machine may lack.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test file compiles this for itself and uses a part of it"
)]

pub(crate) mod child;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod running;
pub(crate) mod tools;

pub(crate) use peer::{
    assert_same, connect, echo_roundtrip, fill_until_blocked, pattern, read, read_to_eof,
};
pub(crate) use process::Child;
pub(crate) use running::{Bound, Running};
pub(crate) use tools::{skip, tool_or_skip};

use mio_echo::server::Mode;
use std::net::TcpListener;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for a fact before it fails: far longer than any of them takes on a busy
/// machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Runs one body for both modes, and names the mode in which it failed.
pub(crate) fn both_modes(body: impl Fn(Mode)) {
    for mode in [Mode::EventLoop, Mode::Threads] {
        let done = panic::catch_unwind(AssertUnwindSafe(|| body(mode)));
        if let Err(report) = done {
            eprintln!("failed in mode {mode:?}");
            panic::resume_unwind(report);
        }
    }
}

/// The name of a mode on the command line.
pub(crate) fn name_of(mode: Mode) -> &'static str {
    match mode {
        Mode::EventLoop => "event-loop",
        Mode::Threads => "threads",
    }
}

/// Polls for a fact of which nobody is notified. Fails with `expected` when it does not come true.
pub(crate) fn eventually(expected: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_true() {
        assert!(
            Instant::now() < deadline,
            "expected within {DEADLINE:?}: {expected}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether this machine speaks IPv6; if not, the caller's test is skipped.
pub(crate) fn ipv6_or_skip() -> bool {
    TcpListener::bind("[::1]:0").is_ok() || skip("this machine has no IPv6")
}
