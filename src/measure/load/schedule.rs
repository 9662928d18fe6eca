//! The open loop: the times at which messages are due, independent of the server.

use super::clock::Nanos;
use super::plan::Arrivals;
use crate::rng::SplitMix64;

/// The times at which something is due, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Nanos,
    /// Nanoseconds between two times, on average.
    interval: f64,
    spacing: Spacing,
}

#[derive(Debug)]
enum Spacing {
    /// Equal intervals. Each time is computed from the first one, so rounding errors do not accumulate.
    Fixed {
        /// The number of times that have been taken.
        taken: u64,
    },
    /// Exponentially distributed intervals.
    Poisson {
        rng: SplitMix64,
        /// The next time, in nanoseconds after the start.
        offset: f64,
    },
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
    /// `rate` times per second. With fixed arrivals the first is `start`; if the rate is not positive, it is the only one.
    pub(super) fn new(rate: f64, arrivals: Arrivals, start: Nanos) -> Self {
        let interval = if rate > 0.0 { 1e9 / rate } else { f64::MAX };
        let spacing = match arrivals {
            Arrivals::Fixed => Spacing::Fixed { taken: 0 },
            Arrivals::Poisson { seed } => {
                let mut rng = SplitMix64::new(seed);
                let offset = exponential(&mut rng, interval);
                Spacing::Poisson { rng, offset }
            }
        };
        Self {
            start,
            interval,
            spacing,
        }
    }

    /// `rate` times per second at equal intervals, beginning at `start`.
    pub(super) fn fixed(rate: f64, start: Nanos) -> Self {
        Self::new(rate, Arrivals::Fixed, start)
    }

    /// The next time.
    pub(super) fn next(&self) -> Nanos {
        match self.spacing {
            Spacing::Fixed { taken } => self.after(number_times(taken, self.interval)),
            Spacing::Poisson { offset, .. } => self.after(offset),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "exact to the nanosecond for a hundred days; saturates beyond the range"
    )]
    fn after(&self, offset: f64) -> Nanos {
        self.start.saturating_add(offset.round() as u64)
    }

    /// Takes the next time if it is not later than `now`.
    pub(super) fn take_due(&mut self, now: Nanos) -> Option<Nanos> {
        let next = self.next();
        if next > now {
            return None;
        }
        match &mut self.spacing {
            Spacing::Fixed { taken } => *taken += 1,
            Spacing::Poisson { rng, offset } => *offset += exponential(rng, self.interval),
        }
        Some(next)
    }

    /// Takes all times before `end`. If they are very many, they come in groups, each with its latest time. After the
    /// next one, the times of a Poisson process are replaced by as many at equal intervals, the expected ones.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of messages; saturates beyond the range"
    )]
    pub(super) fn take_all_before(&mut self, end: Nanos) -> Vec<Due> {
        let (start, interval) = (self.next(), self.interval);
        let time = |number| start.saturating_add(number_times(number, interval).round() as u64);
        let mut all = Vec::new();
        let estimate = end.saturating_sub(start) as f64 / interval;
        let group = (estimate as u64 / MOST_GROUPS).max(1);
        let mut taken = 0;
        while time(taken) < end {
            let mut count = group;
            while time(taken + count - 1) >= end {
                count = (count / 2).max(1);
            }
            taken += count;
            let time = time(taken - 1);
            all.push(Due { time, count });
        }
        self.start = start;
        self.spacing = Spacing::Fixed { taken };
        all
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact to the nanosecond for a hundred days"
)]
fn number_times(number: u64, interval: f64) -> f64 {
    number as f64 * interval
}

/// An exponentially distributed interval with this mean, by inversion of the distribution function.
#[expect(
    clippy::cast_precision_loss,
    reason = "the 53 bits that a float holds exactly"
)]
fn exponential(rng: &mut SplitMix64, mean: f64) -> f64 {
    // Above 0 and at most 1, so the logarithm is finite.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    -uniform.ln() * mean
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "small counts")]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_due_at_once_and_keep_their_values() {
        let mut schedule = Schedule::fixed(1000.0, 5_000_000);
        assert_eq!(schedule.take_due(4_999_999), None);
        assert_eq!(schedule.take_due(5_000_000), Some(5_000_000));
        assert_eq!(schedule.take_due(5_000_001), None);
        assert_eq!(schedule.take_due(9_999_999), Some(6_000_000));
        assert_eq!(schedule.take_due(9_999_999), Some(7_000_000));
    }

    #[test]
    fn all_times_before_an_end_are_taken_in_groups_of_a_bounded_number() {
        let mut schedule = Schedule::fixed(1000.0, 0);
        schedule.take_due(0);
        let all = schedule.take_all_before(4_000_000);
        let times: Vec<_> = all.iter().map(|due| (due.time, due.count)).collect();
        assert_eq!(times, [(1_000_000, 1), (2_000_000, 1), (3_000_000, 1)]);
        assert_eq!(schedule.next(), 4_000_000);

        let mut schedule = Schedule::fixed(1e8, 0);
        let all = schedule.take_all_before(3_600_000_000_000);
        assert!(all.len() < 2 * 1_000_000);
        let total: u64 = all.iter().map(|due| due.count).sum();
        assert_eq!(total, 360_000_000_000);
    }

    #[test]
    fn an_uneven_rate_does_not_drift() {
        let mut schedule = Schedule::fixed(3.0, 0);
        let (mut last, mut count) = (0, 0);
        while let Some(time) = schedule.take_due(3_600_000_000_000) {
            (last, count) = (time, count + 1);
        }
        assert_eq!((last, count), (3_600_000_000_000, 3 * 3600 + 1));
    }

    /// The intervals between the first 100,001 times, in units of their expected mean.
    fn poisson_intervals(seed: u64) -> Vec<f64> {
        let mut schedule = Schedule::new(1e6, Arrivals::Poisson { seed }, 0);
        let mut times: Vec<u64> = Vec::new();
        while times.len() <= 100_000 {
            times.push(schedule.take_due(u64::MAX).unwrap());
        }
        let pairs = times.windows(2);
        pairs
            .map(|pair| (pair[1] - pair[0]) as f64 / 1000.0)
            .collect()
    }

    #[test]
    fn the_intervals_of_a_poisson_process_are_exponentially_distributed() {
        let intervals = poisson_intervals(7);
        let count = intervals.len() as f64;
        let mean = intervals.iter().sum::<f64>() / count;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        for limit in [0.1, 0.5, 1.0, 2.0, 4.0] {
            let longer = intervals.iter().filter(|it| **it > limit).count() as f64;
            let expected = (-limit).exp();
            assert!((longer / count - expected).abs() < 0.01, "{limit}");
        }
        let products = intervals.windows(2).map(|it| (it[0] - 1.0) * (it[1] - 1.0));
        let correlation = products.sum::<f64>() / count;
        assert!(
            correlation.abs() < 0.02,
            "neighbours are independent: {correlation}"
        );
    }

    #[test]
    fn a_seed_reproduces_the_arrivals() {
        assert_eq!(poisson_intervals(7), poisson_intervals(7));
        assert_ne!(poisson_intervals(7), poisson_intervals(8));
    }

    #[test]
    fn the_rest_of_a_poisson_process_has_the_expected_number() {
        let mut schedule = Schedule::new(1000.0, Arrivals::Poisson { seed: 1 }, 0);
        let first = schedule.next();
        let all = schedule.take_all_before(first + 2_000_000_000);
        assert_eq!((all.len(), all[0].time), (2000, first));
    }
}
