//! The connections that are pending a turn, each at most once.
//!
//! With edge triggers nobody reminds us: whoever still has something to do and is not on this queue
//! sleeps until its peer happens to move.

use std::collections::VecDeque;

/// Keys in the order in which they will be served.
#[derive(Debug, Default)]
pub struct RunQueue {
    keys: VecDeque<usize>,
    /// Indexed by key: whether it stands in `keys`.
    member: Vec<bool>,
}

impl RunQueue {
    /// Puts `key` at the back, unless it is already waiting.
    pub fn push(&mut self, key: usize) {
        if key >= self.member.len() {
            self.member.resize(key + 1, false);
        }
        if let Some(waiting) = self.member.get_mut(key)
            && !std::mem::replace(waiting, true)
        {
            self.keys.push_back(key);
        }
    }

    /// Takes the key at the front.
    pub fn pop(&mut self) -> Option<usize> {
        let key = self.keys.pop_front()?;
        if let Some(waiting) = self.member.get_mut(key) {
            *waiting = false;
        }
        Some(key)
    }

    /// How many are waiting.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody is waiting.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_in_order_and_stand_once() {
        let mut queue = RunQueue::default();
        for key in [5, 2, 5, 2, 9] {
            queue.push(key);
        }
        assert_eq!(queue.len(), 3);
        assert_eq!([queue.pop(), queue.pop()], [Some(5), Some(2)]);
        queue.push(5);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(9), Some(5), None]
        );
        assert!(queue.is_empty());
    }
}
