//! What every event loop of this program shares: which edges to ask for, what an event means, who is
//! owed a turn.
//!
//! The server's loop and the load generator's stand on the same three things, and on
//! [`Readiness`](crate::connection::Readiness), which remembers what the events said.

mod run_queue;

pub(crate) use run_queue::RunQueue;

use crate::connection::Hints;
use mio::Interest;
use mio::event::Event;

/// What a connection is registered for, once: everything.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const INTEREST: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What one event said of a connection's socket, as the poll tells it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "an event is exactly these six independent hints"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// A read may find something.
    pub readable: bool,
    /// A write may find room.
    pub writable: bool,
    /// The peer's FIN has arrived, or the connection is broken.
    pub read_closed: bool,
    /// Nothing can be sent any more.
    pub write_closed: bool,
    /// An error waits to be collected.
    pub error: bool,
    /// Urgent data has arrived. Linux and Android only.
    pub priority: bool,
}

impl From<&Event> for Edge {
    fn from(event: &Event) -> Self {
        Self {
            readable: event.is_readable(),
            writable: event.is_writable(),
            read_closed: event.is_read_closed(),
            write_closed: event.is_write_closed(),
            error: event.is_error(),
            priority: event.is_priority(),
        }
    }
}

/// An error is collected by whichever call comes next, so it makes both directions worth one.
impl From<Edge> for Hints {
    fn from(edge: Edge) -> Self {
        Self {
            readable: edge.readable || edge.read_closed || edge.error,
            writable: edge.writable || edge.write_closed || edge.error,
            read_closed: edge.read_closed,
            urgent: edge.priority,
        }
    }
}

/// What an event says, in the words of a connection.
pub(crate) fn hints(event: &Event) -> Hints {
    Edge::from(event).into()
}
