//! How certain each of many comparisons must be, so that all that a report claims is certain together. Pure functions.
//!
//! A report with a hundred 95 % intervals holds five that miss the truth, so "each by itself" is not enough. Holm's
//! procedure (Scandinavian Journal of Statistics 6, 1979) corrects for that without an assumption about how the
//! comparisons depend on each other: the clearest of `m` differences is tested at 5 % / m, the next at 5 % / (m - 1),
//! and so on up to the first that is not significant; it and all that follow are tested at its level. The probability
//! that a report claims any difference that does not exist is then at most 5 %.

/// The probability that one of a report's comparisons claims a difference that does not exist.
pub const FAMILY_LEVEL: f64 = 0.05;

/// The level of each comparison by Holm's procedure, from the p-values of all of them. A p-value is significant exactly
/// if it does not exceed its level.
///
/// ```
/// use mio_echo::measure::compare::correction::holm_levels;
///
/// // 0.04 is below 5 %, but not as one of three.
/// let levels = holm_levels(&[0.04, 0.001, 0.9]);
/// assert_eq!(levels, [0.025, 0.05 / 3.0, 0.025]);
/// ```
pub fn holm_levels(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let mut levels = vec![FAMILY_LEVEL; p_values.len()];
    let mut last = None;
    for (rank, (index, p)) in order.into_iter().enumerate() {
        let level = last.unwrap_or_else(|| FAMILY_LEVEL / as_f64(p_values.len() - rank));
        if p > level {
            last = Some(level);
        }
        if let Some(slot) = levels.get_mut(index) {
            *slot = level;
        }
    }
    levels
}

/// The fewest rounds in which as many `comparisons` can all be decided: the sign test of `n` rounds that agree has the
/// p-value 2 / 2^n.
pub fn rounds_needed(comparisons: usize) -> u32 {
    let level = FAMILY_LEVEL / as_f64(comparisons.max(1));
    let mut rounds = 1;
    let mut p = 1.0;
    while p > level {
        rounds += 1;
        p /= 2.0;
    }
    rounds
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::ratio::{Conclusion, Criterion, Ratio, sign_test};
    use crate::rng::SplitMix64;

    #[test]
    fn the_rounds_that_a_number_of_comparisons_needs() {
        for (comparisons, rounds) in [
            (0, 6),
            (1, 6),
            (2, 7),
            (12, 9),
            (13, 10),
            (25, 10),
            (51, 11),
        ] {
            assert_eq!(rounds_needed(comparisons), rounds, "{comparisons}");
        }
    }

    #[test]
    fn a_difference_that_is_not_significant_stops_the_procedure() {
        let levels = holm_levels(&[0.001, 0.02, 0.03, 0.03]);
        // 0.02 > 0.05 / 3, and so 0.03 is not tested at 0.05 / 2 any more.
        assert_eq!(levels, [0.05 / 4.0, 0.05 / 3.0, 0.05 / 3.0, 0.05 / 3.0]);
        assert!(holm_levels(&[]).is_empty());
    }

    /// 1,000 simulated reports of 12 comparisons in 12 rounds each.
    #[test]
    fn at_most_one_report_in_twenty_claims_something_that_is_not_so() {
        let mut rng = SplitMix64::new(9);
        let mut uniform =
            move || f64::from(u32::try_from(rng.next_u64() >> 32).unwrap()) / 2_f64.powi(32);
        // The truth of each, 4 % noise to both sides: equal, or just beyond the margin of 5 %.
        for (truth, wrong) in [(1.0, Conclusion::Different), (1.051, Conclusion::Same)] {
            let mut wrong_reports = 0;
            for _ in 0..1_000 {
                let family: Vec<Vec<(f64, f64)>> = (0..12)
                    .map(|_| {
                        let noisy = |noise: f64| (truth * (1.0 + 0.08 * (noise - 0.5)), 1.0);
                        (0..12).map(|_| noisy(uniform())).collect()
                    })
                    .collect();
                let conclusions = conclusions(&family);
                wrong_reports += i32::from(conclusions.contains(&wrong));
            }
            assert!(
                wrong_reports <= 60,
                "{wrong_reports} of 1,000 claim {wrong:?}"
            );
        }
    }

    /// Without the correction, a third of all reports with twelve comparisons would claim a difference.
    #[test]
    fn an_uncorrected_report_claims_differences_by_chance() {
        let by_chance = 1.0 - 0.961_f64.powi(12);
        assert!((0.3..0.5).contains(&by_chance));
    }

    fn conclusions(family: &[Vec<(f64, f64)>]) -> Vec<Conclusion> {
        let p_values: Vec<f64> = family.iter().map(|pairs| p_value(pairs)).collect();
        let levels = holm_levels(&p_values).into_iter();
        let conclude = |(level, pairs): (f64, &Vec<(f64, f64)>)| {
            let criterion = Criterion {
                level,
                ..Criterion::default()
            };
            Ratio::of(pairs, criterion).unwrap().conclusion
        };
        levels.zip(family).map(conclude).collect()
    }

    fn p_value(pairs: &[(f64, f64)]) -> f64 {
        let ratios: Vec<f64> = pairs.iter().map(|(one, other)| one / other).collect();
        sign_test(&ratios)
    }
}
