//! A made-up socket, for the tests.

use crate::connection::Stream;
use crate::readiness::EventFlags;
use crate::server::kernel::Socket;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

/// The real socket and the peer behind it.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// What the peer has sent, and how much of it was read.
    pub(super) sent: Vec<u8>,
    pub(super) read: usize,
    pub(super) fin: bool,
    /// What was written, and for how much more there is room.
    pub(super) echoed: Vec<u8>,
    pub(super) room: usize,
    /// The errors of the next writes.
    pub(super) errors: VecDeque<ErrorKind>,
    /// An edge that is still to be reported.
    pub(super) edge: EventFlags,
    pub(super) our_fin: bool,
    pub(super) reset: bool,
}

#[derive(Debug, Clone)]
pub(super) struct WireSocket(pub(super) Rc<RefCell<Wire>>);

impl Read for WireSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let bytes = buffer.len().min(wire.sent.len() - wire.read);
        let from = wire.read;
        buffer[..bytes].copy_from_slice(&wire.sent[from..from + bytes]);
        wire.read += bytes;
        if bytes == 0 && !wire.fin {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(bytes)
    }
}

impl Write for WireSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.our_fin && !bytes.is_empty());
        if let Some(error) = wire.errors.pop_front() {
            return Err(error.into());
        }
        let taken = bytes.len().min(wire.room);
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.room -= taken;
        wire.echoed.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for WireSocket {
    fn send_fin(&mut self) -> io::Result<()> {
        self.0.borrow_mut().our_fin = true;
        Ok(())
    }
}

impl Socket for WireSocket {
    fn unread_bytes(&self) -> Option<u32> {
        let wire = self.0.borrow();
        u32::try_from(wire.sent.len() - wire.read).ok()
    }

    fn reset_on_close(&self) {
        self.0.borrow_mut().reset = true;
    }
}
