//! The loop's only read buffer: the bytes that a read pass brings in, connection after connection.

use std::collections::TryReserveError;

/// Room for one more read as long as the read budget is not used up, and the bytes of all reads so far.
#[derive(Debug)]
pub(super) struct ReceiveBuffer {
    /// Room for the whole budget, and for one read that begins just within it.
    bytes: Box<[u8]>,
    /// The most bytes that one read brings in.
    read_size: usize,
    used: usize,
    /// For each read, in order: the connection's key and the number of bytes.
    reads: Vec<(usize, usize)>,
}

impl ReceiveBuffer {
    /// No read begins once more than `budget` bytes are in the buffer.
    pub(super) fn new(budget: usize, read_size: usize) -> Self {
        Self {
            bytes: vec![0; budget + read_size].into(),
            read_size,
            used: 0,
            reads: Vec::new(),
        }
    }

    /// Makes room for the reads of this many connections.
    pub(super) fn try_reserve(&mut self, connections: usize) -> Result<(), TryReserveError> {
        self.reads
            .try_reserve(connections.saturating_sub(self.reads.len()))
    }

    /// Where the next read goes; `None` when the budget is used up.
    pub(super) fn room(&mut self) -> Option<&mut [u8]> {
        self.bytes.get_mut(self.used..self.used + self.read_size)
    }

    /// The connection `key` has read `bytes` into the room.
    pub(super) fn received(&mut self, key: usize, bytes: usize) {
        self.used += bytes;
        self.reads.push((key, bytes));
    }

    /// Takes out what was received: each connection's key and bytes, in the order of the reads.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (usize, &[u8])> {
        self.used = 0;
        let mut rest = &*self.bytes;
        self.reads.drain(..).map(move |(key, bytes)| {
            let (received, behind) = rest.split_at(bytes);
            rest = behind;
            (key, received)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut ReceiveBuffer, key: usize, bytes: &[u8]) -> bool {
        let Some(room) = buffer.room() else {
            return false;
        };
        room[..bytes.len()].copy_from_slice(bytes);
        buffer.received(key, bytes.len());
        true
    }

    #[test]
    fn bytes_come_out_for_the_connections_that_received_them() {
        let mut buffer = ReceiveBuffer::new(8, 4);
        for round in 0..2 {
            assert!(receive(&mut buffer, 7, b"abc"), "round {round}");
            assert!(receive(&mut buffer, 2, b""));
            assert!(receive(&mut buffer, 5, b"de"));
            let received: Vec<_> = buffer.drain().collect();
            assert_eq!(received, [(7, &b"abc"[..]), (2, b""), (5, b"de")]);
        }
    }

    #[test]
    fn no_read_begins_once_the_budget_is_used_up() {
        let mut buffer = ReceiveBuffer::new(4, 4);
        assert!(receive(&mut buffer, 1, b"1234"));
        assert!(
            receive(&mut buffer, 2, b"5"),
            "4 bytes are within a budget of 4"
        );
        assert!(!receive(&mut buffer, 3, b"6"));
        assert_eq!(buffer.drain().count(), 2);
        assert!(receive(&mut buffer, 3, b"6"));
    }
}
