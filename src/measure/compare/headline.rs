//! The report at a glance: a sentence for each scenario, about its primary metric.

use super::diagnosis::contenders_with;
use super::metric::Metric;
use super::model::{Comparison, HighestRate, Role, ScenarioResults};
use super::ratio::{Conclusion, Ratio};
use super::scenario::{Scenario, ScenarioPattern};
use super::summary::{self, Table};
use super::wording;
use crate::measure::bench::BenchWarning;
use crate::text::units;

/// The sentences, in the order of the scenarios.
pub fn sentences(comparison: &Comparison) -> Vec<String> {
    let tables = summary::tables(comparison);
    let mut sentences = Vec::new();
    for (results, table) in comparison.scenarios.iter().zip(&tables) {
        sentences.extend(about_ratios(comparison, results, table));
        sentences.extend(about_highest_rates(comparison, results));
    }
    sentences
}

/// What the primary metric of all contenders shows; `None` if nothing is compared.
fn about_ratios(
    comparison: &Comparison,
    results: &ScenarioResults,
    table: &Table<'_>,
) -> Option<String> {
    let scenario = &table.scenario;
    let metric = Metric::primary_of(scenario);
    let place = place(scenario);
    let limited = contenders_with(comparison, results, |it| {
        matches!(it, BenchWarning::GeneratorWasTheLimit { .. })
    });
    let baseline = wording::baseline(comparison);
    if limited.iter().any(|name| name == baseline) {
        return Some(format!("{place}, throughput: the generator was the limit."));
    }
    let rows = table.rows.iter();
    let compared: Vec<(&str, Ratio)> = rows
        .filter(|row| row.contender.role == Role::Other)
        .filter_map(|row| Some((row.contender.name.as_str(), row.cell(metric)?.ratio?)))
        .collect();
    let margin = comparison.margin;
    match compared.as_slice() {
        [] => None,
        [(name, ratio)] => {
            let claim = claim(metric, name, baseline, ratio, margin);
            let interval = ratio.interval.map(wording::interval);
            let interval = interval.map(|it| format!(" ({it})")).unwrap_or_default();
            Some(format!("{place}, {claim}{interval}."))
        }
        several => {
            let each = |(name, ratio): &(&str, Ratio)| {
                format!("{name} {}", wording::ratio(metric, ratio, margin))
            };
            let each: Vec<String> = several.iter().map(each).collect();
            let title = metric.title(scenario);
            let each = each.join(", ");
            Some(format!("{place}, {title} against {baseline}: {each}."))
        }
    }
}

/// `At 50 connections and 20,000 messages/s`, with what else the scenario has.
fn place(scenario: &Scenario) -> String {
    let mut parts = vec![scenario.pattern.counted(scenario.connections)];
    if scenario.pattern != ScenarioPattern::Idle {
        parts.push(units::size(scenario.size));
    }
    if scenario.depth > 1 {
        parts.push(format!("{} deep", units::count(scenario.depth)));
    }
    let rate = scenario.rate().map(|rate| {
        let rate = usize::try_from(rate).unwrap_or(usize::MAX);
        format!(
            " and {} {}/s",
            units::count(rate),
            scenario.pattern.messages()
        )
    });
    format!("At {}{}", parts.join(", "), rate.unwrap_or_default())
}

/// `threads needs 1.67 × the CPU of event-loop`.
fn claim(metric: Metric, name: &str, baseline: &str, ratio: &Ratio, margin: f64) -> String {
    let (verb, thing) = match metric {
        Metric::CpuPerMessage => ("needs", "CPU"),
        Metric::Throughput => ("reaches", "throughput"),
        Metric::Bandwidth => ("reaches", "bandwidth"),
        Metric::Memory => ("needs", "memory"),
        _ => ("has", "p99"),
    };
    match ratio.conclusion {
        Conclusion::Different => {
            let median = units::ratio(ratio.median);
            format!("{name} {verb} {median} × the {thing} of {baseline}")
        }
        Conclusion::Same => {
            let margin = wording::percent(margin);
            format!("{name} {verb} the {thing} of {baseline} within ±{margin}")
        }
        Conclusion::Undecided => {
            format!("the {thing} of {name} and {baseline} cannot be told apart")
        }
    }
}

