//! From raw values to the figures of a report: for each scenario a row per contender, and for each metric its median,
//! its spread, and its ratio to the baseline. Pure functions.

use super::failure::ContenderFailure;
use super::family::Families;
use super::metric::Metric;
use super::model::{Comparison, Contender, Measurement, ScenarioResults};
use super::pairs::{has_figures, pairs, position_of_baseline, values_by_round};
use super::ratio::{Criterion, Ratio};
use super::scenario::Scenario;
use super::statistics::{Interval, Spread, median_interval};
use crate::measure::load::DatagramCounts;

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<'a> {
    /// The load.
    pub scenario: Scenario,
    /// The metrics for which at least one contender has a value.
    pub metrics: Vec<Metric>,
    /// One for each contender, in the order of the command line.
    pub rows: Vec<Row<'a>>,
}

/// One contender in one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// The contender.
    pub contender: &'a Contender,
    /// Its figures, or why it has none.
    pub status: RowStatus<'a>,
}

/// The figures of a contender in a scenario, or why it has none.
#[derive(Debug, Clone, PartialEq)]
pub enum RowStatus<'a> {
    /// It succeeded; a round in which it was only silent is left out ([`Warning`](super::warning::Warning)).
    Measured(Vec<Cell>),
    /// It failed in a way that leaves no figures: other than by silence, or by silence in half of its rounds.
    Failed {
        /// In which round; the first is 1.
        round: u32,
        /// Why.
        failure: &'a ContenderFailure,
    },
    /// It did not hold the rate, and so it was not loaded as the others were.
    RateNotHeld {
        /// The share of the messages due that came back in time.
        share: f64,
    },
    /// The comparison ended before it was measured.
    NotMeasured,
}

/// One metric of one contender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The metric.
    pub metric: Metric,
    /// The figure in a table: for a latency or a share of the datagrams, the value over all rounds together; for everything
    /// else, the median of the rounds.
    pub figure: f64,
    /// Median and range of all rounds.
    pub spread: Spread,
    /// The interval of the median; `None` after too few rounds.
    pub interval: Option<Interval>,
    /// The ratio to the baseline, paired by round; `None` for the baseline itself, and where it has no value.
    pub ratio: Option<Ratio>,
}

impl Table<'_> {
    /// The metrics worth a column: memory in total is left out where there is memory per connection, and so are round
    /// trips at saturation, which say how full the queue is, and what describes the machine rather than the contender.
    pub fn columns(&self) -> impl Iterator<Item = Metric> {
        let is_saturated = self.scenario.is_saturated();
        self.wide_columns().filter(move |metric| match metric {
            Metric::P50 | Metric::P99 | Metric::P999 | Metric::Max => !is_saturated,
            Metric::BuffersPerConnection | Metric::ServerDelay | Metric::GeneratorDelay => false,
            _ => true,
        })
    }

    /// The same where there is room, with all of these.
    pub fn wide_columns(&self) -> impl Iterator<Item = Metric> {
        let per_connection = self.metrics.contains(&Metric::MemoryPerConnection);
        let metrics = self.metrics.iter().copied();
        metrics.filter(move |metric| !(per_connection && *metric == Metric::Memory))
    }
}

impl Row<'_> {
    /// Its value for `metric`, if it has one.
    pub fn cell(&self, metric: Metric) -> Option<&Cell> {
        match &self.status {
            RowStatus::Measured(cells) => cells.iter().find(|cell| cell.metric == metric),
            RowStatus::Failed { .. } | RowStatus::RateNotHeld { .. } | RowStatus::NotMeasured => {
                None
            }
        }
    }
}

/// All scenarios of `comparison`, in the order in which they were measured.
pub fn tables(comparison: &Comparison) -> Vec<Table<'_>> {
    let families = Families::of(comparison);
    let scenarios = comparison.scenarios.iter();
    scenarios
        .enumerate()
        .map(|(at, results)| table(&comparison.contenders, results, &families.in_scenario(at)))
        .collect()
}

/// How many ratios `comparison` draws conclusions from, without those of the baseline to itself.
pub fn comparisons(comparison: &Comparison) -> usize {
    Families::of(comparison).comparisons(&comparison.contenders)
}

