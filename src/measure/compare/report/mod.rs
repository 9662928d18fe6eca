//! What people read: the same comparison as a table, a page, a picture, and as data.
//!
//! Every report is a pure function of the [`Comparison`].

mod chart;
mod csv;
mod element;
mod html;
mod json;
mod markdown;
mod scale;
mod svg;
mod terminal;

pub use csv::csv;
pub use html::html;
pub use json::{from_json, json};
pub use markdown::markdown;
pub use svg::picture;
pub use terminal::terminal;

use super::model::{Comparison, Role};
use super::statistics::{Interval, Ratio, Verdict};
use super::summary::{Cell, Row, Standing};
use crate::measure::process::CommandLine;
use crate::text::units::ratio;
use std::time::Duration;

/// `1.19 (1.17–1.22)`, `no difference (0.98–1.01)`, or the ratio alone where there is no interval.
fn ratio_in_words(compared: &Ratio) -> String {
    let median = ratio(compared.median);
    match (compared.verdict(), compared.interval) {
        (Verdict::NoDifference, Some(interval)) => format!("no difference ({})", range(interval)),
        (_, Some(interval)) => format!("{median} ({})", range(interval)),
        (_, None) => median,
    }
}

/// `1.17–1.22`.
fn range(interval: Interval) -> String {
    format!("{}–{}", ratio(interval.low), ratio(interval.high))
}

/// `7.90–8.32 µs`: from the lowest to the highest value; none if they read like the median.
fn spread_in_words(cell: &Cell) -> Option<String> {
    let range = cell
        .metric
        .write_range(cell.spread.lowest, cell.spread.highest);
    (range != cell.metric.write(cell.spread.median)).then_some(range)
}

/// Why there are no numbers for `row`; none if there are.
fn failure_in_words(row: &Row<'_>) -> Option<String> {
    match &row.standing {
        Standing::Measured(_) => None,
        Standing::Failed { round, failure } => Some(format!("failed in round {round}: {failure}")),
        Standing::NotMeasured => Some("not measured".to_owned()),
    }
}

/// The name of the base, in whose terms ratios are given.
fn base(comparison: &Comparison) -> &str {
    let base = comparison
        .contenders
        .iter()
        .find(|contender| contender.role == Role::Base);
    base.map_or("the first", |base| &base.name)
}

/// As it could be typed again.
fn command_line(comparison: &Comparison) -> String {
    let mut words = comparison.command_line.iter();
    let program = words.next().map_or("", String::as_str);
    CommandLine::new(program, words).to_string()
}

/// How it was measured, as pairs of a name and its value.
fn circumstances(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let machine = &comparison.machine;
    let span = |nanoseconds| humantime::format_duration(Duration::from_nanos(nanoseconds));
    let load = machine
        .load
        .map(|load| format!(", load {load:.2} at the start"));
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
        ("placed", comparison.pinning.to_string()),
        (
            "measured",
            format!(
                "{} rounds of {}, after a warm-up of {}, in an order drawn from seed {}",
                comparison.rounds,
                span(comparison.duration_ns),
                span(comparison.warm_up_ns),
                comparison.seed
            ),
        ),
        ("checked", comparison.checked.to_string()),
        ("started", comparison.started.clone()),
        ("program", comparison.program.clone()),
        ("command", command_line(comparison)),
    ]
}
