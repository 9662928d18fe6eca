//! Which warnings apply to a comparison. They are computed from it, so that one saved as JSON warns again.

use super::correction::rounds_needed;
use super::model::{Comparison, Launch, Measurement, Role, ScenarioResults, SyscallStatus};
use super::pairs::is_narrow;
use super::ratio::Conclusion;
use super::statistics::Spread;
use super::summary::{self, Table};
use super::warning::Warning;
use crate::measure::bench::{BenchWarning, Build, MAX_STOLEN_SHARE, float};

/// The load average per core above which the machine counts as busy before the first measurement.
const BUSY: f64 = 0.5;

/// All warnings that apply, those about the whole run first.
pub fn warnings(comparison: &Comparison) -> Vec<Warning> {
    let mut warnings = about_the_run(comparison);
    warnings.extend(stolen_time(comparison));
    warnings.extend(syscalls_not_counted(comparison));
    for results in &comparison.scenarios {
        warnings.extend(cost_not_seen(comparison, results));
        warnings.extend(still_wide(comparison, results));
        warnings.extend(generator_limit(comparison, results));
        warnings.extend(schedule_not_kept(comparison, results));
        warnings.extend(not_warm(comparison, results));
    }
    for table in summary::tables(comparison) {
        warnings.extend(noise(&table));
    }
    warnings
}

