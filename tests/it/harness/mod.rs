//! What the tests share: processes and servers that cannot outlive their test, peers that cannot hang it.
//!
//! - [`child`]: a program as a process of its own, for signals, limits and the command line;
//! - [`server`]: a server on a thread of the test, for its statistics;
//! - [`peer`]: the other end of a connection;
//! - `browser`: a page, as a browser sees it;
//! - [`machine`]: what a test needs of the machine that it runs on;
//! - `alone`: a test that no other test may disturb.
//!
//! A test waits for a fact, with a deadline; it never takes a pause for proof. Ports are chosen by the system.

#[cfg(feature = "learn")]
mod alone;
#[cfg(any(feature = "trace", feature = "measure"))]
pub(crate) mod browser;
pub(crate) mod child;
pub(crate) mod machine;
pub(crate) mod output;
pub(crate) mod peer;
// What the server asks, asked the same way. It is no part of the public library.
#[path = "../../../src/server/send_queue.rs"]
mod send_queue;
pub(crate) mod server;

#[cfg(feature = "learn")]
pub(crate) use alone::alone;
pub(crate) use child::{Child, Exit, PROGRAM, address_in, command, program, run};
pub(crate) use machine::{ipv6_or_skip, skip, tool_or_skip};
pub(crate) use peer::{
    assert_same, connect, echo_roundtrip, fill_until_blocked, more_than_buffers_hold, pattern,
    read, read_to_eof, refusing_port,
};
pub(crate) use rustix::process::Signal;
pub(crate) use server::{BoundServer, TestServer};

use mio_echo::server::Mode;
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for a fact before it fails: far longer than any of them takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Runs one body for both modes, side by side, and names the mode in which it failed.
pub(crate) fn both_modes(body: impl Fn(Mode) + Sync) {
    let body = &body;
    thread::scope(|scope| {
        let runs =
            [Mode::EventLoop, Mode::Threads].map(|mode| (mode, scope.spawn(move || body(mode))));
        for (mode, run) in runs {
            if let Err(report) = run.join() {
                eprintln!("failed in mode {mode:?}");
                panic::resume_unwind(report);
            }
        }
    });
}

/// The name of a mode on the command line.
pub(crate) fn name_of(mode: Mode) -> &'static str {
    match mode {
        Mode::EventLoop => "event-loop",
        Mode::Threads => "threads",
    }
}

/// Tries what a busy machine may spoil, such as an upper bound on time: one success is enough, and a program that does
/// not keep its promise has none. Panics with the reason of the last failure.
pub(crate) fn in_some_attempt<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    const ATTEMPTS: usize = 5;
    let mut reason = String::new();
    for _ in 0..ATTEMPTS {
        match attempt() {
            Ok(value) => return value,
            Err(failure) => reason = failure,
        }
        eprintln!("failed, perhaps because the machine is busy: {reason}");
    }
    panic!("failed {ATTEMPTS} times: {reason}");
}

/// Polls for a fact of which there is no notification. Panics with `expected` if it does not come true in time.
pub(crate) fn eventually(expected: &str, mut is_true: impl FnMut() -> bool) {
    const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
    const LONGEST_PAUSE: Duration = Duration::from_millis(10);
    let deadline = Instant::now() + DEADLINE;
    let mut pause = SHORTEST_PAUSE;
    while !is_true() {
        assert!(
            Instant::now() < deadline,
            "expected within {DEADLINE:?}: {expected}"
        );
        thread::sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}
