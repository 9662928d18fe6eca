//! The read buffer of one thread: as large as its connection needs, and small while the connection is quiet.
//!
//! A thread per connection means a buffer per connection. With small messages it stays small; a stream fills it and gets
//! the full size; a connection without traffic returns the memory.

use crate::server::memory::MemoryRoom;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

/// Bytes to read into.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    /// The most bytes that one read may bring in.
    full_size: usize,
    /// Asked before the buffer becomes large.
    memory: Arc<MemoryRoom>,
}

/// Bytes of the buffer of a quiet connection.
const SMALL: usize = 4 * 1024;

impl ReadBuffer {
    /// A buffer that holds nothing yet.
    pub(super) fn new(full_size: usize, memory: Arc<MemoryRoom>) -> Self {
        Self {
            bytes: Vec::new(),
            full_size,
            memory,
        }
    }

    /// Where the next read goes; never empty.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`: there is none even for a small buffer.
    pub(super) fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.bytes.is_empty() {
            self.bytes = zeros(SMALL.min(self.full_size)).ok_or(ErrorKind::OutOfMemory)?;
        }
        Ok(&mut self.bytes)
    }

    /// Part of what the last read brought in.
    pub(super) fn received(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Makes the buffer large after a read that filled it, if there is memory for it.
    pub(super) fn adapt(&mut self, bytes: usize) {
        if bytes == self.bytes.len()
            && bytes < self.full_size
            && let Ok(_reservation) = self.memory.reserve_buffer(self.full_size)
            && let Some(large) = zeros(self.full_size)
        {
            self.bytes = large;
        }
    }

    /// Frees a large buffer: the connection is quiet.
    pub(super) fn shrink(&mut self) {
        if self.bytes.len() > SMALL {
            self.bytes = Vec::new();
        }
    }
}

/// This many bytes, if there is memory for them.
fn zeros(length: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_messages_keep_the_buffer_small_and_a_stream_makes_it_large() {
        let mut buffer = ReadBuffer::new(64 * 1024, MemoryRoom::new());
        assert_eq!(buffer.room().unwrap().len(), SMALL);
        buffer.adapt(64);
        assert_eq!(buffer.room().unwrap().len(), SMALL);
        buffer.adapt(SMALL);
        assert_eq!(buffer.room().unwrap().len(), 64 * 1024);
        let large = buffer.room().unwrap().as_ptr_range();
        buffer.adapt(64 * 1024);
        assert_eq!(buffer.room().unwrap().as_ptr_range(), large, "it is kept");
    }

    #[test]
    fn a_quiet_connection_gives_a_large_buffer_back() {
        let mut buffer = ReadBuffer::new(64 * 1024, MemoryRoom::new());
        buffer.room().unwrap();
        buffer.adapt(SMALL);
        buffer.shrink();
        assert_eq!(buffer.bytes.capacity(), 0);
        assert_eq!(buffer.room().unwrap().len(), SMALL);
        buffer.shrink();
        assert_eq!(buffer.bytes.len(), SMALL, "a small one is kept");
    }

    #[test]
    fn no_read_brings_in_more_than_the_full_size() {
        assert_eq!(
            ReadBuffer::new(1, MemoryRoom::new()).room().unwrap().len(),
            1
        );
    }
}