fn about_the_run(comparison: &Comparison) -> Vec<Warning> {
    let machine = &comparison.machine;
    let (cores, rounds) = (machine.cores, comparison.rounds);
    let busy = |load_average: &f64| *load_average > BUSY * float(cores as u64);
    let comparisons = summary::comparisons(comparison);
    let needed = rounds_needed(comparisons);
    let pinning = comparison.pinning.clone();
    let governor = machine.governor.clone();
    [
        (machine.build == Build::Debug).then_some(Warning::DebugBuild),
        comparison.ended_early.then_some(Warning::EndedEarly),
        machine
            .load_average
            .filter(busy)
            .map(|load_average| Warning::BusyMachine {
                load_average,
                cores,
            }),
        (!pinning.is_apart()).then_some(Warning::SharedCores { pinning, cores }),
        shared_physical_core(comparison),
        not_all_pinned(comparison),
        other_machine_before(comparison),
        governor
            .filter(|governor| governor != "performance")
            .map(|governor| Warning::VariableFrequency { governor }),
        (comparisons > 0 && rounds < needed).then_some(Warning::TooFewRounds {
            rounds,
            comparisons,
            needed,
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn other_machine_before(comparison: &Comparison) -> Option<Warning> {
    let (here, there) = (&comparison.machine, &comparison.before.as_ref()?.machine);
    let is_same = here.processor == there.processor && here.kernel == there.kernel;
    (!is_same).then_some(Warning::OtherMachineBefore)
}

fn shared_physical_core(comparison: &Comparison) -> Option<Warning> {
    let siblings = &comparison.machine.smt_siblings;
    let cores = comparison.pinning.shared_physical_core(siblings)?;
    let cores = cores.to_vec();
    Some(Warning::SharedPhysicalCore { cores })
}

fn not_all_pinned(comparison: &Comparison) -> Option<Warning> {
    comparison.pinning.server_cores()?;
    let contenders = comparison.contenders.iter();
    let (running, started): (Vec<_>, Vec<_>) =
        contenders.partition(|contender| contender.launch == Launch::Running);
    let contenders: Vec<String> = running
        .iter()
        .filter(|contender| contender.role != Role::Again)
        .map(|contender| contender.name.clone())
        .collect();
    let are_mixed = !contenders.is_empty() && !started.is_empty();
    are_mixed.then_some(Warning::NotAllPinned { contenders })
}

fn stolen_time(comparison: &Comparison) -> Option<Warning> {
    let scenarios = comparison.scenarios.iter();
    let shares: Vec<f64> = scenarios
        .flat_map(|results| &results.measurements)
        .filter_map(|measurement| measurement.stolen_share)
        .filter(|share| *share > MAX_STOLEN_SHARE)
        .collect();
    Some(Warning::StolenTime {
        measurements: shares.len(),
        max_share: Spread::of(&shares)?.highest,
    })
}

fn syscalls_not_counted(comparison: &Comparison) -> Option<Warning> {
    let scenarios = comparison.scenarios.iter();
    let mut passes = scenarios.flat_map(|results| &results.syscalls);
    passes.find_map(|pass| match &pass.status {
        SyscallStatus::Counted { .. } => None,
        SyscallStatus::NotCounted { reason } => Some(Warning::SyscallsNotCounted {
            reason: reason.clone(),
        }),
    })
}

fn still_wide(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let until = comparison.until?;
    let is_narrow = is_narrow(&comparison.contenders, results, until);
    let scenario = results.scenario;
    (!is_narrow).then_some(Warning::StillWide { scenario, until })
}

fn cost_not_seen(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let contenders = contenders_with(comparison, results, |it| {
        matches!(it, BenchWarning::CostNotSeen)
    });
    (!contenders.is_empty()).then_some(Warning::CostNotSeen {
        scenario: results.scenario,
        contenders,
    })
}

fn generator_limit(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let contenders = contenders_with(comparison, results, |it| {
        matches!(it, BenchWarning::GeneratorWasTheLimit { .. })
    });
    (!contenders.is_empty()).then_some(Warning::GeneratorWasTheLimit {
        scenario: results.scenario,
        contenders,
    })
}

fn schedule_not_kept(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let contenders = contenders_with(comparison, results, |it| {
        let is_late = matches!(it, BenchWarning::ScheduleNotKept { .. });
        is_late || matches!(it, BenchWarning::GeneratorDidNotKeepUp { .. })
    });
    (!contenders.is_empty()).then_some(Warning::ScheduleNotKept {
        scenario: results.scenario,
        contenders,
    })
}

fn not_warm(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let contenders = contenders_with(comparison, results, |it| {
        matches!(it, BenchWarning::NotWarm { .. })
    });
    (!contenders.is_empty()).then_some(Warning::NotWarm {
        scenario: results.scenario,
        contenders,
    })
}

/// The contenders to which a warning of `kind` applies in at least half of their rounds.
pub(super) fn contenders_with(
    comparison: &Comparison,
    results: &ScenarioResults,
    kind: impl Fn(&BenchWarning) -> bool,
) -> Vec<String> {
    let applies = |contender: usize| {
        let measurements = results.measurements_of(contender);
        let warned: Vec<bool> = measurements
            .filter_map(Measurement::values)
            .map(|values| {
                let depth = results.scenario.depth;
                #[expect(clippy::cast_precision_loss, reason = "a rate")]
                let rate = results.scenario.rate().map(|rate| rate as f64);
                let warnings = BenchWarning::all(rate, depth, values);
                warnings.iter().any(&kind)
            })
            .collect();
        let count = warned.iter().filter(|is_warned| **is_warned).count();
        count > 0 && 2 * count >= warned.len()
    };
    let contenders = comparison.contenders.iter().enumerate();
    contenders
        .filter(|(index, _)| applies(*index))
        .map(|(_, contender)| contender.name.clone())
        .collect()
}

fn noise(table: &Table<'_>) -> Vec<Warning> {
    let rows = table.rows.iter();
    let again = rows.filter(|row| row.contender.role == Role::Again);
    again
        .flat_map(|row| table.metrics.iter().filter_map(|metric| row.cell(*metric)))
        .filter_map(|cell| Some((cell.metric, cell.ratio?)))
        .filter(|(_, ratio)| ratio.conclusion == Conclusion::Different)
        .map(|(metric, ratio)| Warning::Noise {
            scenario: table.scenario,
            metric,
            ratio,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::metric::Metric;
    use super::super::model::MeasurementStatus;
    use super::*;
    use crate::measure::process::Pinning;

    #[test]
    fn an_undisturbed_comparison_has_no_warnings() {
        assert_eq!(warnings(&example::comparison()), []);
    }

    #[test]
    fn warnings_about_the_whole_run_come_first() {
        let mut comparison = example::comparison();
        comparison.machine.build = Build::Debug;
        comparison.machine.load_average = Some(1.7);
        comparison.machine.governor = Some("powersave".to_owned());
        comparison.pinning = Pinning::Unavailable;
        comparison.ended_early = true;
        comparison.rounds = 5;
        let expected = [
            Warning::DebugBuild,
            Warning::EndedEarly,
            Warning::BusyMachine {
                load_average: 1.7,
                cores: 2,
            },
            Warning::SharedCores {
                pinning: Pinning::Unavailable,
                cores: 2,
            },
            Warning::VariableFrequency {
                governor: "powersave".to_owned(),
            },
            Warning::TooFewRounds {
                rounds: 5,
                comparisons: 41,
                needed: 11,
            },
        ];
        assert_eq!(warnings(&comparison), expected);
    }

    #[test]
    fn stolen_time_is_reported_with_its_largest_share() {
        let mut comparison = example::comparison();
        comparison.scenarios[0].measurements[1].stolen_share = Some(0.07);
        comparison.scenarios[1].measurements[5].stolen_share = Some(0.25);
        let text = warnings(&comparison)[0].to_string();
        assert!(
            text.contains("25 %") && text.contains("2 measurements"),
            "{text}"
        );
    }

    #[test]
    fn a_generator_that_was_busier_than_the_server_was_the_limit() {
        let mut comparison = example::comparison();
        for measurement in &mut comparison.scenarios[0].measurements {
            let MeasurementStatus::Measured(values) = &mut measurement.status else {
                continue;
            };
            // Contender 1 is busier than the generator, so the generator did not limit it.
            values.generator_cpu_ns = 970_000_000;
            let busy = if measurement.contender == 1 { 990 } else { 700 };
            values.server.as_mut().unwrap().system_ns = busy * 1_000_000;
        }
        let warnings = warnings(&comparison);
        let text = warnings[0].to_string();
        assert!(
            matches!(warnings[0], Warning::GeneratorWasTheLimit { .. }),
            "{text}"
        );
        assert!(
            text.contains("event-loop") && !text.contains("threads"),
            "{text}"
        );
    }

    #[test]
    fn a_server_whose_messages_cost_less_than_a_system_call_was_not_seen() {
        let mut comparison = example::comparison();
        for measurement in &mut comparison.scenarios[0].measurements {
            if let MeasurementStatus::Measured(values) = &mut measurement.status
                && measurement.contender == 1
            {
                let cost = values.server.as_mut().unwrap();
                (cost.user_ns, cost.system_ns) = (values.messages * 50, 0);
            }
        }
        let text = warnings(&comparison)[0].to_string();
        assert!(
            text.contains("the CPU time of threads was not seen"),
            "{text}"
        );
        let tables = summary::tables(&comparison);
        for metric in [Metric::CpuPerMessage, Metric::SwitchesPerMessage] {
            assert_eq!(tables[0].rows[1].cell(metric), None, "a dash, and not 0");
            assert!(tables[0].rows[0].cell(metric).is_some());
        }
    }

    #[test]
    fn a_contender_that_was_not_pinned_beside_others_that_were_is_named() {
        let mut comparison = example::comparison();
        comparison.contenders[1].launch = Launch::Running;
        let text = warnings(&comparison)[0].to_string();
        assert!(
            text.starts_with("the scheduler placed threads, and"),
            "{text}"
        );
        comparison.pinning = Pinning::Off;
        let kinds = warnings(&comparison);
        assert!(
            matches!(kinds.as_slice(), [Warning::SharedCores { .. }]),
            "none was pinned: {kinds:?}"
        );
    }

    #[test]
    fn threads_of_one_physical_core_are_not_separate_cores() {
        let mut comparison = example::comparison();
        comparison.machine.smt_siblings = vec![vec![0, 1]];
        let text = warnings(&comparison)[0].to_string();
        assert!(text.contains("one physical core (cores 0, 1)"), "{text}");
        comparison.machine.smt_siblings = vec![vec![0, 2], vec![1, 3]];
        assert_eq!(warnings(&comparison), []);
    }

    #[test]
    fn a_single_core_is_named_as_the_reason_for_pinning_nothing() {
        let mut comparison = example::comparison();
        (comparison.pinning, comparison.machine.cores) = (Pinning::Unavailable, 1);
        let text = warnings(&comparison)[0].to_string();
        assert!(
            text.contains("one core only, so nothing was pinned"),
            "{text}"
        );
    }

    #[test]
    fn a_baseline_that_differs_from_itself_is_noise_with_its_interval() {
        let noise = noise_with_second_baseline_at(1100);
        assert_eq!(noise.len(), 1);
        assert!(
            noise[0].contains("messages/s, faster ×1.10 (1.10–1.10)"),
            "{noise:?}"
        );
    }

    #[test]
    fn a_difference_inside_the_margin_is_no_noise() {
        assert!(noise_with_second_baseline_at(1040).is_empty());
    }

    /// The noise in throughput, if the second baseline has this many thousandths of the throughput of the first.
    fn noise_with_second_baseline_at(thousandths: u64) -> Vec<String> {
        let mut comparison = example::comparison();
        let measurements = &mut comparison.scenarios[2].measurements;
        let first = measurements.iter().filter(|it| it.contender == 0);
        let first: Vec<_> = first.cloned().collect();
        let again = measurements.iter_mut().filter(|it| it.contender == 3);
        for (again, first) in again.zip(first) {
            again.status = first.status;
            if let MeasurementStatus::Measured(values) = &mut again.status {
                values.messages = values.messages * thousandths / 1000;
            }
        }
        let all = warnings(&comparison);
        all.into_iter()
            .filter(|warning| {
                let metric = Metric::Throughput;
                matches!(warning, Warning::Noise { metric: it, .. } if *it == metric)
            })
            .map(|warning| warning.to_string())
            .collect()
    }
}
