//! What the ratio of two contenders shows. Pure functions.
//!
//! There are three answers: the two differ, they are the same except for a difference that does not matter, or the rounds
//! so far cannot tell.

use super::statistics::{CONFIDENCE, Interval, Spread, interval_at, lower_tails};

/// What the ratio of two contenders shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The interval excludes 1, and it is not inside the margin: they differ.
    Different,
    /// The whole interval is inside the margin around 1: whatever the difference is, it is smaller than that.
    Same,
    /// Everything else. The contenders may differ or not: these rounds on this machine cannot tell.
    Undecided,
}

/// What a [`Conclusion`] takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion {
    /// The probability that an interval misses the true ratio. One of many comparisons needs a smaller one:
    /// [`correction`](super::correction).
    pub level: f64,
    /// The largest difference that does not matter, as a share: 0.05 means ratios from 1 / 1.05 to 1.05.
    pub margin: f64,
}

impl Criterion {
    /// The margin unless another is asked for.
    pub const MARGIN: f64 = 0.05;

    /// One comparison by itself, with this margin.
    pub(super) fn with_margin(margin: f64) -> Self {
        Self {
            margin,
            ..Self::default()
        }
    }

    /// What a ratio with this interval shows. Without one it is undecided.
    pub(super) fn conclusion_of(self, interval: Option<Interval>) -> Conclusion {
        interval.map_or(Conclusion::Undecided, |it| self.conclusion(it))
    }

    fn conclusion(self, interval: Interval) -> Conclusion {
        let largest = 1.0 + self.margin;
        if interval.low >= 1.0 / largest && interval.high <= largest {
            Conclusion::Same
        } else if interval.contains(1.0) {
            Conclusion::Undecided
        } else {
            Conclusion::Different
        }
    }
}

/// One comparison by itself.
impl Default for Criterion {
    fn default() -> Self {
        Self {
            level: 1.0 - CONFIDENCE,
            margin: Self::MARGIN,
        }
    }
}

/// How a contender compares with the baseline: one ratio for each round in which both were measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The median of the ratios.
    pub median: f64,
    /// The interval of that median at the level of the criterion; `None` after too few rounds for it.
    pub interval: Option<Interval>,
    /// What it shows. Without an interval it is undecided.
    pub conclusion: Conclusion,
    /// The number of ratios.
    pub rounds: usize,
}

impl Ratio {
    /// The ratio of `pairs`, first value to second. Pairs whose ratio is not finite are left out; `None` if no pair
    /// is left.
    ///
    /// ```
    /// use mio_echo::measure::compare::ratio::{Conclusion, Criterion, Ratio};
    ///
    /// let slow_machine_or_fast: Vec<(f64, f64)> = [1.0, 5.0, 2.0, 9.0, 1.5, 3.0]
    ///     .map(|baseline| (2.0 * baseline, baseline))
    ///     .to_vec();
    /// let ratio = Ratio::of(&slow_machine_or_fast, Criterion::default()).unwrap();
    /// assert_eq!((ratio.median, ratio.conclusion), (2.0, Conclusion::Different));
    /// ```
    pub fn of(pairs: &[(f64, f64)], criterion: Criterion) -> Option<Self> {
        let ratios = ratios(pairs);
        let interval = interval_at(&ratios, criterion.level);
        Some(Self {
            median: Spread::of(&ratios)?.median,
            interval,
            conclusion: criterion.conclusion_of(interval),
            rounds: ratios.len(),
        })
    }
}

/// The finite ratios of `pairs`, first value to second.
pub(super) fn ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    let ratios = pairs.iter().map(|(value, baseline)| value / baseline);
    ratios.filter(|ratio| ratio.is_finite()).collect()
}

