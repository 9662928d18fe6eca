//! Several comparisons of one machine as one: more rounds of the same scenarios, more scenarios, more contenders. Pure
//! functions.
//!
//! Ratios stay paired: the rounds of the second comparison are numbered after those of the first, so no measurement meets
//! one of another run. Only what was measured alike can be merged. The percentiles of a contender that both have measured
//! in a scenario become the medians of its rounds, because a saved comparison has no histograms to add up.

use super::model::{Comparison, Contender, Measurement, Role, ScenarioResults};

/// Adds `other` to `comparison`.
///
/// # Errors
///
/// They were not measured alike. The error is what differs, as in `it was measured on another machine`.
pub fn merge(comparison: &mut Comparison, mut other: Comparison) -> Result<(), String> {
    if let Some(difference) = difference(comparison, &other) {
        return Err(format!("it {difference}"));
    }
    unite_contenders(comparison, &mut other);
    for results in std::mem::take(&mut other.scenarios) {
        let mut known = comparison.scenarios.iter_mut();
        match known.find(|it| it.scenario == results.scenario) {
            Some(known) => add(known, results),
            None => comparison.scenarios.push(results),
        }
    }
    comparison.rounds = rounds(comparison);
    comparison.until = comparison.until.filter(|_| comparison.until == other.until);
    comparison.ended_early |= other.ended_early;
    comparison.before = None;
    let own = format!("{} {}", other.started, other.command_line.join(" "));
    comparison.merged.push(own);
    comparison.merged.append(&mut other.merged);
    Ok(())
}

/// What was not measured alike, if anything.
fn difference(one: &Comparison, other: &Comparison) -> Option<String> {
    let (here, there) = (&one.machine, &other.machine);
    let is_same_machine = here.processor == there.processor
        && here.cores == there.cores
        && here.kernel == there.kernel
        && here.build == there.build;
    let warm_up = |it: &Comparison| (it.warm_up_ns, it.warm_up_extension_ns);
    let alike = [
        (is_same_machine, "was measured on another machine or kernel"),
        (
            one.program == other.program,
            "was measured by another version",
        ),
        (one.pinning == other.pinning, "was measured on other cores"),
        (
            one.duration_ns == other.duration_ns,
            "has another --duration",
        ),
        (warm_up(one) == warm_up(other), "has another --warmup"),
        (one.verify == other.verify, "has other --no-verify"),
        (one.timeout_ns == other.timeout_ns, "has another --timeout"),
        (one.arrivals == other.arrivals, "has other --arrivals"),
        (
            one.connect_rate == other.connect_rate,
            "has another --connect-rate",
        ),
        (one.threads == other.threads, "has another --threads"),
        (one.find_rate == other.find_rate, "has another --find-rate"),
        (
            baseline(one) == baseline(other),
            "has another first contender",
        ),
    ];
    let mut alike = alike.into_iter();
    let difference = alike.find_map(|(is_same, difference)| (!is_same).then_some(difference));
    difference.map(str::to_owned).or_else(|| {
        let differs = |it: &&Contender| {
            let mut known = one.contenders.iter();
            known.any(|known| known.name == it.name && known != *it)
        };
        let name = &other.contenders.iter().find(differs)?.name;
        Some(format!("has another contender with the name `{name}`"))
    })
}

fn baseline(comparison: &Comparison) -> Option<&Contender> {
    let mut contenders = comparison.contenders.iter();
    contenders.find(|contender| contender.role == Role::Baseline)
}

/// Gives both the contenders of both: those of `comparison`, then the others, the second baseline last.
fn unite_contenders(comparison: &mut Comparison, other: &mut Comparison) {
    let mut all = comparison.contenders.clone();
    for contender in &other.contenders {
        if !all.contains(contender) {
            all.push(contender.clone());
        }
    }
    all.sort_by_key(|contender| contender.role == Role::Again);
    for part in [comparison, other] {
        let places = part
            .contenders
            .iter()
            .map(|it| all.iter().position(|one| one == it));
        let places: Vec<usize> = places.map(Option::unwrap_or_default).collect();
        let place = |contender: &mut usize| {
            *contender = places.get(*contender).copied().unwrap_or_default();
        };
        for results in &mut part.scenarios {
            results
                .measurements
                .iter_mut()
                .for_each(|it| place(&mut it.contender));
            results
                .syscalls
                .iter_mut()
                .for_each(|it| place(&mut it.contender));
            results
                .latencies
                .iter_mut()
                .for_each(|it| place(&mut it.contender));
            results
                .highest_rates
                .iter_mut()
                .for_each(|it| place(&mut it.contender));
        }
        part.contenders.clone_from(&all);
    }
}

