//! The load generator: the server's four phases, seen from the client's side.
//!
//! One thread, one poll, many connections that send, receive and compare. It stands on the same
//! readiness and the same run queue as the server, and knows nothing of what answers but RFC 862.
//!
//! Read it in this order:
//!
//! 1. [`LoadPlan`]: what can be asked for;
//! 2. `payload` and `verify`: what is sent, and how what comes back is checked;
//! 3. `connection`: one connection, without a socket or a clock;
//! 4. `schedule` and `stage`: when messages start, and when they count;
//! 5. `event_loop`, the page, with `slot`, `connect` and `alarm` under it;
//! 6. `recorder` and [`LoadResults`]: what was seen, with `latency` in it.
//!
//! # Closed and open loop
//!
//! Without a rate each connection keeps [`LoadPlan::depth`] messages in flight and starts the next one when one
//! comes back: the *closed loop*. A server that stalls is then asked less, just while it is slow, and the
//! percentiles hardly show the stall. With a [`LoadPlan::rate`] messages are due at fixed times whether or not the
//! server keeps up: the *open loop*. What waits too long to be sent counts from the time at which it was due
//! ([`LoadResults::response`]), beside what the wire alone took ([`LoadResults::service`]).
//!
//! ```
//! use mio_echo::measure::load::{self, StopCondition, LoadPlan};
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
mod connect;
mod generator_loop;
mod latency;
mod payload;
mod recorder;
mod results;
mod run_stage;
mod schedule;
mod timer;
mod verify;

pub use latency::{Latency, QUANTILES};
pub use results::{Failure, Failures, GeneratorCost, LoadResults, Mismatch, TimedOut};
pub use verify::Verify;

use generator_loop::GeneratorLoop;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// What load is put on whom.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The server.
    pub target: SocketAddr,
    /// What the connections do.
    pub pattern: LoadPattern,
    /// How many connections are held, at least 1.
    pub connections: usize,
    /// Bytes of a message, at least 1.
    pub size: usize,
    /// Messages that each connection has in flight, at least 1.
    pub depth: usize,
    /// Messages a second, over all connections together; none for the closed loop. For
    /// [`LoadPattern::Echo`] and [`LoadPattern::Stream`].
    pub rate: Option<f64>,
    /// Connections opened in a second while the load is built up; none for as fast as it goes.
    pub connect_rate: Option<f64>,
    /// How long the load runs before it counts.
    pub warm_up: Duration,
    /// When it is enough.
    pub stop_when: StopCondition,
    /// Whether what comes back is compared.
    pub verify: Verify,
    /// How long a connect or an answer may take before the connection is given up.
    pub timeout: Duration,
}

impl LoadPlan {
    /// One connection that plays ping-pong with messages of 64 bytes for ten seconds, after one to warm up.
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            pattern: LoadPattern::Echo,
            connections: 1,
            size: 64,
            depth: 1,
            rate: None,
            connect_rate: None,
            warm_up: Duration::from_secs(1),
            stop_when: StopCondition::Elapsed(Duration::from_secs(10)),
            verify: Verify::EveryByte,
            timeout: Duration::from_secs(5),
        }
    }
}

/// What the connections do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadPattern {
    /// Round trips over connections that stay.
    Echo,
    /// Connect, one round trip, close; and again.
    Churn,
    /// One round trip, to show that somebody is there; then silence.
    Idle,
    /// The same as round trips, of which only the bytes a second matter.
    Stream,
}

/// As on the command line.
impl fmt::Display for LoadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Echo => "echo",
            Self::Churn => "churn",
            Self::Idle => "idle",
            Self::Stream => "stream",
        })
    }
}

/// When it is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCondition {
    /// After so long, not counting connects and warm-up.
    Elapsed(Duration),
    /// After so many messages that count, at least 1.
    Messages(u64),
}

/// Sees the load as it runs.
pub trait LoadObserver {
    /// All is connected and warmed up: from here on it counts.
    fn measurement_started(&mut self) {}

    /// What counts is over; the connections are still open.
    fn measurement_ended(&mut self) {}

    /// About ten times a second. To break is to end early, with what was measured until then.
    fn progress(&mut self, _so_far: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
impl LoadObserver for () {}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Connections that are open.
    pub connected: usize,
    /// Messages that count so far; while connecting and warming up, none.
    pub messages: u64,
    /// How many thousandths of what counts are done.
    pub per_mille: u64,
}

/// Puts the load on the server, and returns what came of it. What goes wrong with a connection is part of
/// the results.
///
/// # Errors
///
/// The poll or the timer could not be made, or broke.
pub fn run(plan: &LoadPlan, watch: &mut impl LoadObserver) -> io::Result<LoadResults> {
    GeneratorLoop::new(plan, watch)?.run()
}
