//! Misbehaving on request, for tests of clients, proxies and connection pools.
//!
//! The layer lies between a connection and its socket: [`socket`] is a socket that delays, cuts, corrupts or ends what it
//! is given to write, as a [`plan`] says. [`kernel`] is what the event loop sees of it: a kernel whose sockets are such
//! ones, and whose `wait` also ends when a deadline of theirs has passed. Neither the event loop nor the connection knows
//! about it. A server that is asked for nothing of it runs the same loop over the plain kernel, so the layer costs it
//! nothing.
//!
//! A connection writes into the [`delay_line`] of its socket, which has room for one read buffer. When the line is full, a
//! write would block; then the connection does not read, and backpressure holds as it does without the layer. At most two
//! read buffers are held for a connection: one in the line, and one in the connection's write queue.
//!
//! In threads mode the thread of a connection waits in poll(2) for its socket, the stop and the deadline of the socket.

mod corruption;
mod counts;
mod delay_line;
mod kernel;
mod pacing;
mod plan;
mod socket;

pub use counts::{Fault, MisbehaviourCounts};
pub use plan::{Delay, Misbehaviour, WithProbability};

pub(super) use kernel::MisbehavingKernel;
pub(super) use socket::MisbehavingSocket;
