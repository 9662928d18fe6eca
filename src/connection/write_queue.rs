//! The bytes that are owed to one peer, in order, bounded.

/// What the kernel refused, kept until it takes it.
///
/// Filled at once and only while empty: a connection that owes bytes does not read, so nothing can be
/// added behind them. That makes the bound (one read) structural, and the storage a boxed slice and
/// an offset. An empty queue owns no heap.
#[derive(Debug, Default)]
pub struct WriteQueue {
    bytes: Box<[u8]>,
    /// How many of `bytes` the kernel has taken; less than `bytes.len()`, or both are zero.
    written: usize,
}

impl WriteQueue {
    /// Takes over `bytes`; the queue must be empty.
    pub fn fill(&mut self, bytes: &[u8]) {
        debug_assert!(self.is_empty(), "bytes would be lost");
        self.bytes = bytes.into();
        self.written = 0;
    }

    /// What is still owed.
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// The kernel took the first `count` pending bytes. The last of them frees the heap.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// How many bytes are still owed.
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut queue = WriteQueue::default();
        queue.fill(b"abc");
        assert_eq!((queue.pending(), queue.len()), (&b"abc"[..], 3));
        queue.advance(1);
        assert_eq!((queue.pending(), queue.len()), (&b"bc"[..], 2));
        queue.advance(2);
        assert!(queue.is_empty());
        queue.fill(b"d");
        assert_eq!(queue.pending(), b"d");
    }

    #[test]
    fn an_empty_queue_owns_no_heap() {
        let mut queue = WriteQueue::default();
        queue.fill(&[0; 64]);
        queue.advance(64);
        assert_eq!(queue.bytes.len(), 0);
    }
}
