//! What is drawn: scenarios that differ in one thing only make a line, a contender each.

use super::super::model::{Comparison, Role};
use super::super::scenario::Axis;
use super::super::summary::{self, Row, Table};
use super::super::{Metric, Pattern, Scenario};

/// The numbers worth a chart, as far as there are values.
const DRAWN: [Metric; 6] = [
    Metric::Throughput,
    Metric::Bandwidth,
    Metric::Flood,
    Metric::P99,
    Metric::CpuPerMessage,
    Metric::Memory,
];

/// Scenarios that are drawn together.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// What they have in common.
    pub(super) title: String,
    pub(super) charts: Vec<Chart>,
    pub(super) tables: Vec<Table<'a>>,
}

/// One number of all contenders.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) metric: Metric,
    pub(super) pattern: Pattern,
    /// What the scenarios have in common.
    pub(super) subject: String,
    pub(super) axis: Axis,
    /// Where on the axis somebody was measured; ascending.
    pub(super) places: Vec<usize>,
    pub(super) series: Vec<Series>,
}

/// One contender in a chart.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) role: Role,
    /// Its number among the colours; the base again has the base's.
    pub(super) colour: usize,
    /// In the order of the axis.
    pub(super) points: Vec<Point>,
}

/// A median and how sure it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) place: usize,
    pub(super) median: f64,
    /// The lower end of the interval, or the lowest value where there is none.
    pub(super) low: f64,
    /// Its upper end, or the highest value.
    pub(super) high: f64,
}

/// All that can be drawn of `comparison`.
pub(super) fn groups(comparison: &Comparison) -> Vec<Group<'_>> {
    let scenarios = comparison.scenarios.iter().map(|results| results.scenario);
    let axis = Axis::of(&scenarios.collect::<Vec<Scenario>>());
    let mut groups: Vec<(Scenario, Vec<Table<'_>>)> = Vec::new();
    for table in summary::tables(comparison) {
        let scenario = table.scenario;
        match groups
            .iter_mut()
            .find(|(first, _)| first.is_beside(&scenario, axis))
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

fn group<'a>(first: &Scenario, axis: Axis, tables: Vec<Table<'a>>) -> Group<'a> {
    let drawn = DRAWN.into_iter().filter(|metric| {
        let mut tables = tables.iter();
        tables.any(|table| table.metrics.contains(metric))
    });
    Group {
        title: match tables.as_slice() {
            [only] => only.scenario.to_string(),
            _ => first.without(axis),
        },
        charts: drawn.map(|metric| chart(metric, axis, &tables)).collect(),
        tables,
    }
}

fn chart(metric: Metric, axis: Axis, tables: &[Table<'_>]) -> Chart {
    let scenario = tables.first().map(|table| table.scenario);
    let places = tables.iter().map(|table| table.scenario.along(axis));
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    Chart {
        metric,
        pattern: scenario.map_or(Pattern::Echo, |scenario| scenario.pattern),
        subject: match (scenario, places.len()) {
            (Some(scenario), 1) => scenario.to_string(),
            (Some(scenario), _) => scenario.without(axis),
            (None, _) => String::new(),
        },
        axis,
        places,
        series: series(metric, axis, tables),
    }
}

/// Each contender with its colour. All tables have the same rows.
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
                Role::Base | Role::Other => colours.next().unwrap_or(0),
            },
            points: points(metric, axis, tables, index),
        })
        .collect()
}

/// What the contender of row `index` got in each of the tables.
fn points(metric: Metric, axis: Axis, tables: &[Table<'_>], index: usize) -> Vec<Point> {
    let mut points: Vec<Point> = tables
        .iter()
        .filter_map(|table| point(metric, table.scenario.along(axis), table.rows.get(index)?))
        .collect();
    points.sort_by_key(|point| point.place);
    points
}

fn point(metric: Metric, place: usize, row: &Row<'_>) -> Option<Point> {
    let cell = row.cell(metric)?;
    let (low, high) = match cell.interval {
        Some(interval) => (interval.low, interval.high),
        None => (cell.spread.lowest, cell.spread.highest),
    };
    Some(Point {
        place,
        median: cell.spread.median,
        low,
        high,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn scenarios_that_differ_in_one_thing_make_a_line() {
        let comparison = example::comparison();
        let groups = groups(&comparison);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].title, "echo, 64 B");
        let chart = &groups[0].charts[0];
        assert_eq!(chart.places, [1, 100, 10_000]);
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
        assert_eq!(colours, [0, 1, 2, 0], "the base again looks like the base");
    }
}
