//! The connections that are due a turn, each at most once.
//!
//! With edge triggers the kernel reports a change once. A connection that still has work and is not on this queue
//! sleeps until its peer happens to send something.

use std::collections::{TryReserveError, VecDeque};

/// Keys in the order in which they will be served.
#[derive(Debug, Default)]
pub struct RunQueue {
    keys: VecDeque<usize>,
    /// Indexed by key: whether the key is in `keys`.
    is_queued: Vec<bool>,
}

impl RunQueue {
    /// Makes room for all keys below `end`.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn try_reserve(&mut self, end: usize) -> Result<(), TryReserveError> {
        self.keys.try_reserve(end.saturating_sub(self.keys.len()))?;
        let more = end.saturating_sub(self.is_queued.len());
        self.is_queued.try_reserve(more)
    }

    /// Puts `key` at the back, unless it is queued already.
    pub fn push(&mut self, key: usize) {
        if key >= self.is_queued.len() {
            self.is_queued.resize(key + 1, false);
        }
        if let Some(is_queued) = self.is_queued.get_mut(key)
            && !std::mem::replace(is_queued, true)
        {
            self.keys.push_back(key);
        }
    }

    /// Takes the key at the front.
    pub fn pop(&mut self) -> Option<usize> {
        let key = self.keys.pop_front()?;
        if let Some(is_queued) = self.is_queued.get_mut(key) {
            *is_queued = false;
        }
        Some(key)
    }

    /// Whether `key` is queued.
    pub fn contains(&self, key: usize) -> bool {
        self.is_queued.get(key) == Some(&true)
    }

    /// How many keys are queued.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is queued.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_reserved_is_there() {
        let mut queue = RunQueue::default();
        queue.push(2);
        queue.try_reserve(100).unwrap();
        let capacity = |queue: &RunQueue| (queue.keys.capacity(), queue.is_queued.capacity());
        let reserved = capacity(&queue);
        assert!(reserved.0 >= 100 && reserved.1 >= 100);
        (0..100).for_each(|key| queue.push(key));
        assert_eq!(capacity(&queue), reserved);
        queue.try_reserve(usize::MAX).unwrap_err();
    }

    #[test]
    fn keys_leave_in_order_and_are_queued_once() {
        let mut queue = RunQueue::default();
        for key in [5, 2, 5, 2, 9] {
            queue.push(key);
        }
        assert_eq!(queue.len(), 3);
        assert!(queue.contains(5) && !queue.contains(7) && !queue.contains(1000));
        assert_eq!([queue.pop(), queue.pop()], [Some(5), Some(2)]);
        assert!(!queue.contains(5));
        queue.push(5);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(9), Some(5), None]
        );
        assert!(queue.is_empty());
    }
}
