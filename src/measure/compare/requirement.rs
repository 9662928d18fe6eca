//! Conditions on the ratio of two contenders under which a comparison fails, for continuous integration.
//!
//! ```text
//! event-loop/threads p99>1.1
//! └──contenders────┘ └┬┘│└limit
//!                 metric comparator
//! ```

use super::metric::Metric;
use super::model::{Comparison, ScenarioResults};
use super::pairs::{has_figures, pairs_of};
use super::ratio::{Criterion, Ratio};
use super::statistics::Interval;
use super::wording;
use crate::measure::bench::Comparator;
use crate::measure::process::ProcessorEvent;
use crate::text::{one_line, units};
use std::fmt;
use std::str::FromStr;

/// A condition on the ratio of two contenders.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioCondition {
    /// As it was written.
    text: String,
    /// The contender whose values are divided by those of the other.
    contender: String,
    other: String,
    metric: Metric,
    comparator: Comparator,
    limit: f64,
}

/// Every metric by its name.
const METRICS: [(&str, Metric); 10] = [
    ("rate", Metric::Throughput),
    ("bandwidth", Metric::Bandwidth),
    ("p50", Metric::P50),
    ("p99", Metric::P99),
    ("cpu", Metric::CpuPerMessage),
    ("memory", Metric::Memory),
    ("switches", Metric::SwitchesPerMessage),
    (
        "instructions",
        Metric::EventsPerMessage(ProcessorEvent::Instructions),
    ),
    ("cycles", Metric::EventsPerMessage(ProcessorEvent::Cycles)),
    (
        "cache-misses",
        Metric::EventsPerMessage(ProcessorEvent::CacheMisses),
    ),
];

impl RatioCondition {
    /// A line of text for each scenario in which the condition certainly holds: with its whole interval, or with the median
    /// if there are too few rounds for an interval. If it could be evaluated in no scenario, one line that says so.
    pub fn failures(&self, comparison: &Comparison) -> Vec<String> {
        let scenarios = comparison.scenarios.iter();
        let ratios: Vec<(&ScenarioResults, Ratio)> = scenarios
            .filter_map(|results| Some((results, self.ratio(comparison, results)?)))
            .collect();
        if ratios.is_empty() {
            return vec![format!("{self}: not measured in any scenario")];
        }
        let crossed = ratios.iter().filter(|(_, ratio)| self.holds(ratio));
        let line = |(results, ratio): &(&ScenarioResults, Ratio)| {
            let interval = ratio.interval.map(wording::interval);
            let interval = interval.map(|it| format!(" ({it})")).unwrap_or_default();
            let median = units::ratio(ratio.median);
            format!("{self}: ×{median}{interval} in {}", results.scenario)
        };
        crossed.map(line).collect()
    }

    fn ratio(&self, comparison: &Comparison, results: &ScenarioResults) -> Option<Ratio> {
        let index = |name: &str| {
            let mut contenders = comparison.contenders.iter();
            let index = contenders.position(|contender| contender.name == name)?;
            has_figures(results, index).then_some(index)
        };
        let (contender, other) = (index(&self.contender)?, index(&self.other)?);
        self.metric
            .has_ratio(&results.scenario)
            .then(|| pairs_of(results, contender, other, self.metric))
            .and_then(|pairs| Ratio::of(&pairs, Criterion::default()))
    }

    fn holds(&self, ratio: &Ratio) -> bool {
        let median = Interval {
            low: ratio.median,
            high: ratio.median,
        };
        let interval = ratio.interval.unwrap_or(median);
        [interval.low, interval.high]
            .iter()
            .all(|end| self.comparator.holds(*end, self.limit))
    }

    /// The first of its two contenders that is none of `names`.
    pub fn unknown_contender<'a>(&'a self, names: &[&str]) -> Option<&'a str> {
        let both = [self.contender.as_str(), self.other.as_str()];
        both.into_iter().find(|name| !names.contains(name))
    }
}

impl fmt::Display for RatioCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RatioCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            "expected CONTENDER/CONTENDER METRIC>LIMIT, as in 'event-loop/threads p99>1.1'";
        let (contenders, condition) = text.trim().rsplit_once(' ').ok_or(expected)?;
        let (contender, other) = contenders.trim().split_once('/').ok_or(expected)?;
        let operator = condition.find(['<', '>']);
        let (name, rest) = operator
            .and_then(|at| condition.split_at_checked(at))
            .ok_or(expected)?;
        let metric = METRICS.into_iter().find(|(own, _)| *own == name);
        let (_, metric) = metric.ok_or_else(|| {
            let names = METRICS.map(|(name, _)| name).join(", ");
            let name = one_line::escaped(name);
            format!("there is no metric '{name}' to compare by; the metrics are {names}")
        })?;
        let (comparator, limit) = Comparator::split(rest).ok_or("expected one of > >= < <=")?;
        let limit = limit.parse().ok().filter(|limit: &f64| limit.is_finite());
        Ok(Self {
            text: text.trim().to_owned(),
            contender: contender.to_owned(),
            other: other.to_owned(),
            metric,
            comparator,
            limit: limit.ok_or("the limit is not a number, as in 1.1")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use proptest::prelude::*;

    fn failures(condition: &str) -> Vec<String> {
        let condition: RatioCondition = condition.parse().unwrap();
        condition.failures(&example::comparison())
    }

    #[test]
    fn a_condition_fails_each_scenario_in_which_it_certainly_holds() {
        let lines = failures("threads/event-loop cpu>1.5");
        assert_eq!(lines.len(), 3, "at the rates, not at saturation: {lines:?}");
        assert!(
            lines[0].starts_with("threads/event-loop cpu>1.5: ×1.6"),
            "{lines:?}"
        );
        assert_eq!(failures("threads/event-loop cpu>1.7"), [""; 0]);
        assert_eq!(failures("event-loop/threads rate<1.5"), [""; 0]);
        assert_eq!(failures("threads/event-loop rate<0.7").len(), 3);
    }

    #[test]
    fn a_condition_that_no_scenario_measures_fails() {
        let lines = failures("threads/event-loop bandwidth<1");
        assert_eq!(
            lines,
            ["threads/event-loop bandwidth<1: not measured in any scenario"]
        );
        let condition: RatioCondition = "threads/other p99>1".parse().unwrap();
        assert_eq!(condition.unknown_contender(&["threads"]), Some("other"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_that_reads_back_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "[a-c/ ]{0,5} (p99|cpu|\n)?(>=|<|>| )?[0-9a-z.\n]{0,5}"],
        ) {
            match text.parse::<RatioCondition>() {
                Ok(condition) => prop_assert_eq!(condition.to_string().parse(), Ok(condition)),
                Err(error) => prop_assert!(!error.contains('\n'), "{}", error),
            }
        }
    }
}
