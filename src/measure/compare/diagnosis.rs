//! Which warnings apply to a comparison. They are computed from it, so that one saved as JSON warns again.

use super::contender_warning::ContenderWarning;
use super::correction::rounds_needed;
use super::model::{
    Comparison, Contender, Launch, Measurement, Role, ScenarioResults, SyscallStatus,
};
use super::pairs::is_narrow;
use super::ratio::Conclusion;
use super::statistics::Spread;
use super::summary::{self, Table};
use super::warning::Warning;
use crate::measure::bench::{BenchWarning, Build, MAX_STOLEN_SHARE, float};
use crate::measure::process::ProcessorEvent;

/// The load average per core above which the machine counts as busy before the first measurement.
const BUSY: f64 = 0.5;

/// All warnings that apply, those about the whole run first.
pub fn warnings(comparison: &Comparison) -> Vec<Warning> {
    let mut warnings = about_the_run(comparison);
    warnings.extend(stolen_time(comparison));
    warnings.extend(syscalls_not_counted(comparison));
    warnings.extend(events_not_counted(comparison));
    for results in &comparison.scenarios {
        warnings.extend(rounds_failed(comparison, results));
        warnings.extend(still_wide(comparison, results));
        warnings.extend(about_contenders(comparison, results));
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
    let governor = machine.variable_governor().map(str::to_owned);
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
        threads_share_cores(comparison),
        not_all_pinned(comparison),
        other_machine_before(comparison),
        governor.map(|governor| Warning::VariableFrequency { governor }),
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

fn threads_share_cores(comparison: &Comparison) -> Option<Warning> {
    let (pinning, machine) = (&comparison.pinning, &comparison.machine);
    let cores = pinning.generator_cores(machine.cores);
    BenchWarning::threads_share_cores(comparison.threads, cores).map(Warning::ThreadsShareCores)
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
        SyscallStatus::NotCounted { reason } => Some(Warning::NotCounted {
            what: "system calls",
            reason: reason.clone(),
        }),
    })
}

/// A warning for each event, with the first reason.
fn events_not_counted(comparison: &Comparison) -> impl Iterator<Item = Warning> {
    ProcessorEvent::ALL.into_iter().filter_map(|event| {
        let scenarios = comparison.scenarios.iter();
        let measurements = scenarios.flat_map(|results| &results.measurements);
        let mut counters = measurements.filter_map(|it| it.values()?.counters.as_ref());
        let reason = counters.find_map(|it| it.of(event).reason())?;
        Some(Warning::NotCounted {
            what: event.name(),
            reason: reason.to_owned(),
        })
    })
}

fn rounds_failed(comparison: &Comparison, results: &ScenarioResults) -> Vec<Warning> {
    let contenders = comparison.contenders.iter().enumerate();
    let with_figures = contenders.filter(|(index, _)| results.failure_of(*index).is_none());
    let warning = |(index, contender): (usize, &Contender)| {
        let (round, failure) = results.failures_of(index).next()?;
        Some(Warning::RoundsFailed {
            scenario: results.scenario,
            contender: contender.name.clone(),
            failed: results.failures_of(index).count(),
            rounds: results.measurements_of(index).count(),
            first: (round, failure.clone()),
        })
    };
    with_figures.filter_map(warning).collect()
}

fn still_wide(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let until = comparison.until?;
    let is_narrow = is_narrow(&comparison.contenders, results, until);
    let scenario = results.scenario;
    (!is_narrow).then_some(Warning::StillWide { scenario, until })
}

/// The warnings about measurements, each with the contenders to which it applies.
fn about_contenders(comparison: &Comparison, results: &ScenarioResults) -> Vec<Warning> {
    let named = ContenderWarning::ALL.into_iter().map(|kind| {
        let is_kind = |it: &BenchWarning| ContenderWarning::of(it) == Some(kind);
        let contenders = contenders_with(comparison, results, is_kind);
        (!contenders.is_empty()).then_some(Warning::OfContenders {
            kind,
            scenario: results.scenario,
            contenders,
        })
    });
    named.flatten().collect()
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
mod tests;