/// Whether anything was measured.
pub fn has_values(comparison: &Comparison) -> bool {
    let scenarios = comparison.scenarios.iter();
    let mut measurements = scenarios.flat_map(|results| &results.measurements);
    measurements.any(|measurement| measurement.values().is_some())
}

/// Whether a measurement failed, and with it the comparison as a whole.
pub fn has_failures(comparison: &Comparison) -> bool {
    let scenarios = comparison.scenarios.iter();
    let mut measurements = scenarios.flat_map(|results| &results.measurements);
    measurements.any(|measurement| measurement.values().is_none())
}

fn table<'a>(
    contenders: &'a [Contender],
    results: &'a ScenarioResults,
    criterion: &impl Fn(usize, Metric) -> Criterion,
) -> Table<'a> {
    let baseline = position_of_baseline(contenders);
    let rows: Vec<Row<'_>> = contenders
        .iter()
        .enumerate()
        .map(|(index, contender)| {
            let is_compared = baseline
                .is_some_and(|baseline| baseline != index && has_figures(results, baseline));
            let cell = |metric: Metric| {
                let pairs = (is_compared && metric.has_ratio(&results.scenario))
                    .then(|| pairs(contenders, results, index, metric));
                let ratio = pairs.and_then(|pairs| Ratio::of(&pairs, criterion(index, metric)));
                cell(results, index, metric, ratio)
            };
            Row {
                contender,
                status: status(results, index, cell),
            }
        })
        .collect();
    // A counter that this machine does not have is a column of dashes, if it was asked for.
    let mut measured = results.measurements.iter().filter_map(Measurement::values);
    let has_counters = measured.any(|values| values.counters.is_some());
    let has_value = |metric: &Metric| {
        let is_asked_for = has_counters && matches!(metric, Metric::EventsPerMessage(_));
        is_asked_for || rows.iter().any(|row| row.cell(*metric).is_some())
    };
    Table {
        scenario: results.scenario,
        metrics: Metric::ALL.into_iter().filter(has_value).collect(),
        rows,
    }
}

fn status(
    results: &ScenarioResults,
    contender: usize,
    cell: impl Fn(Metric) -> Option<Cell>,
) -> RowStatus<'_> {
    if let Some((round, failure)) = results.failure_of(contender) {
        return RowStatus::Failed { round, failure };
    }
    if results.measurements_of(contender).next().is_none() {
        return RowStatus::NotMeasured;
    }
    if let Some(share) = results.rate_missed_by(contender) {
        return RowStatus::RateNotHeld { share };
    }
    RowStatus::Measured(Metric::ALL.into_iter().filter_map(cell).collect())
}

fn cell(
    results: &ScenarioResults,
    contender: usize,
    metric: Metric,
    ratio: Option<Ratio>,
) -> Option<Cell> {
    let rounds = values_by_round(results, contender, metric);
    let values: Vec<f64> = rounds.iter().map(|(_, value)| *value).collect();
    let spread = Spread::of(&values)?;
    let mut merged = results.latencies.iter();
    let merged = merged.find(|it| it.contender == contender);
    let measurements = results.measurements_of(contender);
    let datagrams = measurements.filter_map(|it| it.values()?.datagrams);
    let datagrams: Vec<DatagramCounts> = datagrams.collect();
    Some(Cell {
        metric,
        figure: merged
            .and_then(|it| metric.latency(&it.latency))
            .or_else(|| metric.share_of(&datagrams))
            .unwrap_or(spread.median),
        spread,
        interval: median_interval(&values),
        ratio,
    })
}

#[cfg(test)]
mod tests {
    use super::super::correction::rounds_needed;
    use super::super::example;
    use super::super::model::{Measurement, MeasurementStatus, Role};
    use super::super::ratio::Conclusion;
    use super::super::scenario::{OfferedLoad, ScenarioPattern};
    use super::*;
    use crate::measure::bench::Values;

