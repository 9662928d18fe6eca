//! A heartbeat at a fixed interval, given by the loop itself: no other thread and no timer of the kernel gives it, so a loop
//! that hangs has none.

use super::clock;
use std::time::{Duration, Instant};

/// When the next heartbeat is due.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// The time between two heartbeats; `None` if there are none.
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl Heartbeat {
    /// The first heartbeat is due at once.
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Self {
            interval,
            due: interval.map(|_| clock::now()),
        }
    }

    /// When the next heartbeat is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a heartbeat is due at `now`. If so, it is taken; those that were missed are not made up for.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = self.interval.and_then(|interval| now.checked_add(interval));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_comes_once_per_interval_and_missed_ones_are_not_made_up_for() {
        let mut heartbeat = Heartbeat::new(Some(Duration::from_secs(1)));
        let start = heartbeat.deadline().unwrap();
        let millis = |millis| start + Duration::from_millis(millis);
        assert!(heartbeat.tick(start));
        assert!(!heartbeat.tick(millis(999)));
        assert_eq!(heartbeat.deadline(), Some(millis(1000)));
        assert!(heartbeat.tick(millis(5500)));
        assert!(!heartbeat.tick(millis(5500)));
        assert_eq!(heartbeat.deadline(), Some(millis(6500)));
    }

    #[test]
    fn without_an_interval_there_is_nothing_to_wake_up_for() {
        let mut heartbeat = Heartbeat::new(None);
        assert_eq!(heartbeat.deadline(), None);
        assert!(!heartbeat.tick(clock::now()));
    }
}
