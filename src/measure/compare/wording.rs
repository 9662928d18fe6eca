//! The text that several reports share.

use super::metric::Metric;
use super::model::{Comparison, MeasurementStatus, Role, ScenarioResults};
use super::ratio::{Conclusion, Ratio};
use super::scenario::{Scenario, ScenarioPattern};
use super::statistics::{Interval, Spread};
use super::summary::{Cell, Row, RowStatus};
use crate::measure::bench::MemoryMethod;
use crate::measure::load::Verify;
use crate::measure::process::{CommandLine, Pinning, cores};
use crate::text::units;
use std::time::Duration;

/// `slower ×1.31 (1.20–1.44)`, `same within ±5 % (0.98–1.02)`, `undecided (0.69–1.28)`. If there is no interval, the
/// median takes its place: `undecided (×1.31)`.
pub(super) fn ratio(metric: Metric, ratio: &Ratio, margin: f64) -> String {
    let conclusion = conclusion(metric, ratio, margin);
    match ratio.interval {
        Some(interval) => format!("{conclusion} ({})", self::interval(interval)),
        None => format!("{conclusion} (×{})", units::ratio(ratio.median)),
    }
}

/// `slower ×1.31`, `same within ±5 %`, or `undecided`.
pub(super) fn conclusion(metric: Metric, ratio: &Ratio, margin: f64) -> String {
    let median = ratio.median;
    match ratio.conclusion {
        Conclusion::Different => format!("{} ×{}", metric.word(median), units::ratio(median)),
        Conclusion::Same => format!("same within ±{}", percent(margin)),
        Conclusion::Undecided => "undecided".to_owned(),
    }
}

/// `5 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = format!("{:.2}", share * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    format!("{percent} %")
}

/// What figures at saturation are worth.
const SATURATION: &str = " Saturated means: each contender gets as many messages as it echoes. Its round trips then \
    show how full the queue is (connections / throughput), and its CPU time per message depends on how many it gets, so \
    both are only compared at a rate.";

/// The same over UDP.
const LOSS_AT_SATURATION: &str = " A datagram that is lost is only replaced when its time is over, so a loss costs \
    throughput at saturation.";

/// What the words of [`ratio`] mean.
pub(super) fn reading(comparison: &Comparison) -> String {
    format!(
        "Numbers in parentheses are the interval of the ratio to {baseline}. A difference is named only if the interval \
         excludes 1, corrected for the number of comparisons in this report (Holm, 5 %); “same” only if the interval is \
         inside ±{margin}; everything else is undecided. (again) is {baseline} measured a second time: its interval is the \
         noise floor of this machine. * marks the metric that a scenario is measured for.{saturation}",
        saturation = at_saturation(comparison),
        baseline = baseline(comparison),
        margin = percent(comparison.margin)
    )
    .replace(" %", "\u{a0}%")
}

/// What there is to know about the scenarios in which the contenders were saturated.
fn at_saturation(comparison: &Comparison) -> String {
    let scenarios = comparison.scenarios.iter().map(|it| it.scenario);
    let mut saturated = scenarios.filter(Scenario::is_saturated);
    match saturated.next().map(|scenario| scenario.pattern) {
        Some(ScenarioPattern::Datagrams) => format!("{SATURATION}{LOSS_AT_SATURATION}"),
        Some(_) => SATURATION.to_owned(),
        None => String::new(),
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
    (range != cell.metric.format(cell.figure)).then_some(range)
}

/// The title of a metric in a table, marked with a star if the scenario is measured for it.
pub(super) fn head(metric: Metric, scenario: &Scenario) -> String {
    marked(metric.title(scenario), metric, scenario)
}

/// `title`, with a star if the scenario is measured for `metric`.
pub(super) fn marked(title: &str, metric: Metric, scenario: &Scenario) -> String {
    let is_primary = metric == Metric::primary_of(scenario);
    format!("{title}{}", if is_primary { "*" } else { "" })
}

/// Why `row` has no figures; `None` if it has.
pub(super) fn failure(row: &Row<'_>) -> Option<String> {
    match &row.status {
        RowStatus::Measured(_) => None,
        RowStatus::Failed { round, failure } => Some(format!("failed in round {round}: {failure}")),
        RowStatus::RateNotHeld { share } => Some(format!(
            "did not hold the rate: {} came back in time",
            percent(*share)
        )),
        RowStatus::NotMeasured => Some("not measured".to_owned()),
    }
}

/// The last lines that the server of a failed `row` wrote to its standard error, if there are more than the one that the
/// reason quotes.
pub(super) fn stderr<'a>(row: &Row<'a>) -> &'a [String] {
    match &row.status {
        RowStatus::Failed { failure, .. } if failure.stderr().len() > 1 => failure.stderr(),
        RowStatus::Failed { .. }
        | RowStatus::Measured(_)
        | RowStatus::RateNotHeld { .. }
        | RowStatus::NotMeasured => &[],
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
    let mut setup = vec![
        (
            "machine",
            format!(
                "{}, {}, {}{}",
                machine.processor,
                units::counted(machine.cores, "core", "cores"),
                machine.kernel,
                load.unwrap_or_default()
            ),
        ),
        ("pinning", pinning(comparison)),
        ("costs", costs(comparison)),
        (
            "measured",
            format!(
                "{}{} of {}, in an order shuffled with seed {}{}",
                units::counted(comparison.rounds as usize, "round", "rounds"),
                until(comparison).unwrap_or_default(),
                time(comparison.duration_ns),
                comparison.seed,
                repeated(comparison).unwrap_or_default()
            ),
        ),
        ("warm-up", warm_up(comparison)),
        ("load", offered_load(comparison)),
        ("verified", verified(comparison.verify).to_owned()),
        ("started", comparison.started.clone()),
        ("program", comparison.program.clone()),
        ("command", command(comparison)),
    ];
    let merged = comparison.merged.iter();
    setup.extend(merged.map(|it| ("merged", it.clone())));
    setup
}

