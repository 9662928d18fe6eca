//! What is drawn: scenarios that differ on one axis only share a chart for each metric.

use crate::measure::compare::metric::Metric;
use crate::measure::compare::model::{Comparison, Role};
use crate::measure::compare::scenario::{Axis, Scenario};
use crate::measure::compare::summary::{self, Row, Table};

/// The metrics that get a chart, where they have values.
const DRAWN: [Metric; 6] = [
    Metric::Throughput,
    Metric::Bandwidth,
    Metric::FloodBandwidth,
    Metric::P99,
    Metric::CpuPerMessage,
    Metric::Memory,
];

/// Scenarios that are drawn together.
#[derive(Debug)]
pub(super) struct ChartGroup<'a> {
    /// What they have in common.
    pub(super) title: String,
    pub(super) charts: Vec<Chart>,
    pub(super) tables: Vec<Table<'a>>,
}

/// One metric of all contenders.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) metric: Metric,
    /// The first of the scenarios.
    pub(super) scenario: Scenario,
    /// What the scenarios have in common.
    pub(super) subject: String,
    pub(super) axis: Axis,
    /// The scenarios' values on the axis, ascending.
    pub(super) positions: Vec<usize>,
    pub(super) series: Vec<Series>,
}

/// One contender in a chart.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) role: Role,
    /// Its number among the colours. The second baseline has that of the first.
    pub(super) colour: usize,
    /// In the order of the axis; none where the contender failed.
    pub(super) points: Vec<Point>,
}

/// A median and its uncertainty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) position: usize,
    pub(super) median: f64,
    /// The lower end of the interval, or the lowest value where there is none.
    pub(super) low: f64,
    /// The upper end of the interval, or the highest value.
    pub(super) high: f64,
}

impl Chart {
    /// A point in words: `8.11 µs (7.90–8.32 µs) at 50 connections`.
    pub(super) fn describe(&self, point: &Point) -> String {
        let median = self.metric.format(point.median);
        let range = self.metric.format_range(point.low, point.high);
        let position = self.axis.format(point.position);
        format!(
            "{median} ({range}) at {position} {}",
            self.axis.title(self.scenario.pattern)
        )
    }
}

/// All charts of `comparison`.
pub(super) fn groups(comparison: &Comparison) -> Vec<ChartGroup<'_>> {
    let scenarios = comparison.scenarios.iter().map(|results| results.scenario);
    let axis = Axis::with_most_values(&scenarios.collect::<Vec<Scenario>>());
    let mut groups: Vec<(Scenario, Vec<Table<'_>>)> = Vec::new();
    for table in summary::tables(comparison) {
        let scenario = table.scenario;
        match groups
            .iter_mut()
            .find(|(first, _)| first.differs_only_on(axis, &scenario))
        {
            Some((_, tables)) => tables.push(table),
            None => groups.push((scenario, vec![table])),
        }
    }
    groups
        .into_iter()
        .map(|(first, tables)| group(&first, axis, tables))
        .collect()
}

fn group<'a>(first: &Scenario, axis: Axis, tables: Vec<Table<'a>>) -> ChartGroup<'a> {
    let mut positions: Vec<usize> = tables
        .iter()
        .map(|table| table.scenario.value_on(axis))
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let title = match positions.as_slice() {
        [_] => first.to_string(),
        _ => first.name_without(axis),
    };
    // What cannot be compared is not drawn as if it could.
    let has_values = |metric: &Metric| {
        let mut tables = tables.iter();
        metric.has_ratio(first) && tables.any(|table| table.metrics.contains(metric))
    };
    let charts = DRAWN.into_iter().filter(has_values).map(|metric| Chart {
        metric,
        scenario: *first,
        subject: title.clone(),
        axis,
        positions: positions.clone(),
        series: series(metric, axis, &tables),
    });
    ChartGroup {
        charts: charts.collect(),
        title,
        tables,
    }
}

/// A series for each contender. All tables have the same rows.
fn series(metric: Metric, axis: Axis, tables: &[Table<'_>]) -> Vec<Series> {
    let rows = tables.first().map(|table| table.rows.iter());
    let mut colours = 0..;
    rows.into_iter()
        .flatten()
        .enumerate()
        .map(|(index, row)| Series {
            name: row.contender.name.clone(),
            role: row.contender.role,
            colour: match row.contender.role {
                Role::Again => 0,
                Role::Baseline | Role::Other => colours.next().unwrap_or(0),
            },
            points: points(metric, axis, tables, index),
        })
        .collect()
}

/// The points of the contender in row `index`.
fn points(metric: Metric, axis: Axis, tables: &[Table<'_>], index: usize) -> Vec<Point> {
    let mut points: Vec<Point> = tables
        .iter()
        .filter_map(|table| {
            point(
                metric,
                table.scenario.value_on(axis),
                table.rows.get(index)?,
            )
        })
        .collect();
    points.sort_by_key(|point| point.position);
    points
}

fn point(metric: Metric, position: usize, row: &Row<'_>) -> Option<Point> {
    let cell = row.cell(metric)?;
    let (low, high) = match cell.interval {
        Some(interval) => (interval.low, interval.high),
        None => (cell.spread.lowest, cell.spread.highest),
    };
    Some(Point {
        position,
        median: cell.spread.median,
        low,
        high,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn scenarios_that_differ_on_one_axis_make_a_line() {
        let comparison = example::comparison();
        let groups = groups(&comparison);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].title, "echo, 64 B, saturated");
        assert_eq!(groups[1].title, "echo, 64 B, at a common rate");
        let chart = &groups[0].charts[0];
        assert_eq!(chart.positions, [1, 100, 10_000]);
        let points: Vec<usize> = chart
            .series
            .iter()
            .map(|series| series.points.len())
            .collect();
        assert_eq!(
            points,
            [3, 3, 2, 3],
            "the one that failed has no point there"
        );
        let colours: Vec<usize> = chart.series.iter().map(|series| series.colour).collect();
        assert_eq!(
            colours,
            [0, 1, 2, 0],
            "the second baseline looks like the first"
        );
    }
}
