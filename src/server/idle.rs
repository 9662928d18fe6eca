//! Idle expiry without a timer per message.
//!
//! A connection that moves bytes only resets its count of idle ticks. A tick comes [`IDLE_TICKS`] times per idle
//! timeout and adds one to the count of every connection; a connection whose count exceeds [`IDLE_TICKS`] was idle
//! for at least one timeout. It is noticed at most one tick later, plus the time that the passes over all connections
//! take (`walk`).
//!
//! The kernel sends on when the loop has nothing left to write. So before a connection is closed as idle, the kernel is
//! asked whether it still delivers (`delivery`); then the connection is idle only since its last byte was delivered.

use super::clock;
use super::delivery::LastDelivery;
use super::limits::IDLE_TICKS;
use super::send_queue::Delivery;
use std::time::{Duration, Instant};

/// When the next idle tick is due. Stopped while there are no connections.
#[derive(Debug)]
pub(super) struct IdleClock {
    /// `None` when connections may be idle without limit.
    timeout: Option<Duration>,
    next_tick: Option<Instant>,
}

impl IdleClock {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            next_tick: None,
        }
    }

    /// How long a connection may be idle.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::MAX)
    }

    /// The tick after `now`.
    fn tick_after(&self, now: Instant) -> Option<Instant> {
        self.timeout.map(|timeout| now + timeout / IDLE_TICKS)
    }

    /// Starts the clock, unless it runs already: there is a connection to watch.
    pub(super) fn start(&mut self) {
        if self.next_tick.is_none() {
            self.next_tick = self.tick_after(clock::now());
        }
    }

    /// Stops the clock: there is no connection to watch.
    pub(super) fn stop(&mut self) {
        self.next_tick = None;
    }

    /// At `now`, the walk of the last tick has ended. The next tick is due an interval later, so that it does not come too
    /// soon for the connections at the end of the walk. Does not start a clock that is stopped.
    pub(super) fn restart(&mut self, now: Instant) {
        if self.next_tick.is_some() {
            self.next_tick = self.tick_after(now);
        }
    }

    /// When the next tick is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next_tick
    }

    /// Whether a tick is due at `now`. If so, it is taken.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let due = self.next_tick.is_some_and(|next| next <= now);
        if due {
            self.next_tick = self.tick_after(now);
        }
        due
    }
}

/// For how many ticks in a row one connection has moved no byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IdleTicks {
    ticks: u8,
    last_delivery: LastDelivery,
}

impl IdleTicks {
    /// Bytes moved.
    pub(super) fn reset(&mut self) {
        self.ticks = 0;
    }

    /// One more tick has passed. Returns whether the connection is idle.
    pub(super) fn tick(&mut self) -> bool {
        self.ticks = self.ticks.saturating_add(1);
        u32::from(self.ticks) > IDLE_TICKS
    }

    /// Takes the ticks back during which the kernel has delivered. Returns whether it has.
    pub(super) fn note_delivery(&mut self, delivery: Option<Delivery>, timeout: Duration) -> bool {
        let Some(quiet) = self.last_delivery.quiet_within(timeout, delivery) else {
            return false;
        };
        let ticks = quiet.as_nanos() * u128::from(IDLE_TICKS) / timeout.as_nanos();
        self.ticks = u8::try_from(ticks).unwrap_or(u8::MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_only_after_a_whole_timeout_without_bytes() {
        let mut ticks = IdleTicks::default();
        for _ in 0..IDLE_TICKS {
            assert!(!ticks.tick());
        }
        ticks.reset();
        for _ in 0..IDLE_TICKS {
            assert!(!ticks.tick());
        }
        assert!(ticks.tick());
    }

    #[test]
    fn a_connection_that_the_kernel_has_delivered_to_is_idle_a_timeout_later() {
        let timeout = Duration::from_secs(8);
        let delivery = |quiet, acknowledged| {
            let quiet = Duration::from_secs(quiet);
            Some(Delivery {
                quiet,
                acknowledged,
            })
        };
        let mut ticks = IdleTicks::default();
        while !ticks.tick() {}
        assert!(!ticks.note_delivery(None, timeout));
        assert!(ticks.tick(), "it is still idle");
        assert!(ticks.note_delivery(delivery(3, 5), timeout));
        for _ in 3..IDLE_TICKS {
            assert!(!ticks.tick());
        }
        assert!(ticks.tick());
        assert!(
            !ticks.note_delivery(delivery(0, 5), timeout),
            "only repeated"
        );
        assert!(ticks.tick());
    }

    #[test]
    fn the_clock_stops_while_there_are_no_connections() {
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
    fn a_tick_comes_an_interval_after_the_last_connection_had_the_one_before() {
        let second = Duration::from_secs(1);
        let mut clock = IdleClock::new(Some(second * IDLE_TICKS));
        clock.restart(Instant::now());
        assert_eq!(clock.deadline(), None, "it is not started");
        clock.start();
        let due = clock.deadline().unwrap();
        assert!(clock.tick(due));
        let late = due + second / 2;
        clock.restart(late);
        assert_eq!(clock.deadline(), Some(late + second));
    }

    #[test]
    fn without_an_idle_timeout_there_is_no_clock() {
        let mut clock = IdleClock::new(None);
        clock.start();
        assert_eq!(clock.deadline(), None);
    }
}