/// `Highest rate in messages/s with p99<1ms at 50 connections, 64 B: event-loop 81,000, threads 45,000.`
fn about_highest_rates(comparison: &Comparison, results: &ScenarioResults) -> Option<String> {
    let condition = comparison.find_rate.as_ref()?;
    let found = results.highest_rates.iter();
    let each: Vec<String> = found
        .filter_map(|it| Some(format!("{} {}", name(comparison, it)?, rate(it))))
        .collect();
    let place = place(&results.scenario).replacen("At", "at", 1);
    let each = each.join(", ");
    let messages = results.scenario.pattern.messages();
    (!each.is_empty())
        .then(|| format!("Highest rate in {messages}/s with {condition} {place}: {each}."))
}

fn name<'a>(comparison: &'a Comparison, found: &HighestRate) -> Option<&'a str> {
    let contender = comparison.contenders.get(found.contender)?;
    Some(&contender.name)
}

fn rate(found: &HighestRate) -> String {
    let count = |rate| units::count(usize::try_from(rate).unwrap_or(usize::MAX));
    match (found.held, found.missed) {
        (Some(held), Some(missed)) => format!("{} (not {})", count(held), count(missed)),
        (Some(held), None) => format!("{} (as many as at saturation)", count(held)),
        (None, _) => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::statistics::Interval;
    use super::*;

    #[test]
    fn a_claim_is_a_sentence_with_the_interval() {
        let ratio = |conclusion| Ratio {
            median: 1.67,
            interval: Some(Interval {
                low: 1.53,
                high: 1.79,
            }),
            conclusion,
            rounds: 9,
        };
        let claim = |metric, conclusion| {
            super::claim(metric, "threads", "event-loop", &ratio(conclusion), 0.05)
        };
        assert_eq!(
            claim(Metric::CpuPerMessage, Conclusion::Different),
            "threads needs 1.67 × the CPU of event-loop"
        );
        assert_eq!(
            claim(Metric::Throughput, Conclusion::Same),
            "threads reaches the throughput of event-loop within ±5 %"
        );
        assert_eq!(
            claim(Metric::P99, Conclusion::Undecided),
            "the p99 of threads and event-loop cannot be told apart"
        );
    }

    #[test]
    fn each_scenario_has_a_sentence_about_its_primary_metric() {
        let comparison = example::comparison();
        let sentences = sentences(&comparison);
        assert_eq!(sentences.len(), comparison.scenarios.len());
        let first = "At 1 connection, 64 B, messages/s against event-loop: threads slower ×0.6";
        assert!(sentences[0].starts_with(first), "{sentences:?}");
        let rate = "At 1 connection, 64 B and 12,000 messages/s, CPU/message against event-loop: ";
        assert!(sentences[1].starts_with(rate), "{sentences:?}");
    }

    #[test]
    fn a_generator_that_was_the_limit_is_the_sentence() {
        let mut comparison = example::comparison();
        for measurement in &mut comparison.scenarios[0].measurements {
            example::values_of(measurement).generator_cpu_ns = 970_000_000;
            let server = &mut example::values_of(measurement).server;
            server.as_mut().unwrap().system_ns = 500_000_000;
        }
        assert_eq!(
            sentences(&comparison)[0],
            "At 1 connection, 64 B, throughput: the generator was the limit."
        );
    }

    #[test]
    fn the_highest_rates_are_a_sentence() {
        let mut comparison = example::comparison();
        comparison.find_rate = Some("p99<1ms".to_owned());
        let found = |contender, held, missed| HighestRate {
            contender,
            held,
            missed,
            attempts: Vec::new(),
        };
        comparison.scenarios[0].highest_rates = vec![
            found(0, Some(81_000), Some(83_000)),
            found(1, Some(45_000), None),
            found(2, None, Some(10)),
        ];
        let expected = "Highest rate in messages/s with p99<1ms at 1 connection, 64 B: event-loop 81,000 (not 83,000), \
                        threads 45,000 (as many as at saturation), <other> & \"co\" none.";
        assert!(sentences(&comparison).iter().any(|it| it == expected));
    }
}