/// Adds the rounds of `other`, the same scenario, after those of `results`. What is no round is kept once.
fn add(results: &mut ScenarioResults, other: ScenarioResults) {
    let rounds = results.measurements.iter().map(|it| it.round);
    let rounds = rounds.max().unwrap_or(0);
    let is_in_both = |contender| {
        let mut measured = results.measurements.iter();
        measured.any(|it| it.contender == contender)
    };
    let mut latencies = other.latencies;
    let measured_again: Vec<usize> = other.measurements.iter().map(|it| it.contender).collect();
    latencies.retain(|it| !is_in_both(it.contender));
    results
        .latencies
        .retain(|it| !measured_again.contains(&it.contender));
    results.latencies.append(&mut latencies);
    let later = other
        .measurements
        .into_iter()
        .map(|measurement| Measurement {
            round: measurement.round.saturating_add(rounds),
            ..measurement
        });
    results.measurements.extend(later);
    for pass in other.syscalls {
        if !results
            .syscalls
            .iter()
            .any(|it| it.contender == pass.contender)
        {
            results.syscalls.push(pass);
        }
    }
    for found in other.highest_rates {
        if !results
            .highest_rates
            .iter()
            .any(|it| it.contender == found.contender)
        {
            results.highest_rates.push(found);
        }
    }
}

/// The fewest rounds of the baseline in a scenario.
fn rounds(comparison: &Comparison) -> u32 {
    let rounds = comparison.scenarios.iter().map(|results| {
        let mut contenders = comparison.contenders.iter();
        let baseline = contenders.position(|it| it.role == Role::Baseline);
        baseline.map_or(0, |it| results.measurements_of(it).count())
    });
    let fewest = rounds.min().unwrap_or(0);
    u32::try_from(fewest).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::metric::Metric;
    use super::super::report;
    use super::super::summary::tables;
    use super::*;

    #[test]
    fn the_same_scenarios_become_more_rounds_and_ratios_stay_paired() {
        let one = example::comparison();
        let mut slow = one.clone();
        // A machine that was ten times as slow, for all contenders alike.
        for measurement in &mut slow.scenarios[0].measurements {
            example::values_of(measurement).messages /= 10;
        }
        let mut both = one.clone();
        merge(&mut both, slow).unwrap();
        assert_eq!(both.rounds, 2 * one.rounds);
        assert_eq!(both.contenders, one.contenders);
        let ratio = |comparison: &Comparison| {
            let tables = tables(comparison);
            let cell = tables[0].rows[1].cell(Metric::Throughput);
            cell.unwrap().ratio.unwrap()
        };
        let (alone, merged) = (ratio(&one), ratio(&both));
        assert_eq!(merged.rounds, 2 * alone.rounds);
        assert!((merged.median - alone.median).abs() < 0.01, "{merged:?}");
        let text = report::json(&both).unwrap();
        assert_eq!(report::from_json(&text), Ok(both));
    }

    #[test]
    fn other_contenders_and_other_scenarios_are_added() {
        let one = example::comparison();
        let mut other = one.clone();
        other.contenders[1].name = "new".to_owned();
        other.scenarios.truncate(2);
        other.scenarios[1].scenario.connections = 7;
        let mut both = one.clone();
        merge(&mut both, other).unwrap();
        let names: Vec<&str> = both.contenders.iter().map(|it| it.name.as_str()).collect();
        let expected = [
            "event-loop",
            "threads",
            "<other> & \"co\"",
            "new",
            "event-loop (again)",
        ];
        assert_eq!(names, expected);
        assert_eq!(both.scenarios.len(), one.scenarios.len() + 1);
        let tables = tables(&both);
        for row in &tables[0].rows[1..] {
            let ratio = row.cell(Metric::Throughput).unwrap().ratio.unwrap();
            assert!((0.5..1.1).contains(&ratio.median), "{row:?}");
        }
    }

    #[test]
    fn what_was_not_measured_alike_is_not_merged() {
        type Edit = fn(&mut Comparison);
        let cases: [(Edit, &str); 5] = [
            (
                |it| it.machine.kernel.push('x'),
                "it was measured on another machine or kernel",
            ),
            (
                |it| it.program.push('x'),
                "it was measured by another version",
            ),
            (|it| it.duration_ns += 1, "it has another --duration"),
            (
                |it| it.contenders[0].origin.push('x'),
                "it has another first contender",
            ),
            (
                |it| it.contenders[1].origin.push('x'),
                "it has another contender with the name `threads`",
            ),
        ];
        for (edit, reason) in cases {
            let mut other = example::comparison();
            edit(&mut other);
            let merged = merge(&mut example::comparison(), other);
            assert_eq!(merged, Err(reason.to_owned()));
        }
    }
}
