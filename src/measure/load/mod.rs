//! The load generator: one thread, one poll, many connections that send, receive and verify; or several such threads.
//!
//! It uses [`readiness`](crate::readiness) and nothing of the server, because an event loop looks the same from either end
//! of a connection. Remembered readiness, the run queue and bounded turns are all that the two ends share. About the
//! server under load, the generator assumes only RFC 862.
//!
//! Reading order:
//!
//! 1. [`LoadPlan`]: the load to generate, and `feasible`: whether it can be;
//! 2. `payload` and `verify`: what is sent, and how the echo is checked;
//! 3. `client_connection`: one connection, without a socket or a clock;
//! 4. `schedule` and `run_stage`: when messages start, and when they are measured;
//! 5. `generator_loop`, the event loop, with `connection_pool`, `client_slot`, `dialer` and `timer` below it;
//! 6. `run_controller`, which moves the run from stage to stage;
//! 7. `recorder` and [`LoadResults`]: what is measured, with the histograms in `latency`;
//! 8. `coordinator`, `worker` and `part`: the load of several threads;
//! 9. `datagrams`: the same load over UDP.
//!
//! # Nothing unanswered is forgotten
//!
//! When the measurement ends, no new message is sent, but those in flight are waited for, up to the timeout. What has
//! not been echoed then, and what is lost with a connection, is counted ([`LoadResults::unanswered`]) and recorded with
//! its age: the least that its latency can be ([`Latency::record_unanswered`]). So a server that stops and does not come
//! back shows in the maximum and in the percentiles.
//!
//! # Closed and open loop
//!
//! Without a rate, each connection keeps [`LoadPlan::depth`] messages in flight and starts the next message when
//! one has been echoed: the *closed loop*. While the server stalls, it receives fewer messages, so the percentiles
//! hardly show the stall. With a [`LoadPlan::rate`], messages are due at times that do not depend on the server
//! ([`Arrivals`]): the *open loop*.
//!
//! ```text
//! due ──── wait ────► sent ──── service ────► echoed
//! due ──────────────── response ────────────► echoed
//! ```
//!
//! The [`wait`](LoadResults::wait) is for a free place on the connection, and for the generator itself. What the generator
//! adds, when it sends and when it reads, is its [`lag`](GeneratorCost::lag); [`LoadPlan::effective_slack`] bounds what it
//! adds on purpose.
//!
//! ```
//! use mio_echo::measure::load::{self, LoadPlan, StopCondition};
//! use std::net::TcpListener;
//! use std::time::Duration;
//! use std::{io, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut plan = LoadPlan::new(listener.local_addr()?);
//! plan.stop_when = StopCondition::Messages(100);
//! plan.warm_up = Duration::ZERO;
//! thread::spawn(move || {
//!     let (peer, _) = listener.accept()?;
//!     io::copy(&mut &peer, &mut &peer)
//! });
//!
//! let results = load::run(&plan, &mut ())?;
//! assert_eq!((results.messages, results.failures.total()), (100, 0));
//! # Ok::<(), io::Error>(())
//! ```

mod client_connection;
mod client_slot;
mod clock;
mod connection_pool;
mod coordinator;
mod datagrams;
mod dialer;
mod feasible;
mod generator_loop;
mod latency;
mod observer;
mod part;
mod payload;
mod plan;
mod recorder;
mod results;
mod run_controller;
mod run_stage;
mod schedule;
mod timer;
mod verify;
mod worker;

pub use feasible::InfeasibleLoad;
pub use latency::{Latency, QUANTILES};
pub use observer::{LoadObserver, Progress};
pub(crate) use payload::Payload;
pub use plan::{Arrivals, LoadPattern, LoadPlan, StopCondition, Transport};
pub use results::{
    DatagramCounts, Failure, Failures, GeneratorCost, LoadResults, TimedOut, WarmUp, WarmUpEnd,
};
pub use verify::{Mismatch, Verify};

use datagrams::DatagramLoop;
use generator_loop::GeneratorLoop;
use std::io;

/// Puts the load on the server and returns the results. Failures of connections are part of the results.
///
/// # Errors
///
/// The load is infeasible ([`LoadPlan::check`]), or the poll or the timer could not be created, or failed.
pub fn run(plan: &LoadPlan, observer: &mut impl LoadObserver) -> io::Result<LoadResults> {
    plan.check()?;
    match plan.transport {
        Transport::Stream if plan.threads > 1 => coordinator::run(plan, observer),
        Transport::Stream => GeneratorLoop::new(plan, observer)?.run(),
        Transport::Datagrams => DatagramLoop::new(plan, observer)?.run(),
    }
}
