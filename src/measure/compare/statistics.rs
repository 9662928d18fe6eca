//! What a handful of noisy values says, and how sure it is. Pure functions.
//!
//! Everything here rests on the median: one round in which the machine was busy with something else moves
//! a mean, and leaves a median where it is.
//!
//! # The interval
//!
//! [`interval_of_the_median`] runs from the k-th smallest to the k-th largest value. The true median is
//! outside of it only if at most k - 1 of the n values fell on one side of it, and that is tossing a coin
//! n times: nothing is assumed about how the values are spread, and the promise of 95 % holds exactly, with
//! few values too. (David and Nagaraja, "Order Statistics", section 7.1.)
//!
//! | values | interval | holds the median |
//! | --- | --- | --- |
//! | fewer than 6 | none: even lowest to highest would be too bold | |
//! | 6, 7, 8 | lowest to highest | 96.9 %, 98.4 %, 99.2 % |
//! | 9 | second lowest to second highest | 96.1 % |
//! | 12 | third lowest to third highest | 96.1 % |
//!
//! With 9 values it is the very interval that the percentile bootstrap draws lots for. With other small
//! numbers the bootstrap promises more than it keeps: with 7 values its "95 %" holds the median in 87.5 %
//! of all cases. A test below counts both.

/// How sure an interval is to be.
const CONFIDENCE: f64 = 0.95;

/// Values below which there is no interval: lowest to highest of five holds the median in 93.75 % of cases.
pub const FEWEST_FOR_AN_INTERVAL: usize = 6;

/// The middle of some values, and how far they reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest value.
    pub lowest: f64,
    /// As many values above it as below.
    pub median: f64,
    /// The largest value.
    pub highest: f64,
    /// How many values there are; at least one.
    pub count: usize,
}

impl Spread {
    /// The spread of `values`; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self {
            lowest: *sorted.first()?,
            median: median(&sorted)?,
            highest: *sorted.last()?,
            count: sorted.len(),
        })
    }
}

/// A range that holds the true median in at least 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` is inside, ends included.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// What a ratio to the first contender lets one say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval leaves 1 out: there is a difference.
    Different,
    /// The interval holds 1: nobody can tell the two apart with so many rounds on this machine.
    NoDifference,
    /// There is no interval, so nothing can be said.
    TooFewRounds,
}

/// How a contender compares with another: the median of the ratios, one for each round in which both were
/// measured, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The median of the ratios.
    pub median: f64,
    /// Where the true median is, if there were rounds enough to say.
    pub interval: Option<Interval>,
    /// The number of rounds behind it.
    pub rounds: usize,
}

impl Ratio {
    /// The ratio of `pairs`, of each the first value to the second. Pairs whose second value is zero say
    /// nothing and are left out; none if no pair is left.
    ///
    /// ```
    /// use mio_echo::measure::compare::statistics::{Ratio, Verdict};
    ///
    /// let slow_machine_or_fast: Vec<(f64, f64)> = [1.0, 5.0, 2.0, 9.0, 1.5, 3.0]
    ///     .map(|base| (2.0 * base, base))
    ///     .to_vec();
    /// let ratio = Ratio::of(&slow_machine_or_fast).unwrap();
    /// assert_eq!((ratio.median, ratio.verdict()), (2.0, Verdict::Different));
    /// ```
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let ratios: Vec<f64> = pairs
            .iter()
            .map(|(value, base)| value / base)
            .filter(|ratio| ratio.is_finite())
            .collect();
        Some(Self {
            median: Spread::of(&ratios)?.median,
            interval: interval_of_the_median(&ratios),
            rounds: ratios.len(),
        })
    }

    /// What it lets one say.
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            None => Verdict::TooFewRounds,
            Some(interval) if interval.holds(1.0) => Verdict::NoDifference,
            Some(_) => Verdict::Different,
        }
    }
}

