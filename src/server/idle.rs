//! Idle expiry without a timer per message.
//!
//! A connection that moves bytes only sets its count of quiet ticks to zero. A tick comes
//! [`IDLE_TICKS`] times an idle timeout and adds one to everybody's count; whose count has passed
//! [`IDLE_TICKS`] was quiet for one timeout at least and for one tick more at most.

use super::limits::IDLE_TICKS;
use std::time::{Duration, Instant};

/// When to look for idle connections. Stands still while there are none.
#[derive(Debug)]
pub(super) struct IdleClock {
    /// The time between two ticks; none when connections may be idle for ever.
    every: Option<Duration>,
    next: Option<Instant>,
}

impl IdleClock {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            every: timeout.map(|timeout| timeout / IDLE_TICKS),
            next: None,
        }
    }

    /// There is somebody to watch: lets the clock run, if it stands.
    pub(super) fn start(&mut self) {
        if self.next.is_none() {
            self.next = self.every.map(|every| Instant::now() + every);
        }
    }

    /// There is nobody to watch.
    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// When the next tick is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a tick is due at `now`. If so, it counts as taken.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = self.every.map(|every| now + every);
        }
        due
    }
}

/// How many ticks in a row one connection has been quiet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IdleTicks(u8);

impl IdleTicks {
    /// Bytes moved.
    pub(super) fn broken(&mut self) {
        self.0 = 0;
    }

    /// One more tick has passed. Returns whether the connection is idle.
    pub(super) fn tick(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        u32::from(self.0) > IDLE_TICKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_only_after_a_whole_timeout_without_bytes() {
        let mut quiet = IdleTicks::default();
        for _ in 0..IDLE_TICKS {
            assert!(!quiet.tick());
        }
        quiet.broken();
        for _ in 0..IDLE_TICKS {
            assert!(!quiet.tick());
        }
        assert!(quiet.tick());
    }

    #[test]
    fn the_clock_stands_while_nobody_is_watched() {
        let second = Duration::from_secs(1);
        let mut clock = IdleClock::new(Some(second * IDLE_TICKS));
        assert_eq!(clock.deadline(), None);
        clock.start();
        let due = clock.deadline().unwrap();
        assert!(!clock.tick(Instant::now()));
        assert!(clock.tick(due));
        assert_eq!(clock.deadline(), Some(due + second));
        clock.stop();
        assert!(!clock.tick(due + second));
    }

    #[test]
    fn without_an_idle_timeout_there_is_no_clock() {
        let mut clock = IdleClock::new(None);
        clock.start();
        assert_eq!(clock.deadline(), None);
    }
}
