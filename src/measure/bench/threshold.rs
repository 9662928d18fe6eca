//! Conditions under which a measurement fails, for continuous integration.
//!
//! ```text
//! p99>2ms   max>=1s   errors>0   rate<10000   cpu>12us   starved>0   loss>0.1%
//! └metric┘└op┘└limit
//! ```

use super::values::{Values, float};
use crate::measure::process::ProcessorEvent;
use crate::text::{one_line, units};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A condition under which a measurement fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    text: String,
    metric: ThresholdMetric,
    comparator: Comparator,
    /// Seconds if the metric is a time, a fraction if it is a share, else the number itself.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ThresholdMetric {
    Percentile(&'static str),
    Mean,
    Max,
    Cpu,
    Event(ProcessorEvent),
    Rate,
    Errors,
    Starved,
    Unanswered,
    Stall,
    Loss,
}

/// How a value is compared with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::measure) enum Comparator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Whether a measurement crosses a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ThresholdStatus {
    /// It does not.
    Kept,
    /// It does, with this value; a time is in seconds.
    Crossed(f64),
    /// The metric was not measured, so the measurement guarantees nothing.
    NotMeasured,
}

/// Every metric by its name.
const METRICS: [(&str, ThresholdMetric); 17] = [
    ("p50", ThresholdMetric::Percentile("p50")),
    ("p90", ThresholdMetric::Percentile("p90")),
    ("p99", ThresholdMetric::Percentile("p99")),
    ("p99.9", ThresholdMetric::Percentile("p99.9")),
    ("p99.99", ThresholdMetric::Percentile("p99.99")),
    ("mean", ThresholdMetric::Mean),
    ("max", ThresholdMetric::Max),
    ("cpu", ThresholdMetric::Cpu),
    (
        "instructions",
        ThresholdMetric::Event(ProcessorEvent::Instructions),
    ),
    ("cycles", ThresholdMetric::Event(ProcessorEvent::Cycles)),
    (
        "cache-misses",
        ThresholdMetric::Event(ProcessorEvent::CacheMisses),
    ),
    ("rate", ThresholdMetric::Rate),
    ("errors", ThresholdMetric::Errors),
    ("starved", ThresholdMetric::Starved),
    ("unanswered", ThresholdMetric::Unanswered),
    ("stall", ThresholdMetric::Stall),
    ("loss", ThresholdMetric::Loss),
];

/// Longest first: `>` is a prefix of `>=`.
const COMPARATORS: [(&str, Comparator); 4] = [
    (">=", Comparator::AtLeast),
    ("<=", Comparator::AtMost),
    (">", Comparator::Above),
    ("<", Comparator::Below),
];

impl Comparator {
    /// The comparator that `text` begins with, and what follows it.
    pub(in crate::measure) fn split(text: &str) -> Option<(Self, &str)> {
        let mut comparators = COMPARATORS.into_iter();
        comparators.find_map(|(sign, comparator)| Some((comparator, text.strip_prefix(sign)?)))
    }

    /// Whether `value` is on this side of `limit`.
    pub(in crate::measure) fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        }
    }
}

impl Threshold {
    /// Whether `values` cross it.
    pub fn check(&self, values: &Values) -> ThresholdStatus {
        let Some(value) = self.metric.value(values) else {
            return ThresholdStatus::NotMeasured;
        };
        if self.comparator.holds(value, self.limit) {
            ThresholdStatus::Crossed(value)
        } else {
            ThresholdStatus::Kept
        }
    }

    /// One line of text that says why `values` fail; `None` if they do not.
    pub fn failure(&self, values: &Values) -> Option<String> {
        match self.check(values) {
            ThresholdStatus::Kept => None,
            ThresholdStatus::Crossed(value) => {
                Some(format!("{self}: measured {}", self.metric.format(value)))
            }
            ThresholdStatus::NotMeasured => Some(format!(
                "{self}: not measured ({})",
                self.metric.requirement()
            )),
        }
    }
}

impl ThresholdMetric {
    /// Seconds if it is a time, a fraction if it is a share, else the number itself; `None` if it was not measured.
    fn value(self, values: &Values) -> Option<f64> {
        let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
        match self {
            Self::Percentile(name) => values.latency().percentile(name).map(seconds),
            Self::Mean => values.latency().mean_ns.map(seconds),
            Self::Max => values.latency().max_ns.map(seconds),
            Self::Cpu => Some(values.per_message(values.server?.cpu_ns())? / 1e9),
            Self::Event(event) => values.events_per_message(event),
            Self::Rate => Some(values.messages_per_second()),
            Self::Errors => Some(float(values.failures.total())),
            Self::Starved => Some(float(values.starved)),
            Self::Unanswered => Some(float(values.unanswered)),
            Self::Stall => Some(seconds(values.stall_ns.unwrap_or(0))),
            Self::Loss => values.loss(),
        }
    }

