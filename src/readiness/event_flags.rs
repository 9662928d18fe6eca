//! What one event says about one socket, and what to ask the poll for.

use mio::Interest;
use mio::event::Event;

/// What every connection is registered for, once: everything.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const INTEREST: Interest = Interest::READABLE
    .add(Interest::WRITABLE)
    .add(Interest::PRIORITY);
/// What every connection is registered for, once: everything.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What one event said about one socket.
///
/// All flags are hints: an event may be spurious, and what it reports may be gone by the time of the system call. The
/// only guarantee is that no change goes unreported.
#[expect(
    clippy::struct_excessive_bools,
    reason = "an event is exactly these six independent flags"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
pub struct EventFlags {
    /// A read may find bytes or the end of the input.
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub readable: bool,
    /// A write may find room in the send buffer.
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub writable: bool,
    /// The peer's FIN has arrived, or the connection is broken; unread bytes may still precede the FIN.
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub read_closed: bool,
    /// Nothing can be sent any more.
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub write_closed: bool,
    /// The socket has a pending error, which the next system call on it returns (`SO_ERROR`).
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub error: bool,
    /// Urgent data has arrived (RFC 9293, section 3.8.5). Linux and Android only.
    #[cfg_attr(feature = "trace", serde(skip_serializing_if = "is_unset"))]
    pub priority: bool,
}

impl From<&Event> for EventFlags {
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

#[cfg(feature = "trace")]
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_unset(flag: &bool) -> bool {
    !flag
}
