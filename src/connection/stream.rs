//! The only access of a connection to the outside.

use std::io::{self, Read, Write};

/// What a connection reads and writes: a byte stream whose two directions end separately.
///
/// No call may block: what cannot be done now returns [`WouldBlock`](io::ErrorKind::WouldBlock).
pub trait Stream: Read + Write {
    /// Sends our FIN: nothing more will be written, reading goes on (shutdown(2), `SHUT_WR`).
    ///
    /// # Errors
    ///
    /// As shutdown(2): the peer may already be gone.
    fn send_fin(&mut self) -> io::Result<()>;
}