    /// What it takes to be measured, and was missing.
    fn requirement(self) -> &'static str {
        match self {
            Self::Cpu => "too few messages, or the server's process is not visible",
            Self::Event(_) => "too few messages, no --counters, or the processor does not count it",
            Self::Loss => "only with --udp",
            Self::Percentile(_)
            | Self::Mean
            | Self::Max
            | Self::Rate
            | Self::Errors
            | Self::Starved
            | Self::Unanswered
            | Self::Stall => "too few messages",
        }
    }

    fn is_time(self) -> bool {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max | Self::Cpu | Self::Stall => true,
            Self::Event(_)
            | Self::Rate
            | Self::Errors
            | Self::Starved
            | Self::Unanswered
            | Self::Loss => false,
        }
    }

    fn parse_limit(self, text: &str) -> Result<f64, String> {
        let number = |text: &str| {
            let number = text.parse().ok();
            number.filter(|number: &f64| number.is_finite())
        };
        let (limit, expected) = if self == Self::Loss {
            let percent = text.strip_suffix('%').and_then(|it| number(it.trim_end()));
            (
                percent.map(|percent| percent / 100.0),
                "a share such as 0.1%",
            )
        } else if self.is_time() {
            let time = humantime::parse_duration(text).ok();
            (time.map(|time| time.as_secs_f64()), "a time such as 2ms")
        } else {
            (number(text), "a number")
        };
        limit.ok_or_else(|| format!("'{}' is not {expected}", one_line::escaped(text)))
    }

    fn format(self, value: f64) -> String {
        if self.is_time() {
            units::value(value, units::TIME)
        } else if self == Self::Loss {
            format!("{:.3} %", value * 100.0)
        } else {
            format!("{}", (value * 10.0).round() / 10.0)
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let operator = text.find(['<', '>']);
        let (name, rest) = operator
            .and_then(|at| text.split_at_checked(at))
            .ok_or("expected METRIC>LIMIT or METRIC<LIMIT, as in p99>2ms")?;
        let name = name.trim();
        let metric = METRICS.into_iter().find(|(own, _)| *own == name);
        let (_, metric) = metric.ok_or_else(|| {
            let names = METRICS.map(|(name, _)| name).join(", ");
            format!(
                "there is no metric '{}'; the metrics are {names}",
                one_line::escaped(name)
            )
        })?;
        let comparator = Comparator::split(rest);
        let (comparator, limit) = comparator.ok_or("expected one of > >= < <=")?;
        Ok(Self {
            text: text.to_owned(),
            metric,
            comparator,
            limit: metric.parse_limit(limit.trim())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::load::Latency;
    use crate::measure::process::{EventCount, HardwareCounts};
    use proptest::prelude::*;

    /// A p50 of 1 ms over 1,000 messages in a second, and two errors.
    fn values() -> Values {
        let mut latency = Latency::new();
        (0..1000).for_each(|_| latency.record(1_000_000));
        let mut values = Values {
            elapsed_ns: 1_000_000_000,
            messages: 1000,
            service_time: (&latency).into(),
            ..Values::default()
        };
        values.failures.reset = 2;
        values
    }

    #[test]
    fn events_of_the_processor_are_those_of_a_message() {
        let counted = |count| EventCount::Counted(count);
        let values = Values {
            counters: Some(HardwareCounts {
                instructions: counted(12_345_000),
                cycles: counted(9_000_000),
                cache_misses: counted(1_500),
            }),
            ..values()
        };
        let failure = |text: &str| text.parse::<Threshold>().unwrap().failure(&values);
        let failed = failure("instructions>12000").unwrap();
        assert_eq!(failed, "instructions>12000: measured 12345");
        assert_eq!(failure("cycles>9000"), None);
        let failed = failure("cache-misses>=1.5").unwrap();
        assert_eq!(failed, "cache-misses>=1.5: measured 1.5");
    }

    fn check(text: &str) -> ThresholdStatus {
        let threshold: Threshold = text.parse().unwrap();
        threshold.check(&values())
    }

    #[test]
    fn a_crossed_threshold_is_told_from_a_kept_one() {
        for (text, is_crossed) in [
            ("p50>900us", true),
            ("p50 > 2ms", false),
            ("p50<2ms", true),
            ("max>=1ms", true),
            ("max>1ms", false),
            ("rate<1001", true),
            ("rate<=999", false),
            ("errors>0", true),
            ("errors>2", false),
            ("starved>0", false),
        ] {
            assert_eq!(check(text) != ThresholdStatus::Kept, is_crossed, "{text}");
        }
    }

    #[test]
    fn a_metric_that_was_not_measured_is_no_guarantee() {
        for text in ["p99.99>1s", "cpu>1s", "instructions>1", "cache-misses<1"] {
            assert_eq!(check(text), ThresholdStatus::NotMeasured, "{text}");
        }
    }

    #[test]
    fn a_crossed_threshold_is_named_with_the_value() {
        let threshold: Threshold = "p50>900us".parse().unwrap();
        let failure = threshold.failure(&values()).unwrap();
        assert_eq!(failure, "p50>900us: measured 1.00 ms");
    }

    #[test]
    fn an_invalid_threshold_is_rejected_with_what_was_expected() {
        for (text, hint) in [
            ("p99", "p99>2ms"),
            ("p98>1ms", "p99.9"),
            ("p99>fast", "2ms"),
            ("p99>", "2ms"),
            ("errors>NaN", "number"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_threshold_that_reads_back_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "(p99|max|rate|cpu|\n)?(>=|<|>| )?[0-9a-z.\n]{0,8}"],
        ) {
            match text.parse::<Threshold>() {
                Ok(threshold) => prop_assert_eq!(threshold.to_string().parse(), Ok(threshold)),
                Err(error) => prop_assert!(!error.contains('\n'), "{}", error),
            }
        }
    }
}
