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

/// What an event says, in the words of a connection. An error is collected by whichever call comes
/// next, so it makes both directions worth one.
pub(crate) fn hints(event: &Event) -> Hints {
    let error = event.is_error();
    Hints {
        readable: event.is_readable() || event.is_read_closed() || error,
        writable: event.is_writable() || event.is_write_closed() || error,
        read_closed: event.is_read_closed(),
        urgent: event.is_priority(),
    }
}