/// The p-value of the sign test that the median of `ratios` is 1: the smallest level at which its interval excludes 1.
pub fn sign_test(ratios: &[f64]) -> f64 {
    let not_above = ratios.iter().filter(|ratio| **ratio <= 1.0).count();
    let not_below = ratios.iter().filter(|ratio| **ratio >= 1.0).count();
    let against = not_above.min(not_below);
    let tails = lower_tails(ratios.len()).nth(against);
    tails.map_or(1.0, |tail| (2.0 * tail).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ratio_is_judged_by_its_interval() {
        let conclusion = |center: f64, noise: f64| {
            let noise = [-noise, -noise / 2.0, 0.0, 0.0, noise / 2.0, noise];
            let pairs: Vec<(f64, f64)> = noise.iter().map(|n| (center + n, 1.0)).collect();
            let ratio = Ratio::of(&pairs, Criterion::default()).unwrap();
            let swapped: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            let inverse = Ratio::of(&swapped, Criterion::default()).unwrap();
            assert_eq!(ratio.conclusion, inverse.conclusion, "{center} ± {noise:?}");
            ratio.conclusion
        };
        assert_eq!(conclusion(1.10, 0.02), Conclusion::Different);
        assert_eq!(conclusion(0.90, 0.02), Conclusion::Different);
        assert_eq!(conclusion(1.01, 0.02), Conclusion::Same);
        assert_eq!(
            conclusion(1.03, 0.01),
            Conclusion::Same,
            "excludes 1, but does not matter"
        );
        assert_eq!(conclusion(0.98, 0.30), Conclusion::Undecided);
        assert_eq!(conclusion(1.00, 0.06), Conclusion::Undecided);
        let few = Ratio::of(&[(2.0, 1.0); 5], Criterion::default()).unwrap();
        assert_eq!(
            (few.conclusion, few.interval),
            (Conclusion::Undecided, None)
        );
    }

    #[test]
    fn the_sign_test_agrees_with_the_interval_and_with_its_tables() {
        let unanimous = [1.1; 9];
        assert!((sign_test(&unanimous) - 2.0 / 512.0).abs() < 1e-12);
        let mut one_against = unanimous;
        one_against[4] = 0.9;
        assert!((sign_test(&one_against) - 20.0 / 512.0).abs() < 1e-12);
        one_against[5] = 1.0;
        assert!(sign_test(&one_against) > 0.05, "1 counts for both sides");
        assert!((sign_test(&[1.0; 9]) - 1.0).abs() < 1e-12);
        assert!((sign_test(&[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_to_zero_is_left_out() {
        let of = |pairs: &[(f64, f64)]| Ratio::of(pairs, Criterion::default());
        let ratio = of(&[(1.0, 0.0), (0.0, 0.0), (3.0, 2.0)]).unwrap();
        assert_eq!((ratio.median, ratio.rounds), (1.5, 1));
        assert_eq!(of(&[(1.0, 0.0)]), None);
    }

    proptest! {
        #[test]
        fn a_ratio_is_independent_of_the_speed_of_the_machine_in_each_round(
            rounds in prop::collection::vec((0.5..2.0_f64, 1.0..1e6_f64), 6..20)
        ) {
            let steady: Vec<_> = rounds.iter().map(|(ratio, _)| (*ratio, 1.0)).collect();
            let drifting: Vec<_> = rounds.iter().map(|(ratio, speed)| (ratio * speed, *speed)).collect();
            let of = |pairs: &[(f64, f64)]| Ratio::of(pairs, Criterion::default()).unwrap();
            let (steady, drifting) = (of(&steady), of(&drifting));
            prop_assert!((steady.median - drifting.median).abs() < 1e-9);
        }

        #[test]
        fn an_interval_excludes_1_exactly_if_the_sign_test_is_significant(
            ratios in prop::collection::vec(0.5..2.0_f64, 1..30), level in 0.000_1..0.2_f64
        ) {
            let excludes = interval_at(&ratios, level).is_some_and(|it| !it.contains(1.0));
            prop_assert_eq!(excludes, sign_test(&ratios) <= level);
        }

        #[test]
        fn swapping_the_two_inverts_the_ratio(
            pairs in prop::collection::vec((1.0..100.0_f64, 1.0..100.0_f64), 9..10)
        ) {
            let swapped: Vec<_> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
            let of = |pairs: &[(f64, f64)]| Ratio::of(pairs, Criterion::default()).unwrap();
            let (ratio, inverse) = (of(&pairs), of(&swapped));
            prop_assert!((ratio.median * inverse.median - 1.0).abs() < 1e-9);
            prop_assert_eq!(ratio.conclusion, inverse.conclusion);
        }
    }
}
