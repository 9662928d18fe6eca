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

/// A time at which messages were due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) time: Nanos,
    /// The number of messages.
    pub(super) count: u64,
}

/// The most groups in which [`Schedule::take_all_before`] returns its times.
const MOST_GROUPS: u64 = 1_000_000;

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
    pub(super) fn next(&self) -> Nanos {
        self.time(self.taken)
    }

    /// The time with this number, counted from 0.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact to the nanosecond for a hundred days; saturates beyond the range"
    )]
    fn time(&self, number: u64) -> Nanos {
        let offset = number as f64 * self.interval;
        self.start.saturating_add(offset.round() as u64)
    }

    /// Takes all times before `end`. If they are very many, they come in groups, each with its latest time.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of messages; saturates beyond the range"
    )]
    pub(super) fn take_all_before(&mut self, end: Nanos) -> Vec<Due> {
        let mut all = Vec::new();
        let estimate = end.saturating_sub(self.next()) as f64 / self.interval;
        let group = (estimate as u64 / MOST_GROUPS).max(1);
        while self.next() < end {
            let mut count = group;
            while self.time(self.taken + count - 1) >= end {
                count = (count / 2).max(1);
            }
            self.taken += count;
            all.push(Due {
                time: self.time(self.taken - 1),
                count,
            });
        }
        all
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
    fn all_times_before_an_end_are_taken_in_groups_of_a_bounded_number() {
        let mut schedule = Schedule::new(1000.0, 0);
        schedule.take_due(0);
        let all = schedule.take_all_before(4_000_000);
        let times: Vec<_> = all.iter().map(|due| (due.time, due.count)).collect();
        assert_eq!(times, [(1_000_000, 1), (2_000_000, 1), (3_000_000, 1)]);
        assert_eq!(schedule.next(), 4_000_000);

        let mut schedule = Schedule::new(1e8, 0);
        let all = schedule.take_all_before(3_600_000_000_000);
        assert!(all.len() < 2 * 1_000_000);
        let total: u64 = all.iter().map(|due| due.count).sum();
        assert_eq!(total, 360_000_000_000);
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