/// How connections are opened, or when a datagram is lost, from how many threads, and how messages are spaced where they are
/// due at a rate.
fn offered_load(comparison: &Comparison) -> String {
    let mut scenarios = comparison.scenarios.iter();
    let is_udp = |it: &ScenarioResults| it.scenario.pattern == ScenarioPattern::Datagrams;
    let opened = match comparison.connect_rate {
        _ if scenarios.clone().any(is_udp) => datagrams_lost(comparison),
        Some(rate) => format!("{rate} connections opened per second"),
        None => "connections opened as fast as possible".to_owned(),
    };
    let threads = match comparison.threads {
        0 | 1 => String::new(),
        threads => format!("; from {threads} threads of the generator"),
    };
    if scenarios.all(|it| it.scenario.rate().is_none()) {
        return format!("{opened}{threads}");
    }
    format!(
        "{opened}; {} arrivals where there is a rate{threads}",
        comparison.arrivals
    )
}

/// `datagrams, lost without a reply for 1s`.
fn datagrams_lost(comparison: &Comparison) -> String {
    let timeout = Duration::from_nanos(comparison.timeout_ns.unwrap_or(0));
    let timeout = humantime::format_duration(timeout);
    format!("datagrams over UDP, lost if they have no reply within {timeout}")
}

/// `200ms`, or until when it lasted and for how long, with the contenders that asked for another.
fn warm_up(comparison: &Comparison) -> String {
    let time = |nanoseconds| humantime::format_duration(Duration::from_nanos(nanoseconds));
    let least = comparison.warm_up_ns;
    let mut parts = vec![match comparison.warm_up_extension_ns {
        0 => time(least).to_string(),
        extension => format!(
            "until the CPU time per message no longer fell, at most {}",
            time(least.saturating_add(extension))
        ),
    }];
    for (index, contender) in comparison.contenders.iter().enumerate() {
        if let Some(asked) = contender.warm_up_ns {
            parts.push(format!("{} {} as asked", contender.name, time(asked)));
        } else if comparison.warm_up_extension_ns > 0 {
            parts.extend(
                range_of_warm_ups(comparison, index).map(|it| format!("{} {it}", contender.name)),
            );
        }
    }
    parts.join("; ")
}

/// The shortest and the longest warm-up of a contender: `0.80–1.30 s`.
fn range_of_warm_ups(comparison: &Comparison, contender: usize) -> Option<String> {
    let scenarios = comparison.scenarios.iter();
    let measurements = scenarios.flat_map(|results| results.measurements_of(contender));
    let warm_ups = measurements.filter_map(|it| it.values()?.warm_up);
    let seconds = warm_ups.map(|it| Duration::from_nanos(it.lasted_ns).as_secs_f64());
    let spread = Spread::of(&seconds.collect::<Vec<f64>>())?;
    Some(units::range(spread.lowest, spread.highest, units::TIME))
}

/// `; 3 measurements repeated`, with the reason; `None` if none was.
fn repeated(comparison: &Comparison) -> Option<String> {
    let measurements = comparison.scenarios.iter().flat_map(|it| &it.measurements);
    let discarded: usize = measurements.map(|it| it.discarded as usize).sum();
    let counted = units::counted(discarded, "measurement", "measurements");
    (discarded > 0).then(|| {
        format!("; {counted} repeated, because other machines took the processor or no message came back")
    })
}

/// ` (more until the intervals are within ±2 %)`.
fn until(comparison: &Comparison) -> Option<String> {
    let share = percent(comparison.until?);
    Some(format!(" (more until the intervals are within ±{share})"))
}

