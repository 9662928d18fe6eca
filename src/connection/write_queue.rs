//! The bytes that are pending for one peer, in order, bounded.

use std::collections::TryReserveError;

/// What the kernel refused, kept until the kernel takes it.
///
/// Filled in one step, and only while empty: a connection with pending bytes does not read, so nothing can be added behind
/// them. No counter is needed to keep the bound, which is one read. An empty queue is one word and owns no heap: most
/// connections never have anything pending.
#[derive(Debug, Default)]
pub struct WriteQueue(Option<Box<Pending>>);

/// What a queue that is not empty holds.
#[derive(Debug)]
struct Pending {
    bytes: Box<[u8]>,
    /// How many of `bytes` the kernel has taken; fewer than there are.
    written: usize,
}

impl WriteQueue {
    /// Keeps a copy of `bytes`. The queue must be empty, and `bytes` must not be.
    ///
    /// # Errors
    ///
    /// There is no memory for the copy. The queue is unchanged.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        debug_assert!(self.is_empty(), "bytes would be lost");
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len())?;
        copy.extend_from_slice(bytes);
        self.0 = Some(Box::new(Pending {
            bytes: copy.into_boxed_slice(),
            written: 0,
        }));
        Ok(())
    }

    /// What is still pending.
    pub fn pending(&self) -> &[u8] {
        let pending = self.0.as_deref();
        pending
            .and_then(|pending| pending.bytes.get(pending.written..))
            .unwrap_or_default()
    }

    /// The kernel took the first `count` pending bytes. The last of them frees the heap.
    pub fn advance(&mut self, count: usize) {
        if let Some(pending) = &mut self.0 {
            pending.written += count;
            if pending.written >= pending.bytes.len() {
                self.0 = None;
            }
        }
    }

    /// How many bytes are still pending.
    pub fn len(&self) -> usize {
        self.pending().len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut queue = WriteQueue::default();
        queue.fill(b"abc").unwrap();
        assert_eq!((queue.pending(), queue.len()), (&b"abc"[..], 3));
        queue.advance(1);
        assert_eq!((queue.pending(), queue.len()), (&b"bc"[..], 2));
        queue.advance(2);
        assert!(queue.is_empty());
        queue.fill(b"d").unwrap();
        assert_eq!(queue.pending(), b"d");
    }

    #[test]
    fn an_empty_queue_owns_no_heap() {
        let mut queue = WriteQueue::default();
        queue.fill(&[0; 64]).unwrap();
        queue.advance(64);
        assert!(queue.0.is_none());
    }
}