/// The range that holds the median of whatever `values` were drawn from in at least 95 of 100 cases; none if
/// there are fewer than [`FEWEST_FOR_AN_INTERVAL`]. See the top of this module.
pub fn interval_of_the_median(values: &[f64]) -> Option<Interval> {
    let sorted = sorted(values);
    let outside = values_outside(sorted.len())?;
    Some(Interval {
        low: *sorted.get(outside)?,
        high: *sorted.get(sorted.len() - 1 - outside)?,
    })
}

/// How many of `count` sorted values may be left out on each side: the largest number for which both
/// tails of the coin tossing stay below 5 % together.
fn values_outside(count: usize) -> Option<usize> {
    // The chance that exactly `heads` of `count` coins show heads, beginning with none of them.
    let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut tail = 0.0;
    let mut outside = None;
    for heads in 0..count {
        tail += chance;
        if 2.0 * tail > 1.0 - CONFIDENCE {
            break;
        }
        outside = Some(heads);
        chance *= as_f64(count - heads) / as_f64(heads + 1);
    }
    outside
}

/// The middle one of sorted values, or the mean of the middle two.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// A count of rounds, which no float rounds.
fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Counts, bytes and nanoseconds stay far below 2^53, up to which a float holds them exactly.
#[allow(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::rng::SplitMix64;
    use proptest::prelude::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "halves are exact")]
    fn the_median_is_the_middle_value_or_between_the_middle_two() {
        for (values, expected) in [
            ([7.0].as_slice(), 7.0),
            (&[3.0, 1.0], 2.0),
            (&[5.0, 1.0, 3.0], 3.0),
            (&[4.0, 1.0, 100.0, 2.0], 3.0),
        ] {
            assert_eq!(Spread::of(values).unwrap().median, expected, "{values:?}");
        }
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_interval_leaves_out_what_the_tables_of_the_sign_test_say() {
        // Count of values, and how many are left out on each side (two-sided, 5 %).
        for (count, expected) in [
            (0, None),
            (5, None),
            (6, Some(0)),
            (8, Some(0)),
            (9, Some(1)),
            (11, Some(1)),
            (12, Some(2)),
            (15, Some(3)),
            (17, Some(4)),
            (20, Some(5)),
            (25, Some(7)),
            (50, Some(17)),
            (100, Some(39)),
        ] {
            assert_eq!(values_outside(count), expected, "{count} values");
        }
        assert_eq!(FEWEST_FOR_AN_INTERVAL, 6);
    }

    #[test]
    fn the_interval_of_nine_is_second_to_eighth() {
        let values = [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0];
        let expected = Interval {
            low: 2.0,
            high: 8.0,
        };
        assert_eq!(interval_of_the_median(&values), Some(expected));
    }

    #[test]
    fn a_ratio_is_judged_by_its_interval() {
        let around = |center: f64| {
            let noise = [-0.02, -0.01, 0.0, 0.0, 0.01, 0.02];
            let pairs: Vec<(f64, f64)> = noise.iter().map(|n| (center + n, 1.0)).collect();
            Ratio::of(&pairs).unwrap().verdict()
        };
        assert_eq!(around(1.01), Verdict::NoDifference);
        assert_eq!(around(1.05), Verdict::Different);
        assert_eq!(around(0.95), Verdict::Different);
        let few = Ratio::of(&[(2.0, 1.0); 5]).unwrap();
        assert_eq!(few.verdict(), Verdict::TooFewRounds);
    }

    #[test]
    fn a_ratio_to_nothing_is_left_out() {
        let ratio = Ratio::of(&[(1.0, 0.0), (0.0, 0.0), (3.0, 2.0)]).unwrap();
        assert_eq!((ratio.median, ratio.rounds), (1.5, 1));
        assert_eq!(Ratio::of(&[(1.0, 0.0)]), None);
    }

    #[test]
    fn the_interval_holds_the_true_ratio_as_often_as_it_promises() {
        for (rounds, exactly) in [(6, 0.969), (7, 0.984), (9, 0.961), (12, 0.961)] {
            let covered = coverage(rounds, interval_of_the_median);
            assert!(
                (covered - exactly).abs() < 0.02,
                "{rounds} rounds: {covered} of the intervals hold the truth, expected {exactly}"
            );
        }
    }

    /// Why the interval is no bootstrap: at 9 it is the same, at 7 the bootstrap is too bold.
    #[test]
    fn the_percentile_bootstrap_is_the_same_at_nine_and_too_bold_at_seven() {
        let values = [0.93, 0.97, 0.99, 1.0, 1.02, 1.03, 1.07, 1.2, 1.5];
        let same = bootstrap(&values, 4_000);
        assert_eq!(interval_of_the_median(&values), Some(same));
        let covered = coverage(7, |values| Some(bootstrap(values, 400)));
        assert!(
            (0.83..0.92).contains(&covered),
            "the bootstrap of 7 values held the truth in {covered} of the cases"
        );
    }

    proptest! {
        #[test]
        fn the_interval_is_made_of_values_around_their_median(
            values in prop::collection::vec(0.001..1e9_f64, 6..60)
        ) {
            let interval = interval_of_the_median(&values).unwrap();
            prop_assert!(values.contains(&interval.low) && values.contains(&interval.high));
            prop_assert!(interval.holds(Spread::of(&values).unwrap().median));
        }

        #[test]
        fn a_ratio_does_not_care_how_fast_the_machine_was_in_each_round(
            rounds in prop::collection::vec((0.5..2.0_f64, 1.0..1e6_f64), 6..20)
        ) {
            let steady: Vec<_> = rounds.iter().map(|(ratio, _)| (*ratio, 1.0)).collect();
            let drifting: Vec<_> = rounds.iter().map(|(ratio, speed)| (ratio * speed, *speed)).collect();
            let (steady, drifting) = (Ratio::of(&steady).unwrap(), Ratio::of(&drifting).unwrap());
            prop_assert!((steady.median - drifting.median).abs() < 1e-9);
        }

        #[test]
        fn swapping_the_two_turns_the_ratio_upside_down(
            pairs in prop::collection::vec((1.0..100.0_f64, 1.0..100.0_f64), 9..10)
        ) {
            let swapped: Vec<_> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            let (ratio, inverse) = (Ratio::of(&pairs).unwrap(), Ratio::of(&swapped).unwrap());
            prop_assert!((ratio.median * inverse.median - 1.0).abs() < 1e-9);
            prop_assert_eq!(ratio.verdict(), inverse.verdict());
        }
    }

    /// The share of 2,000 made-up comparisons whose interval holds the true ratio. Most rounds are a
    /// little off, one in ten is far slower: skewed, as benchmarks are.
    fn coverage(rounds: usize, interval: impl Fn(&[f64]) -> Option<Interval>) -> f64 {
        let mut lots = SplitMix64::new(2026);
        let mut uniform =
            move || f64::from(u32::try_from(lots.next_u64() >> 32).unwrap()) / 2_f64.powi(32);
        let truth = 1.25;
        let comparisons = 2_000;
        let mut held = 0;
        for _ in 0..comparisons {
            let ratios: Vec<f64> = (0..rounds)
                .map(|_| match uniform() {
                    // Of the rest, 5 in 9 are below the truth: half of all, with the slow ones above it.
                    lot if lot < 0.1 => truth * (1.1 + uniform()),
                    lot if lot < 0.6 => truth * (1.0 - 0.03 * uniform()),
                    _ => truth * (1.0 + 0.08 * uniform()),
                })
                .collect();
            held += i32::from(interval(&ratios).unwrap().holds(truth));
        }
        f64::from(held) / f64::from(comparisons)
    }

    /// The percentile bootstrap of the median, as textbooks have it.
    fn bootstrap(values: &[f64], resamples: usize) -> Interval {
        let mut lots = SplitMix64::new(1);
        let medians: Vec<f64> = (0..resamples)
            .map(|_| {
                let drawn: Vec<f64> = values
                    .iter()
                    .map(|_| values[lots.below(values.len())])
                    .collect();
                Spread::of(&drawn).unwrap().median
            })
            .collect();
        let medians = sorted(&medians);
        Interval {
            low: medians[resamples / 40],
            high: medians[resamples - 1 - resamples / 40],
        }
    }
}
