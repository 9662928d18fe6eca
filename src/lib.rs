//! An echo server (RFC 862) on one thread, built on readiness - and the same server with a thread per
//! connection, for contrast.
//!
//! This library is what the `mio-echo` program is made of, written to be read. Modules in reading order,
//! each knowing only those before it:
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`connection`] | ONE connection: readiness, phases, the write queue. No socket, no clock |
//! | [`server`] | MANY connections: the event loop, the threads, the limits, the stop |
//! | [`trace`] | SEEING it: records of what the server does, as text, JSON Lines and a timeline |
//! | [`client`] | the other side of the conversation: send, receive, verify |
//! | [`load`] | the load generator: the event loop again, seen from the client's side |
//! | [`process`] | other people's processes: started, watched, measured, ended |
//! | [`mod@bench`] | a measurement of one server: the load, its cost, and what to make of both |
//! | [`compare`] | servers against each other: rounds, ratios with their intervals, reports |
//! | [`lab`] | wrong servers on purpose, each with the experiment that shows what breaks |
//! | [`guide`] | the course: eleven chapters on all of this |
//!
//! [`endpoint`] and [`os_error`] are words that all of them use; `edges` is what the event loops share,
//! `notation` is how figures are written.
//!
//! # Invariants
//!
//! 1. What comes in goes out, in order, exactly: also on half-close, to slow readers, through a stop.
//! 2. A connection that owes bytes does not read; so it owes one read buffer at most, and a connection
//!    that keeps up owns no heap.
//! 3. Readiness is remembered until there is evidence against it; a parked connection wants no direction
//!    that is ready.
//! 4. Every turn is bounded; whoever has more to do stands on the run queue.
//! 5. An error of one peer ends one connection.

#[cfg(not(unix))]
compile_error!("mio-echo needs a Unix: signals, descriptor limits, inherited socket options");

pub mod client;
pub mod connection;
#[cfg(feature = "learn")]
pub mod learn;
#[cfg(feature = "measure")]
pub mod measure;
pub mod readiness;
pub mod server;
pub mod text;
#[cfg(feature = "trace")]
pub mod trace;
