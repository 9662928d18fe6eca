//! The text that several reports share.

use crate::measure::bench::Pinning;
use crate::measure::compare::model::{Comparison, Role};
use crate::measure::compare::statistics::{Conclusion, Interval, Ratio};
use crate::measure::compare::summary::{Cell, Row, RowStatus};
use crate::measure::load::Verify;
use crate::measure::process::CommandLine;
use crate::text::units;
use std::time::Duration;

/// `1.19 (1.17–1.22)`, `no difference (0.98–1.01)`, or only the ratio where there is no interval.
pub(super) fn ratio(ratio: &Ratio) -> String {
    let median = match ratio.conclusion() {
        Conclusion::NoDifference => "no difference".to_owned(),
        Conclusion::Different | Conclusion::TooFewRounds => units::ratio(ratio.median),
    };
    match ratio.interval {
        Some(interval) => format!("{median} ({})", self::interval(interval)),
        None => median,
    }
}

/// `1.17–1.22`.
pub(super) fn interval(interval: Interval) -> String {
    format!(
        "{}–{}",
        units::ratio(interval.low),
        units::ratio(interval.high)
    )
}

/// `7.90–8.32 µs`: lowest to highest value; `None` if that reads like the median.
pub(super) fn spread(cell: &Cell) -> Option<String> {
    let spread = &cell.spread;
    let range = cell.metric.format_range(spread.lowest, spread.highest);
    (range != cell.metric.format(spread.median)).then_some(range)
}

/// Why `row` has no figures; `None` if it has.
pub(super) fn failure(row: &Row<'_>) -> Option<String> {
    match &row.status {
        RowStatus::Measured(_) => None,
        RowStatus::Failed { round, failure } => Some(format!("failed in round {round}: {failure}")),
        RowStatus::NotMeasured => Some("not measured".to_owned()),
    }
}

/// The name of the baseline.
pub(super) fn baseline(comparison: &Comparison) -> &str {
    let mut contenders = comparison.contenders.iter();
    let baseline = contenders.find(|contender| contender.role == Role::Baseline);
    baseline.map_or("the first", |baseline| &baseline.name)
}

/// What was checked of the bytes that came back.
pub(super) fn verified(verify: Verify) -> &'static str {
    match verify {
        Verify::EveryByte => "every byte",
        Verify::Nothing => "only the number of bytes, not their values",
    }
}

/// How it was measured, as pairs of a label and its text.
pub(super) fn setup(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let machine = &comparison.machine;
    let load = machine.load_average;
    let load = load.map(|load| format!(", load average {load:.2} at the start"));
    let time = |nanoseconds| humantime::format_duration(Duration::from_nanos(nanoseconds));
    vec![
        (
            "machine",
            format!(
                "{}, {} cores, {}{}",
                machine.processor,
                machine.cores,
                machine.kernel,
                load.unwrap_or_default()
            ),
        ),
        ("pinning", pinning(comparison.pinning)),
        (
            "measured",
            format!(
                "{} rounds of {}, each after a warm-up of {}, in an order shuffled with seed {}",
                comparison.rounds,
                time(comparison.duration_ns),
                time(comparison.warm_up_ns),
                comparison.seed
            ),
        ),
        ("verified", verified(comparison.verify).to_owned()),
        ("started", comparison.started.clone()),
        ("program", comparison.program.clone()),
        ("command", command(comparison)),
    ]
}

fn pinning(pinning: Pinning) -> String {
    match pinning {
        Pinning::SeparateCores { server, generator } => {
            format!("servers started for this on core {server}, generator on core {generator}")
        }
        Pinning::Off => "off".to_owned(),
        Pinning::Unavailable => "not available here".to_owned(),
    }
}

/// The command line, quoted for a shell.
fn command(comparison: &Comparison) -> String {
    let mut words = comparison.command_line.iter();
    let program = words.next().map_or("", String::as_str);
    CommandLine::new(program, words).to_string()
}
