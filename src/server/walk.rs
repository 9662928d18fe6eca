//! A walk over all connections, some at a time.
//!
//! A stop and a tick of the idle clock concern every connection. With a million of them, one pass over all delays every
//! echo by 9 ms for a tick and by more than half a second for a stop (`event_loop/million`). So each iteration of the loop
//! visits only the next keys of the slab. In between, connections come and go. That is safe:
//!
//! - a connection that has not been visited goes on as before, and is drained with all bytes that it has received by then;
//! - a connection that is accepted during a stop is drained when it is inserted, whatever its key; a later visit changes
//!   nothing;
//! - the next tick comes an interval after the end of the walk, so no connection gets two ticks in quick succession;
//! - when a stop expires, its second walk replaces the first one, even if that is still under way.

use std::ops::Range;

/// What a walk does with each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// Counts a tick of the idle clock.
    IdleTick,
    /// A stop was requested: starts to drain it.
    Drain,
    /// The drain timeout is over: ends it.
    Expire,
}

/// The walk that is under way, if there is one.
#[derive(Debug)]
pub(super) struct Walk {
    /// How many keys one iteration of the loop takes; never zero.
    step: usize,
    state: WalkState,
}

#[derive(Debug)]
enum WalkState {
    Over,
    UnderWay {
        visit: Visit,
        /// The first key that was not taken yet.
        next_key: usize,
    },
}

impl Walk {
    /// No walk yet.
    pub(super) fn new(step: usize) -> Self {
        Self {
            step,
            state: WalkState::Over,
        }
    }

    /// Begins a walk at the first key. It replaces one that is under way.
    pub(super) fn begin(&mut self, visit: Visit) {
        self.state = WalkState::UnderWay { visit, next_key: 0 };
    }

    /// Whether keys are left to be taken.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, WalkState::UnderWay { .. })
    }

    /// Whether `key` is left to be taken.
    #[cfg(test)]
    pub(super) fn has_still_to_take(&self, key: usize) -> bool {
        match self.state {
            WalkState::Over => false,
            WalkState::UnderWay { next_key, .. } => next_key <= key,
        }
    }

    /// Takes the next keys below `end`. The walk is over when it reaches `end`.
    pub(super) fn take_keys(&mut self, end: usize) -> Option<(Visit, Range<usize>)> {
        let WalkState::UnderWay { visit, next_key } = self.state else {
            return None;
        };
        let keys = next_key..end.min(next_key + self.step);
        self.state = if keys.end == end {
            WalkState::Over
        } else {
            let next_key = keys.end;
            WalkState::UnderWay { visit, next_key }
        };
        Some((visit, keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_takes_every_key_once_and_a_step_at_a_time() {
        let mut walk = Walk::new(3);
        assert!(!walk.is_under_way());
        assert_eq!(walk.take_keys(7), None);
        walk.begin(Visit::Drain);
        for keys in [0..3, 3..6, 6..7] {
            assert!(walk.is_under_way());
            assert_eq!(walk.take_keys(7), Some((Visit::Drain, keys)));
        }
        assert!(!walk.is_under_way());
        assert_eq!(walk.take_keys(7), None);
    }

    #[test]
    fn keys_that_are_added_to_a_slab_during_a_walk_are_taken_too() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::IdleTick);
        assert_eq!(walk.take_keys(4), Some((Visit::IdleTick, 0..3)));
        assert_eq!(walk.take_keys(8), Some((Visit::IdleTick, 3..6)));
        assert_eq!(walk.take_keys(8), Some((Visit::IdleTick, 6..8)));
        assert!(!walk.is_under_way());
    }

    #[test]
    fn another_walk_takes_the_place_of_one_that_is_under_way() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::Drain);
        assert_eq!(walk.take_keys(9), Some((Visit::Drain, 0..3)));
        walk.begin(Visit::Expire);
        assert_eq!(walk.take_keys(9), Some((Visit::Expire, 0..3)));
    }

    #[test]
    fn a_walk_over_no_keys_is_over_at_once() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::Expire);
        assert_eq!(walk.take_keys(0), Some((Visit::Expire, 0..0)));
        assert!(!walk.is_under_way());
    }
}
