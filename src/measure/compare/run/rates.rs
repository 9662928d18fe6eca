//! Rates that follow from what the contenders reached at saturation: a common one, those of a sweep, and the search for the
//! highest one. The functions are pure; the runner measures.

use crate::measure::bench::Values;
use crate::measure::compare::model::{Measurement, ScenarioResults};
use crate::measure::compare::plan::SWEEP_PERCENT;
use crate::measure::compare::statistics::Spread;

/// How often the common rate is halved if a contender does not hold it.
pub(super) const MAX_HALVINGS: u32 = 4;

/// How many measurements decide about a rate at most: two that agree are enough.
pub(super) const ATTEMPTS: usize = 3;

/// How often a search tries another rate at most.
const MAX_STEPS: u32 = 10;

/// A search ends when what is left is less than this fraction of the rate.
const PRECISION: u64 = 32;

/// The median throughput of each contender in messages per second, without those that failed.
pub(super) fn reached(results: &ScenarioResults, contenders: usize) -> Vec<f64> {
    let contenders = (0..contenders).filter(|it| results.failure_of(*it).is_none());
    contenders
        .filter_map(|it| reached_by(results, it))
        .collect()
}

/// The median throughput of a contender in messages per second.
pub(super) fn reached_by(results: &ScenarioResults, contender: usize) -> Option<f64> {
    let measurements = results.measurements_of(contender);
    let values = measurements.filter_map(Measurement::values);
    let rates: Vec<f64> = values.map(Values::messages_per_second).collect();
    Some(Spread::of(&rates)?.median)
}

/// Half of what the slowest one reached.
pub(super) fn half_of_slowest(reached: &[f64]) -> Option<u64> {
    let slowest = Spread::of(reached)?.lowest;
    (slowest >= 2.0).then(|| rounded(slowest / 2.0))
}

/// The rates of a sweep, ascending.
pub(super) fn sweep(reached: &[f64]) -> Vec<u64> {
    let Some(spread) = Spread::of(reached).filter(|it| it.highest >= 1.0) else {
        return Vec::new();
    };
    let rate = |percent: u32| rounded(spread.highest * f64::from(percent) / 100.0);
    let mut rates: Vec<u64> = SWEEP_PERCENT.into_iter().map(rate).collect();
    rates.dedup();
    rates
}

/// `rate` with two significant digits, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive rate; saturates beyond the range"
)]
pub(super) fn rounded(rate: f64) -> u64 {
    let unit = 10_f64.powf((rate.max(1.0).log10() - 1.0).floor().max(0.0));
    ((rate / unit).round() * unit).max(1.0) as u64
}

/// A search for the highest rate that is held, by halving the interval between one that is and one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bisection {
    /// The highest rate that was held.
    pub(super) held: Option<u64>,
    /// The lowest rate that was not.
    pub(super) missed: Option<u64>,
    /// No higher rate can be held.
    most: u64,
    steps: u32,
}

impl Bisection {
    /// A search up to `most`.
    pub(super) fn up_to(most: u64) -> Self {
        Self {
            held: None,
            missed: None,
            most,
            steps: 0,
        }
    }

    /// The rate to try; `None` at the end of the search.
    pub(super) fn next(&self) -> Option<u64> {
        let (low, high) = (self.held.unwrap_or(0), self.missed.unwrap_or(self.most));
        let rate = low.midpoint(high);
        let is_precise = high.saturating_sub(low) <= high / PRECISION;
        (self.steps < MAX_STEPS && !is_precise && rate > low).then_some(rate)
    }

    /// Notes the result of a rate.
    pub(super) fn note(&mut self, rate: u64, is_held: bool) {
        self.steps += 1;
        if is_held {
            self.held = Some(rate);
        } else {
            self.missed = Some(rate);
        }
    }
}

/// What most of `attempts` say; `None` while the next one may change it.
pub(super) fn majority(attempts: &[bool]) -> Option<bool> {
    let held = attempts.iter().filter(|is_held| **is_held).count();
    let missed = attempts.len() - held;
    let enough = ATTEMPTS / 2 + 1;
    match (held >= enough, missed >= enough) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_two_digits() {
        for (rate, expected) in [
            (0.2, 1),
            (7.4, 7),
            (12.4, 12),
            (123.0, 120),
            (45_678.0, 46_000),
            (99_900.0, 100_000),
        ] {
            assert_eq!(rounded(rate), expected, "{rate}");
        }
        assert_eq!(half_of_slowest(&[90_000.0, 61_234.0]), Some(31_000));
        assert_eq!(half_of_slowest(&[]), None);
        assert_eq!(half_of_slowest(&[1.0]), None);
        let rates = sweep(&[100_000.0, 50_000.0]);
        assert_eq!(rates, [10_000, 25_000, 50_000, 70_000, 85_000, 95_000]);
        assert_eq!(sweep(&[2.0]), [1, 2]);
    }

    #[test]
    fn a_search_finds_the_highest_rate_to_three_percent_in_a_few_steps() {
        for limit in [900, 33_333, 50_000, 99_000, 200_000] {
            let mut search = Bisection::up_to(100_000);
            let mut steps = 0;
            while let Some(rate) = search.next() {
                search.note(rate, rate <= limit);
                steps += 1;
            }
            assert!(steps <= 10, "{limit}");
            let held = search.held.unwrap();
            let reachable = limit.min(100_000);
            assert!(
                held <= reachable && reachable - held <= reachable / 8 + 100,
                "{limit}: {held}"
            );
            if limit > 20_000 {
                assert!(reachable - held <= reachable / 30, "{limit}: {held}");
            }
        }
    }

    #[test]
    fn a_rate_that_is_never_held_ends_the_search() {
        let mut search = Bisection::up_to(1_000);
        while let Some(rate) = search.next() {
            search.note(rate, false);
        }
        assert_eq!((search.held, search.missed), (None, Some(1)));
    }

    #[test]
    fn two_of_three_attempts_decide() {
        assert_eq!(majority(&[true]), None);
        assert_eq!(majority(&[true, true]), Some(true));
        assert_eq!(majority(&[true, false]), None);
        assert_eq!(majority(&[true, false, false]), Some(false));
    }
}
