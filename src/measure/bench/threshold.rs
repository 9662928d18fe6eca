//! What a measurement must not be: for continuous integration.
//!
//! ```text
//! p99>2ms   max>=1s   errors>0   rate<10000   cpu>12us   starved>0
//! └metric┘└op┘└limit
//! ```

use super::report::Report;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A condition under which the measurement has failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    text: String,
    metric: Metric,
    order: Order,
    /// Seconds, for times; else the number itself.
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Percentile(&'static str),
    Mean,
    Max,
    Cpu,
    Rate,
    Errors,
    Starved,
    Unanswered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What a threshold says of a measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// It is not crossed.
    Kept,
    /// It is crossed: by this value, in seconds for times.
    Crossed(f64),
    /// The value was not measured. Whoever asked for a guarantee has none.
    Unknown,
}

/// Each metric by its name: first those whose limit is a time.
const METRICS: [(&str, Metric); 12] = [
    ("p50", Metric::Percentile("p50")),
    ("p90", Metric::Percentile("p90")),
    ("p99", Metric::Percentile("p99")),
    ("p99.9", Metric::Percentile("p99.9")),
    ("p99.99", Metric::Percentile("p99.99")),
    ("mean", Metric::Mean),
    ("max", Metric::Max),
    ("cpu", Metric::Cpu),
    ("rate", Metric::Rate),
    ("errors", Metric::Errors),
    ("starved", Metric::Starved),
    ("unanswered", Metric::Unanswered),
];

/// Longest first, so that `>=` is not taken for `>`.
const ORDERS: [(&str, Order); 4] = [
    (">=", Order::AtLeast),
    ("<=", Order::AtMost),
    (">", Order::Above),
    ("<", Order::Below),
];

impl Threshold {
    /// What it says of `report`.
    pub fn judge(&self, report: &Report) -> Judgement {
        let Some(value) = self.metric.of(report) else {
            return Judgement::Unknown;
        };
        let is_crossed = match self.order {
            Order::Above => value > self.limit,
            Order::AtLeast => value >= self.limit,
            Order::Below => value < self.limit,
            Order::AtMost => value <= self.limit,
        };
        if is_crossed {
            Judgement::Crossed(value)
        } else {
            Judgement::Kept
        }
    }

    /// One line for whoever set it; none if it is kept.
    pub fn complaint(&self, report: &Report) -> Option<String> {
        match self.judge(report) {
            Judgement::Kept => None,
            Judgement::Crossed(value) => {
                Some(format!("{self}: it is {}", self.metric.words(value)))
            }
            Judgement::Unknown => Some(format!(
                "{self}: it was not measured (too few messages, or no server to see)"
            )),
        }
    }
}

impl Metric {
    /// Seconds for times, else the number itself; none if it was not measured.
    #[expect(clippy::cast_precision_loss, reason = "counts, compared with a limit")]
    fn of(self, report: &Report) -> Option<f64> {
        let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
        match self {
            Self::Percentile(name) => Some(report.times().percentile(name)?.as_secs_f64()),
            Self::Mean => report.times().mean_ns.map(seconds),
            Self::Max => report.times().max_ns.map(seconds),
            Self::Cpu => Some(report.server.as_ref()?.cpu_us_per_message? / 1e6),
            Self::Rate => Some(report.messages_per_second),
            Self::Errors => Some(report.failures.total() as f64),
            Self::Starved => Some(report.starved as f64),
            Self::Unanswered => Some(report.unanswered as f64),
        }
    }

    fn is_time(self) -> bool {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max | Self::Cpu => true,
            Self::Rate | Self::Errors | Self::Starved | Self::Unanswered => false,
        }
    }

    fn limit(self, text: &str) -> Option<f64> {
        if self.is_time() {
            let time = humantime::parse_duration(text).ok()?;
            return Some(time.as_secs_f64());
        }
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn words(self, value: f64) -> String {
        if self.is_time() {
            crate::text::units::value(value, crate::text::units::TIME)
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
        let metric = METRICS.iter().find(|(own, _)| *own == name.trim());
        let (_, metric) = metric.ok_or_else(|| {
            let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
            format!(
                "no metric is called '{}'; there are {}",
                name.trim(),
                names.join(", ")
            )
        })?;
        let order = ORDERS.iter().find(|(sign, _)| rest.starts_with(sign));
        let (sign, order) = order.ok_or("expected one of > >= < <=")?;
        let limit = rest.strip_prefix(sign).unwrap_or_default().trim();
        Ok(Self {
            text: text.to_owned(),
            metric: *metric,
            order: *order,
            limit: metric.limit(limit).ok_or_else(|| {
                let expected = if metric.is_time() {
                    "a time such as 2ms"
                } else {
                    "a number"
                };
                format!("'{limit}' is not {expected}")
            })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::load::{LoadPlan, LoadResults};

    /// A report with a p50 of 1 ms over 1,000 messages in a second, and two errors.
    fn report() -> Report {
        let mut latency = crate::measure::load::Latency::new();
        (0..1000).for_each(|_| latency.record(1_000_000));
        let plan = LoadPlan::new(([127, 0, 0, 1], 7).into());
        let mut report = Report::new(&plan, &LoadResults::empty(), None);
        report.service = (&latency).into();
        report.messages_per_second = 1000.0;
        report.failures.reset = 2;
        report
    }

    fn judge(text: &str) -> Judgement {
        let threshold: Threshold = text.parse().unwrap();
        threshold.judge(&report())
    }

    #[test]
    fn what_is_crossed_fails_and_what_is_kept_does_not() {
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
            assert_eq!(judge(text) != Judgement::Kept, is_crossed, "{text}");
        }
    }

    #[test]
    fn what_was_not_measured_is_no_guarantee() {
        for text in ["p99.99>1s", "cpu>1s"] {
            assert_eq!(judge(text), Judgement::Unknown, "{text}");
        }
    }

    #[test]
    fn a_crossed_threshold_is_named_with_what_it_met() {
        let threshold: Threshold = "p50>900us".parse().unwrap();
        let complaint = threshold.complaint(&report()).unwrap();
        assert!(
            complaint.starts_with("p50>900us: it is 1.00 ms"),
            "{complaint}"
        );
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_what_could_be() {
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
}
