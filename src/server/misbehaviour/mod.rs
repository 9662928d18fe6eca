//! Fault injection, for tests of clients, proxies and connection pools.
//!
//! This is a layer between a connection and its socket. A misbehaving [`socket`] delays, cuts, corrupts or ends what the
//! connection writes, following a [`plan`]. The [`kernel`] has such sockets, and its `wait` also ends when a deadline of
//! one of them has passed. Neither the event loop nor the connection knows about the layer. Without faults to inject, the
//! server runs the same loop over the plain kernel, so the layer costs nothing.
//!
//! A connection writes into the [`delay_line`] of its socket, which has room for one read buffer. When the line is full, a
//! write would block; then the connection does not read, and backpressure holds as it does without the layer. A
//! connection holds at most two read buffers: one in the delay line, and one in its write queue.
//!
//! In threads mode, the thread of a connection waits in poll(2) for the socket, the stop and the deadline of the socket.

mod corruption;
mod counts;
mod delay_line;
mod kernel;
mod pacing;
mod plan;
mod socket;
#[cfg(test)]
mod wire;

pub use counts::{Fault, MisbehaviourCounts};
pub use plan::{Delay, Misbehaviour, WithProbability};

pub(super) use kernel::MisbehavingKernel;
pub(super) use socket::MisbehavingSocket;
