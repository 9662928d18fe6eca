//! A walk over all connections, some at a time.
//!
//! A stop and a tick of the idle clock concern every connection. With a million of them, one pass over all delays every
//! echo by some 5 ms for a tick and by nearly half a second for a stop (`event_loop/million`). So each iteration of the loop
//! visits only the next keys of the slab: up to 1,024 connections that need nothing, and fewer where a visit leads to
//! system calls, as does the close of an idle connection. In between, connections come and go. That is safe:
//!
//! - a connection that has not been visited goes on as before, and is drained with all bytes that it has received by then;
//! - a connection that is accepted during a stop is drained when it is inserted, whatever its key; a later visit changes
//!   nothing;
//! - the next tick comes an interval after the end of the walk, so no connection gets two ticks in quick succession;
//! - when a stop expires, its second walk replaces the first one, even if that is still under way.

use super::limits::VISIT_WITH_SYSTEM_CALLS;

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

/// What a visit has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visited {
    /// Nothing.
    Unchanged,
    /// The kernel was asked, and the connection goes on as before.
    Asked,
    /// The connection has something to do, so it must get a turn.
    WorthATurn,
}

impl Visited {
    /// The part of an iteration's budget that the visit has used: 1 is a key without a system call.
    pub(super) fn cost(self) -> usize {
        match self {
            Self::Unchanged => 1,
            Self::Asked | Self::WorthATurn => VISIT_WITH_SYSTEM_CALLS,
        }
    }
}

/// The walk that is under way, if there is one.
#[derive(Debug)]
pub(super) struct Walk {
    budget: usize,
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
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            state: WalkState::Over,
        }
    }

    /// What the visits of one iteration of the loop may cost, see [`Visited::cost`]. Never zero.
    pub(super) fn budget(&self) -> usize {
        self.budget
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

    /// Takes the next key below `end`. The walk is over when it reaches `end`.
    pub(super) fn take_key(&mut self, end: usize) -> Option<(Visit, usize)> {
        let WalkState::UnderWay { visit, next_key } = self.state else {
            return None;
        };
        self.state = if next_key + 1 < end {
            let next_key = next_key + 1;
            WalkState::UnderWay { visit, next_key }
        } else {
            WalkState::Over
        };
        (next_key < end).then_some((visit, next_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_takes_every_key_once() {
        let mut walk = Walk::new(3);
        assert!(!walk.is_under_way());
        assert_eq!(walk.take_key(3), None);
        walk.begin(Visit::Drain);
        for key in 0..3 {
            assert!(walk.is_under_way());
            assert!(walk.has_still_to_take(key));
            assert_eq!(walk.take_key(3), Some((Visit::Drain, key)));
        }
        assert!(!walk.is_under_way());
        assert_eq!(walk.take_key(3), None);
    }

    #[test]
    fn keys_that_are_added_to_a_slab_during_a_walk_are_taken_too() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::IdleTick);
        assert_eq!(walk.take_key(2), Some((Visit::IdleTick, 0)));
        for key in 1..4 {
            assert_eq!(walk.take_key(4), Some((Visit::IdleTick, key)));
        }
        assert!(!walk.is_under_way());
    }

    #[test]
    fn another_walk_takes_the_place_of_one_that_is_under_way() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::Drain);
        assert_eq!(walk.take_key(9), Some((Visit::Drain, 0)));
        walk.begin(Visit::Expire);
        assert_eq!(walk.take_key(9), Some((Visit::Expire, 0)));
    }

    #[test]
    fn a_walk_over_no_keys_is_over_at_once() {
        let mut walk = Walk::new(3);
        walk.begin(Visit::Expire);
        assert_eq!(walk.take_key(0), None);
        assert!(!walk.is_under_way());
    }
}
