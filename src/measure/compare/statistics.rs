//! What a handful of noisy values shows, and how certain it is. Pure functions.
//!
//! Everything here rests on the median: one round in which the machine was busy with something else moves a mean
//! and leaves a median where it is.
//!
//! # The confidence interval
//!
//! [`median_interval`] runs from the k-th smallest to the k-th largest value. The true median lies outside only if
//! at most k - 1 of the n values fell on one side of it, which has the probability of at most k - 1 heads in n
//! tosses of a fair coin. Nothing is assumed about the distribution of the values, so the 95 % hold exactly, and
//! with few values too. (David and Nagaraja, "Order Statistics", section 7.1.)
//!
//! | values | interval | covers the median |
//! | --- | --- | --- |
//! | fewer than 6 | none: even lowest to highest would cover less than 95 % | |
//! | 6, 7, 8 | lowest to highest | 96.9 %, 98.4 %, 99.2 % |
//! | 9 | second lowest to second highest | 96.1 % |
//! | 12 | third lowest to third highest | 96.1 % |
//!
//! With 9 values this is the interval that the percentile bootstrap converges to. With other small numbers the
//! bootstrap covers less than it claims: its "95 %" interval of 7 values covers the median in 87.5 % of all cases.
//! A test below measures both.

use serde::{Deserialize, Serialize};

pub(super) const CONFIDENCE: f64 = 0.95;

/// The fewest values that have an interval: lowest to highest of five covers the median in only 93.75 % of cases.
pub const MIN_VALUES_FOR_INTERVAL: usize = 6;

/// The median of some values, and their range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The smallest value.
    pub lowest: f64,
    /// The middle value, or the mean of the middle two.
    pub median: f64,
    /// The largest value.
    pub highest: f64,
    /// The number of values; at least one.
    pub count: usize,
}

impl Spread {
    /// The spread of `values`; `None` for an empty slice.
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

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` is inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The 95 % confidence interval of the median that `values` are samples of; `None` for fewer than
/// [`MIN_VALUES_FOR_INTERVAL`]. The top of this module explains it.
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    interval_at(values, 1.0 - CONFIDENCE)
}

/// The interval that misses the median with a probability of at most `level`.
pub(super) fn interval_at(values: &[f64], level: f64) -> Option<Interval> {
    let sorted = sorted(values);
    let outside = values_outside(sorted.len(), level)?;
    Some(Interval {
        low: *sorted.get(outside)?,
        high: *sorted.get(sorted.len() - 1 - outside)?,
    })
}

/// How many of `count` sorted values the interval leaves out on each side: the largest number for which both tails
/// of the binomial distribution together stay within `level`.
fn values_outside(count: usize, level: f64) -> Option<usize> {
    let tails = lower_tails(count).take(count);
    tails
        .take_while(|tail| 2.0 * tail <= level)
        .count()
        .checked_sub(1)
}

/// The probabilities of at most 0, 1, 2, … heads in `count` tosses.
pub(super) fn lower_tails(count: usize) -> impl Iterator<Item = f64> {
    let mut probability = i32::try_from(count).map_or(0.0, |count| 0.5_f64.powi(count));
    let mut tail = 0.0;
    (0..=count).map(move |heads| {
        tail += probability;
        probability *= as_f64(count - heads) / as_f64(heads + 1);
        tail
    })
}

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

/// A number of rounds: exact in a float.
fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;
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
    fn the_interval_leaves_out_what_the_tables_of_the_sign_test_list() {
        // The number of values, and how many are left out on each side (two-sided, 5 %).
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
            assert_eq!(values_outside(count, 0.05), expected, "{count} values");
        }
        assert_eq!(MIN_VALUES_FOR_INTERVAL, 6);
    }

    #[test]
    fn the_interval_of_nine_is_second_to_eighth() {
        let values = [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0];
        let expected = Interval {
            low: 2.0,
            high: 8.0,
        };
        assert_eq!(median_interval(&values), Some(expected));
    }

    #[test]
    fn the_interval_covers_the_true_ratio_as_often_as_it_claims() {
        for (rounds, exactly) in [(6, 0.969), (7, 0.984), (9, 0.961), (12, 0.961)] {
            let covered = coverage(rounds, median_interval);
            assert!(
                (covered - exactly).abs() < 0.02,
                "{rounds} rounds: {covered} of the intervals cover the true ratio, expected {exactly}"
            );
        }
    }

    /// Why this module does not bootstrap: with 9 values the result is the same, with 7 the bootstrap covers too little.
    #[test]
    fn the_percentile_bootstrap_agrees_at_nine_and_covers_too_little_at_seven() {
        let values = [0.93, 0.97, 0.99, 1.0, 1.02, 1.03, 1.07, 1.2, 1.5];
        let same = bootstrap(&values, 4_000);
        assert_eq!(median_interval(&values), Some(same));
        let covered = coverage(7, |values| Some(bootstrap(values, 400)));
        assert!(
            (0.83..0.92).contains(&covered),
            "the bootstrap of 7 values covered the true ratio in {covered} of the cases"
        );
    }

    proptest! {
        #[test]
        fn the_interval_ends_are_values_around_their_median(
            values in prop::collection::vec(0.001..1e9_f64, 6..60)
        ) {
            let interval = median_interval(&values).unwrap();
            prop_assert!(values.contains(&interval.low) && values.contains(&interval.high));
            prop_assert!(interval.contains(Spread::of(&values).unwrap().median));
        }
    }

    /// The share of 2,000 simulated comparisons whose interval covers the true ratio. Most rounds are a little
    /// off, one in ten is far slower: skewed, as benchmarks are.
    fn coverage(rounds: usize, interval: impl Fn(&[f64]) -> Option<Interval>) -> f64 {
        let mut rng = SplitMix64::new(2026);
        let mut uniform =
            move || f64::from(u32::try_from(rng.next_u64() >> 32).unwrap()) / 2_f64.powi(32);
        let truth = 1.25;
        let comparisons = 2_000;
        let mut covered = 0;
        for _ in 0..comparisons {
            let ratios: Vec<f64> = (0..rounds)
                .map(|_| match uniform() {
                    // 5 in 9 of the rest are below the true ratio: half of all, since the slow ones are above it.
                    u if u < 0.1 => truth * (1.1 + uniform()),
                    u if u < 0.6 => truth * (1.0 - 0.03 * uniform()),
                    _ => truth * (1.0 + 0.08 * uniform()),
                })
                .collect();
            covered += i32::from(interval(&ratios).unwrap().contains(truth));
        }
        f64::from(covered) / f64::from(comparisons)
    }

    /// The textbook percentile bootstrap of the median.
    fn bootstrap(values: &[f64], resamples: usize) -> Interval {
        let mut rng = SplitMix64::new(1);
        let medians: Vec<f64> = (0..resamples)
            .map(|_| {
                let resample: Vec<f64> = values
                    .iter()
                    .map(|_| values[rng.below(values.len())])
                    .collect();
                Spread::of(&resample).unwrap().median
            })
            .collect();
        let medians = sorted(&medians);
        Interval {
            low: medians[resamples / 40],
            high: medians[resamples - 1 - resamples / 40],
        }
    }
}