fn pinning(comparison: &Comparison) -> String {
    let machine = &comparison.machine;
    match &comparison.pinning {
        Pinning::Cores { server, generator } => {
            let siblings = comparison.pinning.siblings_used(&machine.smt_siblings);
            let (server, generator) = (cores::list(server), cores::list(generator));
            format!("servers started for this on {server}, generator on {generator}{siblings}")
        }
        Pinning::Off => "off".to_owned(),
        Pinning::Unavailable if machine.cores == 1 => "none: only one core may be used".to_owned(),
        Pinning::Unavailable => "not available here".to_owned(),
    }
}

/// Whose costs they are, and how memory is counted.
fn costs(comparison: &Comparison) -> String {
    let proportional = contenders_with_proportional_memory(comparison);
    let memory = if proportional.is_empty() {
        "memory is resident (RSS)".to_owned()
    } else {
        let names = proportional.join(", ");
        format!("memory is resident (RSS), of several processes proportional (PSS): {names}")
    };
    format!("of all processes of a server, those that have ended included; {memory}")
}

fn contenders_with_proportional_memory(comparison: &Comparison) -> Vec<&str> {
    let is_proportional = |contender: usize| {
        let scenarios = comparison.scenarios.iter();
        let mut measurements = scenarios.flat_map(|results| results.measurements_of(contender));
        measurements.any(|measurement| match &measurement.status {
            MeasurementStatus::Measured(values) => values
                .server
                .is_some_and(|cost| cost.memory_method == MemoryMethod::Proportional),
            MeasurementStatus::Failed(_) => false,
        })
    };
    let contenders = comparison.contenders.iter().enumerate();
    contenders
        .filter(|(index, _)| is_proportional(*index))
        .map(|(_, contender)| contender.name.as_str())
        .collect()
}

/// The command line, quoted for a shell.
fn command(comparison: &Comparison) -> String {
    let mut words = comparison.command_line.iter();
    let program = words.next().map_or("", String::as_str);
    CommandLine::new(program, words).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn a_ratio_reads_as_one_of_three_words() {
        let text = |metric, conclusion, median, low, high| {
            let interval = Some(Interval { low, high });
            let ratio = Ratio {
                median,
                interval,
                conclusion,
                rounds: 9,
            };
            ratio_of(metric, &ratio)
        };
        let (p99, cpu) = (Metric::P99, Metric::CpuPerMessage);
        let different = Conclusion::Different;
        assert_eq!(
            text(p99, different, 1.31, 1.2, 1.44),
            "slower ×1.31 (1.20–1.44)"
        );
        assert_eq!(
            text(cpu, different, 1.31, 1.2, 1.44),
            "more ×1.31 (1.20–1.44)"
        );
        assert_eq!(
            text(cpu, different, 0.5, 0.4, 0.6),
            "less ×0.50 (0.40–0.60)"
        );
        let throughput = Metric::Throughput;
        assert_eq!(
            text(throughput, different, 0.5, 0.4, 0.6),
            "slower ×0.50 (0.40–0.60)"
        );
        assert_eq!(
            text(p99, Conclusion::Same, 1.0, 0.98, 1.02),
            "same within ±5 % (0.98–1.02)"
        );
        assert_eq!(
            text(p99, Conclusion::Undecided, 1.0, 0.69, 1.28),
            "undecided (0.69–1.28)"
        );
        let few = Ratio {
            median: 1.31,
            interval: None,
            conclusion: Conclusion::Undecided,
            rounds: 3,
        };
        assert_eq!(ratio_of(p99, &few), "undecided (×1.31)");
    }

    fn ratio_of(metric: Metric, ratio: &Ratio) -> String {
        super::ratio(metric, ratio, 0.05)
    }

    #[test]
    fn the_number_of_repeated_measurements_is_reported() {
        let mut comparison = example::comparison();
        assert_eq!(repeated(&comparison), None);
        comparison.scenarios[0].measurements[0].discarded = 1;
        comparison.scenarios[1].measurements[3].discarded = 2;
        let text = repeated(&comparison).unwrap();
        assert!(
            text.starts_with("; 3 measurements repeated, because"),
            "{text}"
        );
    }

    #[test]
    fn the_method_of_counting_memory_is_named() {
        let mut comparison = example::comparison();
        assert!(costs(&comparison).ends_with("memory is resident (RSS)"));
        let MeasurementStatus::Measured(values) =
            &mut comparison.scenarios[0].measurements[0].status
        else {
            panic!("the first one has values");
        };
        values.server.as_mut().unwrap().memory_method = MemoryMethod::Proportional;
        let first = comparison.scenarios[0].measurements[0].contender;
        let name = &comparison.contenders[first].name;
        assert!(costs(&comparison).ends_with(&format!("proportional (PSS): {name}")));
    }
}