    #[test]
    fn ratios_are_paired_by_round_and_the_baseline_has_none() {
        let comparison = example::comparison();
        let tables = tables(&comparison);
        let [baseline, threads, ..] = tables[0].rows.as_slice() else {
            panic!("{tables:?}");
        };
        let ratio_of = |row: &Row<'_>| row.cell(Metric::Throughput).unwrap().ratio;
        assert_eq!(ratio_of(baseline), None);
        let ratio = ratio_of(threads).unwrap();
        // In the example the machine drifts by a factor of two between rounds; the ratio does not.
        assert!((ratio.median - 0.6).abs() < 0.02, "{ratio:?}");
        let interval = ratio.interval.unwrap();
        assert!(interval.high - interval.low < 0.02, "{ratio:?}");
        assert_eq!(ratio.conclusion, Conclusion::Different);
    }

    #[test]
    fn the_second_baseline_is_the_same() {
        let comparison = example::comparison();
        let again = &tables(&comparison)[0].rows[3];
        assert_eq!(again.contender.role, Role::Again);
        let ratio = again.cell(Metric::Throughput).unwrap().ratio.unwrap();
        assert_eq!(ratio.conclusion, Conclusion::Same);
    }

    #[test]
    fn too_few_rounds_for_the_number_of_comparisons_decide_nothing() {
        let mut comparison = example::comparison();
        let needed = rounds_needed(comparisons(&comparison));
        let conclusions = |comparison: &Comparison| {
            let row = tables(comparison)[0].rows[1].clone();
            row.cell(Metric::Throughput).unwrap().ratio.unwrap()
        };
        assert_eq!(conclusions(&comparison).conclusion, Conclusion::Different);
        for results in &mut comparison.scenarios {
            results.measurements.retain(|one| one.round < needed);
        }
        let ratio = conclusions(&comparison);
        assert_eq!(
            (ratio.conclusion, ratio.interval),
            (Conclusion::Undecided, None)
        );
        comparison.scenarios.truncate(1);
        let alone = conclusions(&comparison);
        assert_eq!(
            alone.conclusion,
            Conclusion::Different,
            "fewer comparisons need fewer rounds"
        );
    }

    #[test]
    fn a_contender_that_fails_once_is_a_row_with_the_failure() {
        let comparison = example::comparison();
        let table = &tables(&comparison)[2];
        assert_eq!(table.rows.len(), comparison.contenders.len());
        let RowStatus::Failed { round, failure } = &table.rows[2].status else {
            panic!("{:?}", table.rows[2]);
        };
        assert_eq!(*round, 2);
        assert!(
            failure
                .to_string()
                .contains("corrupted connection 3, byte 4096"),
            "{failure}"
        );
        assert!(has_failures(&comparison));
    }

    #[test]
    fn a_datagram_that_is_lost_does_not_miss_the_rate_and_one_that_is_not_sent_does() {
        let mut scenario = example::comparison().scenarios[0].scenario;
        scenario.pattern = ScenarioPattern::Datagrams;
        scenario.load = OfferedLoad::Rate(1_000);
        let missed_with = |lost: u64| {
            let mut results = ScenarioResults::new(scenario);
            let datagrams = DatagramCounts {
                sent: 900 + lost,
                lost,
                ..DatagramCounts::default()
            };
            let values = Values {
                elapsed_ns: 1_000_000_000,
                messages: 900,
                datagrams: Some(datagrams),
                ..Values::default()
            };
            results.measurements.push(Measurement {
                contender: 0,
                round: 1,
                stolen_share: None,
                discarded: 0,
                status: MeasurementStatus::Measured(Box::new(values)),
            });
            results.rate_missed_by(0)
        };
        assert_eq!(missed_with(100), None);
        assert_eq!(missed_with(0), Some(0.9));
    }

    #[test]
    fn metrics_without_values_are_no_columns() {
        let comparison = example::comparison();
        let metrics = &tables(&comparison)[0].metrics;
        assert!(metrics.contains(&Metric::P99));
        assert!(
            !metrics.contains(&Metric::Bandwidth),
            "the pattern is not stream"
        );
        assert!(
            !metrics.contains(&Metric::SyscallsPerMessage),
            "not counted"
        );
    }
}
