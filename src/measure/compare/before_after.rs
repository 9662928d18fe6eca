//! A comparison against an earlier one: what has become better or worse. Pure functions.
//!
//! The two were measured at different times, so nothing pairs their rounds. The ratio of two medians lies between the
//! quotients of the ends of their intervals, which is wider than an interval of paired ratios: a machine that is slower
//! than before makes everything look slower, and a small change is not seen.

use super::change::{Before, Change};
use super::metric::{Direction, Metric};
use super::model::{Comparison, Role};
use super::ratio::{Criterion, Ratio};
use super::scenario::Scenario;
use super::statistics::Interval;
use super::summary::{self, Cell};
use super::wording;

/// `before`, and what has changed from it to `after`.
pub fn since(before: &Comparison, after: &Comparison) -> Before {
    Before {
        program: before.program.clone(),
        started: before.started.clone(),
        machine: before.machine.clone(),
        changes: changes(before, after),
    }
}

/// What has changed from `before` to `after`, for each contender in each scenario that both have measured.
fn changes(before: &Comparison, after: &Comparison) -> Vec<Change> {
    let old_tables = summary::tables(before);
    let mut changes = Vec::new();
    for table in summary::tables(after) {
        let Some(old) = old_tables.iter().find(|it| it.scenario == table.scenario) else {
            continue;
        };
        let metric = Metric::primary_of(&table.scenario);
        let rows = table.rows.iter();
        for row in rows.filter(|row| row.contender.role != Role::Again) {
            let name = &row.contender.name;
            let mut old_rows = old.rows.iter();
            let old_row = old_rows.find(|it| it.contender.name == *name);
            let cells = row.cell(metric).zip(old_row.and_then(|it| it.cell(metric)));
            let change = cells.map(|(cell, old)| Change {
                scenario: table.scenario,
                contender: name.clone(),
                metric,
                ratio: cell.spread.median / old.spread.median,
                interval: quotient(cell, old),
            });
            // A value of 0 has no ratio.
            changes.extend(change.filter(|it| it.ratio.is_finite()));
        }
    }
    changes
}

fn quotient(cell: &Cell, old: &Cell) -> Option<Interval> {
    let (new, old) = (cell.interval?, old.interval?);
    let (low, high) = (new.low / old.high, new.high / old.low);
    (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
}

/// The common rates of `comparison`, so that a later one can be measured at the same.
pub fn common_rates(comparison: &Comparison) -> Vec<Scenario> {
    let scenarios = comparison.scenarios.iter().map(|results| results.scenario);
    scenarios.filter(Scenario::is_at_common_rate).collect()
}

impl Before {
    /// The heading of its changes: `Against the comparison of 2026-11-22T18:00:00Z by mio-echo 0.1.0`.
    pub(super) fn heading(&self) -> String {
        let Self {
            started, program, ..
        } = self;
        format!("Against the comparison of {started} by {program}")
    }

    /// A line for each change; one that says so if there is none.
    pub(super) fn lines(&self, margin: f64) -> Vec<String> {
        if self.changes.is_empty() {
            return vec![NOTHING_IN_COMMON.to_owned()];
        }
        self.changes.iter().map(|it| it.line(margin)).collect()
    }
}

/// What the reports of a comparison say that has no scenario of the earlier one.
pub const NOTHING_IN_COMMON: &str =
    "no contender was measured in the same scenario as in the baseline";

impl Change {
    /// Whether it has become worse by more than `margin`: certainly, with the whole interval.
    pub fn is_regression(&self, margin: f64) -> bool {
        let largest = 1.0 + margin;
        self.interval
            .is_some_and(|interval| match self.metric.direction() {
                Direction::HigherIsBetter => interval.high < 1.0 / largest,
                Direction::LowerIsBetter => interval.low > largest,
            })
    }

    /// What it shows, in the words of a ratio.
    fn conclusion(&self, margin: f64) -> String {
        let ratio = Ratio {
            median: self.ratio,
            interval: self.interval,
            conclusion: Criterion::with_margin(margin).conclusion_of(self.interval),
            rounds: 0,
        };
        wording::ratio(self.metric, &ratio, margin)
    }

    /// As [`describe`](Self::describe), marked if it is a regression.
    pub(super) fn line(&self, margin: f64) -> String {
        let mark = if self.is_regression(margin) {
            "worse: "
        } else {
            ""
        };
        format!("{mark}{}", self.describe(margin))
    }

    /// A line of text: `echo, 64 B, 50 connections, saturated: event-loop, messages/s slower ×0.80 (0.75–0.85)`.
    pub fn describe(&self, margin: f64) -> String {
        let title = self.metric.title(&self.scenario);
        let conclusion = self.conclusion(margin);
        format!(
            "{}: {}, {title} {conclusion}",
            self.scenario, self.contender
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::report;
    use super::*;

    /// The example with the CPU time and the throughput of threads changed by this factor.
    fn with_threads_slower(percent: u64) -> Comparison {
        let mut comparison = example::steady();
        for results in &mut comparison.scenarios {
            for measurement in results
                .measurements
                .iter_mut()
                .filter(|it| it.contender == 1)
            {
                let values = example::values_of(measurement);
                let server = values.server.as_mut().unwrap();
                server.system_ns = server.system_ns * percent / 100;
                if results.scenario.is_saturated() {
                    values.messages = values.messages * 100 / percent;
                }
            }
        }
        comparison
    }

    #[test]
    fn a_comparison_has_not_changed_against_itself() {
        let comparison = example::steady();
        let changes = changes(&comparison, &comparison);
        assert!(changes.len() > 10, "{changes:?}");
        assert!(changes.iter().all(|it| !it.is_regression(0.05)));
    }

    #[test]
    fn every_report_shows_what_has_changed() {
        let mut comparison = with_threads_slower(130);
        comparison.before = Some(since(&example::steady(), &comparison));
        let heading = "Against the comparison of 2026-11-22T18:00:00Z by mio-echo 0.1.0";
        for report in [report::terminal, report::markdown, report::html] {
            let text = report(&comparison);
            assert!(text.contains(heading), "{text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let change =
                "worse: echo, 64 B, 1 connection, saturated: threads, messages/s slower ×0.77";
            assert!(words.contains(change), "{text}");
        }
        let text = report::json(&comparison).unwrap();
        assert_eq!(report::from_json(&text), Ok(comparison));
    }

    #[test]
    fn a_contender_that_became_slower_is_a_regression_in_each_scenario() {
        let (before, after) = (example::steady(), with_threads_slower(130));
        let changes = super::changes(&before, &after);
        let worse: Vec<&Change> = changes.iter().filter(|it| it.is_regression(0.05)).collect();
        assert_eq!(worse.len(), 6, "{worse:?}");
        assert!(worse.iter().all(|it| it.contender == "threads"));
        let line = worse[0].describe(0.05);
        assert!(
            line.contains("saturated: threads, messages/s slower ×0.77"),
            "{line}"
        );
        let better = super::changes(&after, &before);
        assert!(
            better.iter().all(|it| !it.is_regression(0.05)),
            "{better:?}"
        );
    }
}
