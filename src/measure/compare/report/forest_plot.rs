//! Forest plots: for each scenario the ratios of its primary metric to the baseline, one row a contender, with their
//! intervals. What crosses the line at 1 is no difference; what lies inside the band does not matter.

use super::chart::Series;
use super::shape::{TOP, WIDTH, marker, path, pixel, shortened, text, with_tooltip};
use crate::measure::compare::metric::{Direction, Metric};
use crate::measure::compare::model::{Comparison, Role};
use crate::measure::compare::ratio::Ratio;
use crate::measure::compare::statistics::Interval;
use crate::measure::compare::summary::{self, Table};
use crate::measure::compare::wording;
use crate::text::units;
use maud::{Markup, html};

/// Height of a row.
const ROW: f64 = 22.0;

/// The axis runs between these pixels: left of it are the names, right of it the conclusions.
const AXIS: (f64, f64) = (116.0, 302.0);

/// Letters of a name that fit beside it.
const MAX_NAME: usize = 18;

/// The least distance between two labels of the axis.
const LABEL_WIDTH: f64 = 30.0;

/// The axis shows at least the ratios from 1 / 1.25 to 1.25, so that a small difference looks small.
const LEAST_EXTENT: f64 = 1.25;

/// The ratios that may be labelled, beside 1.
const TICKS: [f64; 16] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1.1, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// A row: a contender, and its ratio if it has one.
struct ForestRow {
    series: Series,
    ratio: Option<Ratio>,
}

/// One for each scenario that compares something.
pub(super) fn plots(comparison: &Comparison) -> Vec<Markup> {
    let tables = summary::tables(comparison).into_iter().enumerate();
    tables
        .filter_map(|(number, table)| {
            let rows = rows(&table);
            let is_compared = rows.iter().any(|row| row.ratio.is_some());
            is_compared.then(|| plot(comparison, &table, &rows, number))
        })
        .collect()
}

fn rows(table: &Table<'_>) -> Vec<ForestRow> {
    let metric = Metric::primary_of(&table.scenario);
    let mut colours = 0..;
    let rows = table.rows.iter().map(|row| ForestRow {
        series: Series {
            name: row.contender.name.clone(),
            role: row.contender.role,
            colour: match row.contender.role {
                Role::Again => 0,
                Role::Baseline | Role::Other => colours.next().unwrap_or(0),
            },
            points: Vec::new(),
        },
        ratio: row.cell(metric).and_then(|cell| cell.ratio),
    });
    rows.filter(|row| row.series.role != Role::Baseline)
        .collect()
}

fn plot(comparison: &Comparison, table: &Table<'_>, rows: &[ForestRow], number: usize) -> Markup {
    let metric = Metric::primary_of(&table.scenario);
    let extent = extent(rows);
    let (scenario, margin) = (&table.scenario, comparison.margin);
    let direction = match metric.direction() {
        Direction::HigherIsBetter => "right is better",
        Direction::LowerIsBetter => "left is better",
    };
    let subject = format!(
        "{}, ratio to {}",
        metric.title(scenario),
        wording::baseline(comparison)
    );
    let mut bottom = TOP;
    let mut lines = Vec::new();
    for row in rows {
        lines.push(line(metric, row, margin, extent, bottom + ROW / 2.0));
        bottom += ROW;
    }
    let band = Interval {
        low: 1.0 / (1.0 + margin),
        high: 1.0 + margin,
    };
    html! {
        svg.chart.forest
            viewBox={ "0 0 " (WIDTH) " " (bottom + 24.0) }
            role="img"
            aria-labelledby={ "forest-" (number) "-title forest-" (number) "-desc" }
        {
            title id={ "forest-" (number) "-title" } { (subject) ": " (scenario.to_string()) }
            desc id={ "forest-" (number) "-desc" } {
                @for row in rows { (row.series.name) ": " (described(metric, row, margin)) ". " }
            }
            (text("title", 8.0, 18.0, &scenario.to_string()))
            (text("note", 8.0, 34.0, &format!("{subject} · {direction}")))
            rect.band
                x=(pixel(position(band.low, extent)))
                width=(pixel(position(band.high, extent) - position(band.low, extent)))
                y=(pixel(TOP)) height=(pixel(bottom - TOP)) {}
            (path("one", &format!("M{:.1} {TOP:.1}V{bottom:.1}", position(1.0, extent))))
            @for tick in ticks(extent) {
                (text("tick middle", position(tick, extent), bottom + 16.0, &format!("×{tick}")))
            }
            @for line in lines { (line) }
        }
    }
}

