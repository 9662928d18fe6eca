//! From raw values to what a report says: for each scenario a row per contender, for each number its
//! median, its spread, and its ratio to the base. Pure functions.

use super::model::{Comparison, Contender, Failure, Finding, Measurement, Results, Role, Values};
use super::statistics::float;
use super::statistics::{Interval, Ratio, Spread, interval_of_the_median};
use super::{Metric, Scenario};

/// One scenario: who did how.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<'a> {
    /// What was asked.
    pub scenario: Scenario,
    /// The numbers that somebody has a value for.
    pub metrics: Vec<Metric>,
    /// One for each contender, in the order of the command line.
    pub rows: Vec<Row<'a>>,
}

/// One contender in one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// Who.
    pub contender: &'a Contender,
    /// How it did.
    pub standing: Standing<'a>,
}

/// How a contender did in a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing<'a> {
    /// It did all that was asked in every round.
    Measured(Vec<Cell>),
    /// It failed once, and so in this scenario.
    Failed {
        /// In which round; the first is 1.
        round: u32,
        /// Why.
        failure: &'a Failure,
    },
    /// Its turn never came.
    NotMeasured,
}

/// One number of one contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Which number.
    pub metric: Metric,
    /// Over all rounds.
    pub spread: Spread,
    /// Where its true median is, if there were rounds enough to say.
    pub interval: Option<Interval>,
    /// To the base, round by round; none for the base itself, and where it has no value.
    pub ratio: Option<Ratio>,
}

impl Table<'_> {
    /// The numbers that deserve a column: of memory the more telling one is enough.
    pub fn columns(&self) -> impl Iterator<Item = Metric> {
        let per_connection = self.metrics.contains(&Metric::MemoryPerConnection);
        let metrics = self.metrics.iter().copied();
        metrics.filter(move |metric| !(per_connection && *metric == Metric::Memory))
    }
}

impl Row<'_> {
    /// Its number for `metric`, if it has one.
    pub fn cell(&self, metric: Metric) -> Option<&Cell> {
        match &self.standing {
            Standing::Measured(cells) => cells.iter().find(|cell| cell.metric == metric),
            Standing::Failed { .. } | Standing::NotMeasured => None,
        }
    }
}

/// All scenarios of `comparison`, in the order in which they were measured.
pub fn tables(comparison: &Comparison) -> Vec<Table<'_>> {
    let tables = comparison.scenarios.iter();
    tables.map(|results| table(comparison, results)).collect()
}

/// Whether somebody failed: then the comparison as a whole has.
pub fn somebody_failed(comparison: &Comparison) -> bool {
    let mut findings = comparison
        .scenarios
        .iter()
        .flat_map(|results| &results.measurements);
    findings.any(|measurement| matches!(measurement.finding, Finding::Failed(_)))
}

fn table<'a>(comparison: &'a Comparison, results: &'a Results) -> Table<'a> {
    let rows: Vec<Row<'_>> = comparison
        .contenders
        .iter()
        .enumerate()
        .map(|(index, contender)| Row {
            contender,
            standing: standing(comparison, results, index),
        })
        .collect();
    let has_value = |metric: &Metric| rows.iter().any(|row| row.cell(*metric).is_some());
    Table {
        scenario: results.scenario,
        metrics: Metric::ALL.into_iter().filter(has_value).collect(),
        rows,
    }
}

fn standing<'a>(comparison: &Comparison, results: &'a Results, index: usize) -> Standing<'a> {
    let own: Vec<&Measurement> = of_contender(results, index).collect();
    let failed = own
        .iter()
        .find_map(|measurement| match &measurement.finding {
            Finding::Failed(failure) => Some(Standing::Failed {
                round: measurement.round,
                failure,
            }),
            Finding::Measured(_) => None,
        });
    if let Some(failed) = failed {
        return failed;
    }
    if own.is_empty() {
        return Standing::NotMeasured;
    }
    let cells = Metric::ALL.into_iter();
    Standing::Measured(
        cells
            .filter_map(|metric| cell(comparison, results, index, metric))
            .collect(),
    )
}

