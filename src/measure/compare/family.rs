//! The level at which each ratio of a report is judged: all ratios are one family, whose claims are certain together
//! ([`correction`](super::correction)). Those of the baseline to itself are a family of their own.

use super::correction::holm_levels;
use super::metric::Metric;
use super::model::{Comparison, Contender};
use super::pairs::{has_figures, is_again, pairs, position_of_baseline};
use super::ratio::{Criterion, ratios, sign_test};
use std::collections::HashMap;

/// A ratio: the index of its scenario, that of its contender, and its metric.
type RatioKey = (usize, usize, Metric);

/// What each ratio of a report is judged by.
pub(super) struct Families {
    levels: HashMap<RatioKey, f64>,
    margin: f64,
}

impl Families {
    /// The levels of all ratios of `comparison`.
    pub(super) fn of(comparison: &Comparison) -> Self {
        let p_values = p_values(comparison).into_iter();
        let (again, others): (Vec<_>, Vec<_>) = p_values
            .partition(|((_, contender, _), _)| is_again(&comparison.contenders, *contender));
        let mut levels = HashMap::new();
        for family in [again, others] {
            let (keys, p_values): (Vec<RatioKey>, Vec<f64>) = family.into_iter().unzip();
            levels.extend(keys.into_iter().zip(holm_levels(&p_values)));
        }
        let margin = comparison.margin;
        Self { levels, margin }
    }

    /// How many ratios there are, without those of the baseline to itself.
    pub(super) fn comparisons(&self, contenders: &[Contender]) -> usize {
        let keys = self.levels.keys();
        keys.filter(|(_, contender, _)| !is_again(contenders, *contender))
            .count()
    }

    /// The criterion of each contender and metric in a scenario.
    pub(super) fn in_scenario(&self, scenario: usize) -> impl Fn(usize, Metric) -> Criterion {
        move |contender, metric| Criterion {
            level: match self.levels.get(&(scenario, contender, metric)) {
                Some(level) => *level,
                None => Criterion::default().level,
            },
            margin: self.margin,
        }
    }
}

/// Of every ratio that has more than one round.
fn p_values(comparison: &Comparison) -> Vec<(RatioKey, f64)> {
    let Some(baseline) = position_of_baseline(&comparison.contenders) else {
        return Vec::new();
    };
    let mut p_values = Vec::new();
    for (scenario, results) in comparison.scenarios.iter().enumerate() {
        for contender in (0..comparison.contenders.len()).filter(|it| *it != baseline) {
            if !has_figures(results, contender) || !has_figures(results, baseline) {
                continue;
            }
            let compared = |metric: &Metric| {
                metric.has_ratio(&results.scenario) && *metric != Metric::SyscallsPerMessage
            };
            for metric in Metric::ALL.into_iter().filter(compared) {
                let pairs = pairs(&comparison.contenders, results, contender, metric);
                let ratios = ratios(&pairs);
                if !ratios.is_empty() {
                    p_values.push(((scenario, contender, metric), sign_test(&ratios)));
                }
            }
        }
    }
    p_values
}