fn line(metric: Metric, row: &ForestRow, margin: f64, extent: Interval, middle: f64) -> Markup {
    let base = middle + 4.0;
    let conclusion = match &row.ratio {
        Some(ratio) => wording::conclusion(metric, ratio, margin),
        None => "see the table".to_owned(),
    };
    html! {
        (text("label", 8.0, base, &shortened(&row.series.name, MAX_NAME)))
        (text("note", AXIS.1 + 8.0, base, &conclusion))
        @if let Some(ratio) = &row.ratio {
            (with_tooltip(&row.series, &described(metric, row, margin), &html! {
                @if let Some(interval) = ratio.interval { (whisker(interval, extent, middle)) }
                (marker(&row.series, position(ratio.median, extent), middle))
            }))
        }
    }
}

fn described(metric: Metric, row: &ForestRow, margin: f64) -> String {
    match &row.ratio {
        Some(ratio) => format!(
            "×{}, {}",
            units::ratio(ratio.median),
            wording::ratio(metric, ratio, margin)
        ),
        None => "no ratio".to_owned(),
    }
}

fn whisker(interval: Interval, extent: Interval, middle: f64) -> Markup {
    let (low, high) = (
        position(interval.low, extent),
        position(interval.high, extent),
    );
    let cap = middle - 3.0;
    let d = format!("M{low:.1} {middle:.1}H{high:.1}M{low:.1} {cap:.1}v6M{high:.1} {cap:.1}v6");
    path("whisker", &d)
}

/// What the axis shows. Ratios that cannot be drawn on it are at its ends.
fn extent(rows: &[ForestRow]) -> Interval {
    let ratios = rows.iter().filter_map(|row| row.ratio);
    let ends = ratios.flat_map(|ratio| {
        let interval = ratio.interval.map(|it| [it.low, it.high]);
        interval.unwrap_or([ratio.median, ratio.median])
    });
    let least = Interval {
        low: 1.0 / LEAST_EXTENT,
        high: LEAST_EXTENT,
    };
    let drawable = ends.filter(|end| (0.005..=200.0).contains(end));
    drawable.fold(least, |extent, end| Interval {
        low: extent.low.min(end / 1.05),
        high: extent.high.max(end * 1.05),
    })
}

/// The pixel of a ratio. Equal distances are equal ratios.
fn position(ratio: f64, extent: Interval) -> f64 {
    let (start, end) = AXIS;
    let share = (ratio / extent.low).ln() / (extent.high / extent.low).ln();
    let share = if share.is_nan() { 0.0 } else { share };
    start + share.clamp(0.0, 1.0) * (end - start)
}

/// The labels of the axis: 1, and as many others as there is room for.
fn ticks(extent: Interval) -> Vec<f64> {
    let mut ticks = vec![1.0];
    for tick in TICKS {
        let at = position(tick, extent);
        let is_shown = extent.low <= tick && tick <= extent.high;
        let mut others = ticks.iter();
        if is_shown && others.all(|it| (position(*it, extent) - at).abs() >= LABEL_WIDTH) {
            ticks.push(tick);
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn each_contender_that_was_compared_has_an_interval_and_the_others_a_note() {
        let comparison = example::comparison();
        let plots = plots(&comparison);
        assert_eq!(plots.len(), comparison.scenarios.len());
        let whiskers = |at: usize| plots[at].0.matches("class=\"whisker\"").count();
        assert_eq!((whiskers(0), whiskers(2)), (3, 2), "one has failed");
        assert!(plots[2].0.contains("see the table"));
        let described = "threads: ×0.60, slower ×0.60 (";
        assert!(plots[0].0.contains(described));
    }

    #[test]
    fn the_axis_has_the_line_at_1_and_equal_distances_for_equal_ratios() {
        let extent = Interval {
            low: 0.5,
            high: 2.0,
        };
        let middle = f64::midpoint(AXIS.0, AXIS.1);
        assert!((position(1.0, extent) - middle).abs() < 1e-9);
        assert!((position(0.0, extent) - AXIS.0).abs() < 1e-9);
        assert!((position(f64::INFINITY, extent) - AXIS.1).abs() < 1e-9);
        assert!(ticks(extent).contains(&1.0));
        assert!(ticks(extent).len() >= 3, "{:?}", ticks(extent));
    }

    #[test]
    fn a_comparison_of_one_contender_has_only_the_noise() {
        let mut comparison = example::comparison();
        for results in &mut comparison.scenarios {
            results.measurements.retain(|it| it.contender == 0);
        }
        assert!(plots(&comparison).is_empty());
    }
}
