//! The open loop: when messages are due, whatever the server does.

use super::client_connection::Nanos;

/// Equally spaced moments. Each is computed from the first, so that no error adds up.
#[derive(Debug)]
pub(super) struct Schedule {
    begin: Nanos,
    /// Nanoseconds between two moments.
    interval: f64,
    /// How many moments have been given out.
    given: u64,
}

impl Schedule {
    /// `rate` moments a second, from `begin` on. A rate that is not positive has one moment only.
    pub(super) fn new(rate: f64, begin: Nanos) -> Self {
        Self {
            begin,
            interval: if rate > 0.0 { 1e9 / rate } else { f64::MAX },
            given: 0,
        }
    }

    /// The next moment.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact to the nanosecond for a hundred days; beyond the range it saturates"
    )]
    pub(super) fn next(&self) -> Nanos {
        let offset = self.given as f64 * self.interval;
        self.begin.saturating_add(offset.round() as u64)
    }

    /// The next moment, if it has come by `now`; each is given out once.
    pub(super) fn due(&mut self, now: Nanos) -> Option<Nanos> {
        let next = self.next();
        (next <= now).then(|| {
            self.advance();
            next
        })
    }

    /// Goes on to the moment after the next one.
    pub(super) fn advance(&mut self) {
        self.given += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_due_at_once_and_keeps_its_moment() {
        let mut schedule = Schedule::new(1000.0, 5_000_000);
        assert_eq!(schedule.due(4_999_999), None);
        assert_eq!(schedule.due(5_000_000), Some(5_000_000));
        assert_eq!(schedule.due(5_000_001), None);
        assert_eq!(schedule.due(9_999_999), Some(6_000_000));
        assert_eq!(schedule.due(9_999_999), Some(7_000_000));
    }

    #[test]
    fn an_uneven_rate_does_not_drift() {
        let mut schedule = Schedule::new(3.0, 0);
        let mut last = 0;
        while let Some(moment) = schedule.due(3_600_000_000_000) {
            last = moment;
        }
        assert_eq!(schedule.given, 3 * 3600 + 1);
        assert_eq!(last, 3_600_000_000_000);
    }
}
