//! The open loop: the times at which messages are due, independent of the server.

use super::clock::Nanos;

/// Equally spaced times. Each is computed from the first one, so rounding errors do not accumulate.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Nanos,
    /// Nanoseconds between two times.
    interval: f64,
    /// The number of times that have been taken.
    taken: u64,
}

impl Schedule {
    /// `rate` times per second, beginning at `start`. If the rate is not positive, `start` is the only one.
    pub(super) fn new(rate: f64, start: Nanos) -> Self {
        Self {
            start,
            interval: if rate > 0.0 { 1e9 / rate } else { f64::MAX },
            taken: 0,
        }
    }

    /// The next time.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact to the nanosecond for a hundred days; saturates beyond the range"
    )]
    pub(super) fn next(&self) -> Nanos {
        let offset = self.taken as f64 * self.interval;
        self.start.saturating_add(offset.round() as u64)
    }

    /// Takes the next time if it is not later than `now`.
    pub(super) fn take_due(&mut self, now: Nanos) -> Option<Nanos> {
        let next = self.next();
        (next <= now).then(|| {
            self.taken += 1;
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_due_at_once_and_keep_their_values() {
        let mut schedule = Schedule::new(1000.0, 5_000_000);
        assert_eq!(schedule.take_due(4_999_999), None);
        assert_eq!(schedule.take_due(5_000_000), Some(5_000_000));
        assert_eq!(schedule.take_due(5_000_001), None);
        assert_eq!(schedule.take_due(9_999_999), Some(6_000_000));
        assert_eq!(schedule.take_due(9_999_999), Some(7_000_000));
    }

    #[test]
    fn an_uneven_rate_does_not_drift() {
        let mut schedule = Schedule::new(3.0, 0);
        let mut last = 0;
        while let Some(time) = schedule.take_due(3_600_000_000_000) {
            last = time;
        }
        assert_eq!(schedule.taken, 3 * 3600 + 1);
        assert_eq!(last, 3_600_000_000_000);
    }
}