fn cell(comparison: &Comparison, results: &Results, index: usize, metric: Metric) -> Option<Cell> {
    let values = rounds(results, index, metric);
    let values: Vec<f64> = values.into_iter().map(|(_, value)| value).collect();
    let base = comparison
        .contenders
        .iter()
        .position(|contender| contender.role == Role::Base);
    let base = base.filter(|base| *base != index && metric.is_compared());
    Some(Cell {
        metric,
        spread: Spread::of(&values)?,
        interval: interval_of_the_median(&values),
        ratio: base.and_then(|base| Ratio::of(&pairs(results, index, base, metric))),
    })
}

/// The values of two contenders in the rounds in which both were measured.
fn pairs(results: &Results, contender: usize, base: usize, metric: Metric) -> Vec<(f64, f64)> {
    let base = rounds(results, base, metric);
    rounds(results, contender, metric)
        .into_iter()
        .filter_map(|(round, value)| {
            let (_, base) = base.iter().find(|(other, _)| *other == round)?;
            Some((value, *base))
        })
        .collect()
}

/// The values of a contender, each with its round. What was counted in a pass of its own has round 0.
fn rounds(results: &Results, contender: usize, metric: Metric) -> Vec<(u32, f64)> {
    if metric == Metric::CallsPerMessage {
        return calls_per_message(results, contender)
            .map(|calls| (0, calls))
            .into_iter()
            .collect();
    }
    let value_of = |measurement: &Measurement| {
        let value = metric.of(&results.scenario, values_of(measurement)?)?;
        Some((measurement.round, value))
    };
    of_contender(results, contender)
        .filter_map(value_of)
        .collect()
}

fn calls_per_message(results: &Results, contender: usize) -> Option<f64> {
    let calls = results
        .calls
        .iter()
        .find(|calls| calls.contender == contender)?;
    let counted = calls.counted.as_ref().ok()?;
    (counted.messages > 0).then(|| float(counted.calls) / float(counted.messages))
}

/// All measurements of a contender in a scenario.
pub(super) fn of_contender(
    results: &Results,
    contender: usize,
) -> impl Iterator<Item = &Measurement> {
    let measurements = results.measurements.iter();
    measurements.filter(move |measurement| measurement.contender == contender)
}

/// The values of a measurement that went well.
pub(super) fn values_of(measurement: &Measurement) -> Option<&Values> {
    match &measurement.finding {
        Finding::Measured(values) => Some(values),
        Finding::Failed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::statistics::Verdict;
    use super::*;

    #[test]
    fn ratios_are_paired_by_round_and_the_base_has_none() {
        let comparison = example::comparison();
        let tables = tables(&comparison);
        let [base, threads, ..] = tables[0].rows.as_slice() else {
            panic!("{tables:?}");
        };
        let ratio_of = |row: &Row<'_>| row.cell(Metric::Throughput).unwrap().ratio;
        assert_eq!(ratio_of(base), None);
        let ratio = ratio_of(threads).unwrap();
        // In the example the machine drifts by a factor of two between rounds; the ratio does not.
        assert!((ratio.median - 0.6).abs() < 0.02, "{ratio:?}");
        let interval = ratio.interval.unwrap();
        assert!(interval.high - interval.low < 0.02, "{ratio:?}");
        assert_eq!(ratio.verdict(), Verdict::Different);
    }

    #[test]
    fn the_base_again_shows_no_difference() {
        let comparison = example::comparison();
        let again = &tables(&comparison)[0].rows[3];
        assert_eq!(again.contender.role, Role::Again);
        let ratio = again.cell(Metric::Throughput).unwrap().ratio.unwrap();
        assert_eq!(ratio.verdict(), Verdict::NoDifference);
    }

    #[test]
    fn who_fails_once_has_failed_and_is_still_a_row() {
        let comparison = example::comparison();
        let table = &tables(&comparison)[1];
        assert_eq!(table.rows.len(), comparison.contenders.len());
        let Standing::Failed { round, failure } = &table.rows[2].standing else {
            panic!("{:?}", table.rows[2]);
        };
        assert_eq!(*round, 2);
        assert!(
            failure
                .to_string()
                .contains("corrupted connection 3, byte 4096"),
            "{failure}"
        );
        assert!(somebody_failed(&comparison));
    }

    #[test]
    fn numbers_that_nobody_has_are_no_columns() {
        let comparison = example::comparison();
        let metrics = &tables(&comparison)[0].metrics;
        assert!(metrics.contains(&Metric::P99));
        assert!(
            !metrics.contains(&Metric::Bandwidth),
            "these are no streams"
        );
        assert!(!metrics.contains(&Metric::CallsPerMessage), "not counted");
    }
}
