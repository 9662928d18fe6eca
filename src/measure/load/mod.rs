//! The load generator: the server's four phases, seen from the client's side.
//!
//! One thread, one poll, many connections that send, receive and compare. It stands on the same
//! readiness and the same run queue as the server, and knows nothing of what answers but RFC 862.
//!
//! Read it in this order:
//!
//! 1. [`Plan`]: what can be asked for;
//! 2. `tape` and `verify`: what is sent, and how what comes back is checked;
//! 3. `conversation`: one connection, without a socket or a clock;
//! 4. `schedule` and `stage`: when messages start, and when they count;
//! 5. `event_loop`, the page, with `slot`, `connect` and `alarm` under it;
//! 6. `tally` and [`Outcome`]: what was seen, with `latency` in it.
//!
//! # Closed and open loop
//!
//! Without a rate each connection keeps [`Plan::depth`] messages in flight and starts the next one when one
//! comes back: the *closed loop*. A server that stalls is then asked less, just while it is slow, and the
//! percentiles hardly show the stall. With a [`Plan::rate`] messages are due at fixed times whether or not the
//! server keeps up: the *open loop*. What waits too long to be sent counts from the time at which it was due
//! ([`Outcome::response`]), beside what the wire alone took ([`Outcome::service`]).
//!
//! ```
//! use mio_echo::measure::load::{self, End, Plan};
//! use std::net::TcpListener;
//! use std::time::Duration;
//! use std::{io, thread};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let mut plan = Plan::new(listener.local_addr()?);
//! plan.end = End::Messages(100);
//! plan.warm_up = Duration::ZERO;
//! thread::spawn(move || {
//!     let (peer, _) = listener.accept()?;
//!     io::copy(&mut &peer, &mut &peer)
//! });
//!
//! let outcome = load::run(&plan, &mut ())?;
//! assert_eq!((outcome.messages, outcome.failures.total()), (100, 0));
//! # Ok::<(), io::Error>(())
//! ```

mod alarm;
mod connect;
mod conversation;
mod event_loop;
mod latency;
mod outcome;
mod schedule;
mod slot;
mod stage;
mod tally;
mod tape;
mod verify;

pub use latency::{Latency, QUANTILES};
pub use outcome::{Failure, Failures, GeneratorCost, Mismatch, Outcome, Silence};
pub use verify::Verify;

use event_loop::EventLoop;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// What load is put on whom.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server.
    pub target: SocketAddr,
    /// What the connections do.
    pub pattern: Pattern,
    /// How many connections are held, at least 1.
    pub connections: usize,
    /// Bytes of a message, at least 1.
    pub size: usize,
    /// Messages that each connection has in flight, at least 1.
    pub depth: usize,
    /// Messages a second, over all connections together; none for the closed loop. For
    /// [`Pattern::Echo`] and [`Pattern::Stream`].
    pub rate: Option<f64>,
    /// Connections opened in a second while the load is built up; none for as fast as it goes.
    pub connect_rate: Option<f64>,
    /// How long the load runs before it counts.
    pub warm_up: Duration,
    /// When it is enough.
    pub end: End,
    /// Whether what comes back is compared.
    pub verify: Verify,
    /// How long a connect or an answer may take before the connection is given up.
    pub patience: Duration,
}

impl Plan {
    /// One connection that plays ping-pong with messages of 64 bytes for ten seconds, after one to warm up.
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            pattern: Pattern::Echo,
            connections: 1,
            size: 64,
            depth: 1,
            rate: None,
            connect_rate: None,
            warm_up: Duration::from_secs(1),
            end: End::After(Duration::from_secs(10)),
            verify: Verify::EveryByte,
            patience: Duration::from_secs(5),
        }
    }
}

/// What the connections do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
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
impl fmt::Display for Pattern {
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
pub enum End {
    /// After so long, not counting connects and warm-up.
    After(Duration),
    /// After so many messages that count, at least 1.
    Messages(u64),
}

/// Sees the load as it runs.
pub trait Watch {
    /// All is connected and warmed up: from here on it counts.
    fn measuring(&mut self) {}

    /// What counts is over; the connections are still open.
    fn measured(&mut self) {}

    /// About ten times a second. To break is to end early, with what was measured until then.
    fn progress(&mut self, _so_far: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
impl Watch for () {}

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
/// the outcome.
///
/// # Errors
///
/// The poll or the timer could not be made, or broke.
pub fn run(plan: &Plan, watch: &mut impl Watch) -> io::Result<Outcome> {
    EventLoop::new(plan, watch)?.run()
}
