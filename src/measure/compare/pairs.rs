//! The values of two contenders, paired by round. Pure functions.

use super::metric::Metric;
use super::model::{Contender, Measurement, Role, ScenarioResults, SyscallStatus};
use super::ratio::ratios;
use super::statistics::median_interval;
use crate::measure::bench::float;

/// Whether this is the baseline measured a second time.
pub(super) fn is_again(contenders: &[Contender], contender: usize) -> bool {
    let contender = contenders.get(contender);
    contender.is_some_and(|contender| contender.role == Role::Again)
}

/// The index of the baseline.
pub(super) fn position_of_baseline(contenders: &[Contender]) -> Option<usize> {
    let mut contenders = contenders.iter();
    contenders.position(|contender| contender.role == Role::Baseline)
}

/// Whether a contender did what the scenario asks for.
pub(super) fn has_figures(results: &ScenarioResults, contender: usize) -> bool {
    results.failure_of(contender).is_none() && results.rate_missed_by(contender).is_none()
}

/// The values of a contender and of the baseline in the rounds in which both have one. The baseline has two measurements
/// in each round; their mean is less noisy than one of them. Its second one is compared with its first.
pub(super) fn pairs(
    contenders: &[Contender],
    results: &ScenarioResults,
    contender: usize,
    metric: Metric,
) -> Vec<(f64, f64)> {
    let with_role = |role| contenders.iter().position(|it| it.role == role);
    let values_of = |role| {
        let index = with_role(role);
        index.map_or_else(Vec::new, |it| values_by_round(results, it, metric))
    };
    let baseline = values_of(Role::Baseline);
    let again = if is_again(contenders, contender) {
        Vec::new()
    } else {
        values_of(Role::Again)
    };
    let in_round = |values: &[(u32, f64)], round: u32| {
        let mut values = values.iter();
        values.find_map(|(other, value)| (*other == round).then_some(*value))
    };
    let pair = |(round, value): (u32, f64)| {
        let first = in_round(&baseline, round)?;
        let second = in_round(&again, round).unwrap_or(first);
        Some((value, f64::midpoint(first, second)))
    };
    let rounds = values_by_round(results, contender, metric).into_iter();
    rounds.filter_map(pair).collect()
}

/// Whether the interval of the primary metric of every contender is within ± `share` of its ratio to the baseline.
/// Contenders without figures do not count, nor does the second baseline beside others.
pub(super) fn is_narrow(contenders: &[Contender], results: &ScenarioResults, share: f64) -> bool {
    let baseline = position_of_baseline(contenders);
    let metric = Metric::primary_of(&results.scenario);
    let is_alone = !contenders.iter().any(|it| it.role == Role::Other);
    let is_compared = |it: &usize| is_alone || !is_again(contenders, *it);
    let others = (0..contenders.len()).filter(|it| Some(*it) != baseline);
    others.filter(is_compared).all(|contender| {
        if !has_figures(results, contender) {
            return true;
        }
        let ratios = ratios(&pairs(contenders, results, contender, metric));
        let interval = median_interval(&ratios);
        interval.is_some_and(|it| it.high <= it.low * (1.0 + share) * (1.0 + share))
    })
}

/// The values of any two contenders in the rounds in which both have one.
pub(super) fn pairs_of(
    results: &ScenarioResults,
    contender: usize,
    other: usize,
    metric: Metric,
) -> Vec<(f64, f64)> {
    let others = values_by_round(results, other, metric);
    let pair = |(round, value): (u32, f64)| {
        let mut others = others.iter();
        let (_, other) = others.find(|(other, _)| *other == round)?;
        Some((value, *other))
    };
    let rounds = values_by_round(results, contender, metric).into_iter();
    rounds.filter_map(pair).collect()
}

/// The values of a contender, each with its round. The pass that counts system calls is round 0.
pub(super) fn values_by_round(
    results: &ScenarioResults,
    contender: usize,
    metric: Metric,
) -> Vec<(u32, f64)> {
    if metric == Metric::SyscallsPerMessage {
        let value = syscalls_per_message(results, contender);
        return value.map(|value| (0, value)).into_iter().collect();
    }
    let with_round = |measurement: &Measurement| {
        let value = metric.value(&results.scenario, measurement.values()?)?;
        Some((measurement.round, value))
    };
    let measurements = results.measurements_of(contender);
    measurements.filter_map(with_round).collect()
}

fn syscalls_per_message(results: &ScenarioResults, contender: usize) -> Option<f64> {
    let mut passes = results.syscalls.iter();
    match &passes.find(|pass| pass.contender == contender)?.status {
        SyscallStatus::Counted { syscalls, messages } if *messages > 0 => {
            Some(float(*syscalls) / float(*messages))
        }
        SyscallStatus::Counted { .. } | SyscallStatus::NotCounted { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn intervals_are_narrow_if_their_ends_are_within_the_share() {
        let comparison = example::comparison();
        let is_narrow = |share| {
            let results = &comparison.scenarios[0];
            is_narrow(&comparison.contenders, results, share)
        };
        assert!(is_narrow(0.02), "the noise of the example is 1 %");
        assert!(!is_narrow(0.0001));
    }

    #[test]
    fn a_contender_is_compared_with_the_mean_of_the_two_baselines() {
        let mut comparison = example::comparison();
        let results = &mut comparison.scenarios[0];
        for measurement in &mut results.measurements {
            let messages = [1_000, 1_500, 1_000, 2_000][measurement.contender];
            example::values_of(measurement).messages = messages;
        }
        let results = &comparison.scenarios[0];
        let of = |contender| {
            pairs(
                &comparison.contenders,
                results,
                contender,
                Metric::Throughput,
            )
        };
        assert_eq!(of(1)[0], (1_500.0, 1_500.0));
        assert_eq!(
            of(3)[0],
            (2_000.0, 1_000.0),
            "the noise is that of single runs"
        );
    }
}
