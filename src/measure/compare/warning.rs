//! What a reader of the figures has to know about them. Warnings are computed from the comparison, so that one saved
//! as JSON warns again.

use super::machine::{Build, MAX_STOLEN_SHARE};
use super::metric::Metric;
use super::model::{Comparison, Role, ScenarioResults, SyscallStatus};
use super::scenario::Scenario;
use super::statistics::{Conclusion, MIN_VALUES_FOR_INTERVAL, Ratio, Spread, float};
use super::summary::{self, Table};
use crate::text::units;
use std::fmt;

/// A generator that uses more than this share of its core has no capacity left.
const SATURATED_SHARE: f64 = 0.95;

/// The load average per core above which the machine counts as busy before the first measurement.
const BUSY: f64 = 0.5;

/// A smaller difference of the baseline from itself reads as a ratio of 1.00, however significant it is.
const MIN_NOISE: f64 = 0.005;

/// A reason to read the figures with care.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The generator is a debug build.
    DebugBuild,
    /// The comparison was interrupted.
    EndedEarly,
    /// Other programs were running when it started.
    BusyMachine {
        /// Load average over a minute.
        load_average: f64,
        /// Cores that this program may use.
        cores: usize,
    },
    /// Server and generator shared a core, or the scheduler may have let them.
    SharedCores,
    /// The processor's frequency depends on the load.
    VariableFrequency {
        /// The kernel's name for its policy.
        governor: String,
    },
    /// There are no intervals.
    TooFewRounds {
        /// The number of rounds.
        rounds: u32,
    },
    /// The hypervisor gave processor time to other machines, and repeating did not help.
    StolenTime {
        /// Measurements that it spoiled.
        measurements: usize,
        /// The largest share of a measurement.
        max_share: f64,
    },
    /// System calls were to be counted, and could not be.
    SyscallsNotCounted {
        /// Why not.
        reason: String,
    },
    /// The generator was saturated and the servers were not: they could have done more.
    GeneratorWasTheLimit {
        /// In which scenario.
        scenario: Scenario,
        /// The contenders that could have done more.
        contenders: Vec<String>,
    },
    /// The baseline differs from itself.
    Noise {
        /// In which scenario.
        scenario: Scenario,
        /// In which metric.
        metric: Metric,
        /// By how much.
        ratio: Ratio,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DebugBuild => f.write_str(
                "this program is a debug build, and so are its own servers: \
                 use cargo build --release",
            ),
            Self::EndedEarly => f.write_str("ended early: some rounds are missing"),
            Self::BusyMachine {
                load_average,
                cores,
            } => write!(
                f,
                "the machine was busy before the first measurement: \
                 load average {load_average:.1} on {cores} cores"
            ),
            Self::SharedCores => f.write_str(
                "server and generator were not pinned to separate cores: they take time from each other",
            ),
            Self::VariableFrequency { governor } => write!(
                f,
                "the processor's frequency follows the load (governor {governor}): \
                 times depend on how busy it was before"
            ),
            Self::TooFewRounds { rounds } => write!(
                f,
                "{rounds} rounds are too few for an interval: it takes at least \
                 {MIN_VALUES_FOR_INTERVAL}"
            ),
            Self::StolenTime {
                measurements,
                max_share,
            } => write!(
                f,
                "other machines on the host took up to {:.0} % of the processor time \
                 in {measurements} measurements, also when these were repeated",
                max_share * 100.0
            ),
            Self::SyscallsNotCounted { reason } => {
                write!(f, "system calls were not counted: {reason}")
            }
            Self::GeneratorWasTheLimit {
                scenario,
                contenders,
            } => write!(
                f,
                "{scenario}: the generator was the limit, not {}: \
                 compare the CPU time per message, not the throughput",
                contenders.join(", ")
            ),
            Self::Noise {
                scenario,
                metric,
                ratio,
            } => write!(
                f,
                "{scenario}: the baseline differs from itself in {} by a factor of {}: \
                 a smaller difference between contenders means nothing",
                metric.title(scenario.pattern),
                units::ratio(ratio.median),
            ),
        }
    }
}

/// All warnings that apply, those about the whole run first.
pub fn warnings(comparison: &Comparison) -> Vec<Warning> {
    let mut warnings = about_the_run(comparison);
    warnings.extend(stolen_time(comparison));
    warnings.extend(syscalls_not_counted(comparison));
    for results in &comparison.scenarios {
        warnings.extend(generator_limit(comparison, results));
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
    let has_intervals =
        usize::try_from(rounds).map_or(true, |rounds| rounds >= MIN_VALUES_FOR_INTERVAL);
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
        (comparison.pinning.server_core().is_none()).then_some(Warning::SharedCores),
        governor
            .filter(|governor| governor != "performance")
            .map(|governor| Warning::VariableFrequency { governor }),
        (!has_intervals).then_some(Warning::TooFewRounds { rounds }),
    ]
    .into_iter()
    .flatten()
    .collect()
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

fn generator_limit(comparison: &Comparison, results: &ScenarioResults) -> Option<Warning> {
    let contenders = comparison.contenders.iter().enumerate();
    let contenders: Vec<String> = contenders
        .filter(|(index, _)| was_limited_by_generator(results, *index))
        .map(|(_, contender)| contender.name.clone())
        .collect();
    (!contenders.is_empty()).then_some(Warning::GeneratorWasTheLimit {
        scenario: results.scenario,
        contenders,
    })
}

/// Whether, by the medians, the generator was saturated and busier than this server.
fn was_limited_by_generator(results: &ScenarioResults, contender: usize) -> bool {
    let measurements = results.measurements_of(contender);
    let shares = measurements.filter_map(|measurement| {
        let values = measurement.values()?;
        let elapsed = float(values.elapsed_ns.max(1));
        let server = float(values.server.as_ref()?.cpu_ns()) / elapsed;
        Some((float(values.generator_cpu_ns) / elapsed, server))
    });
    let (generator, server): (Vec<f64>, Vec<f64>) = shares.unzip();
    match (Spread::of(&generator), Spread::of(&server)) {
        (Some(generator), Some(server)) => {
            generator.median > SATURATED_SHARE && server.median < generator.median
        }
        _ => false,
    }
}

fn noise(table: &Table<'_>) -> Vec<Warning> {
    let rows = table.rows.iter();
    let again = rows.filter(|row| row.contender.role == Role::Again);
    again
        .flat_map(|row| table.metrics.iter().filter_map(|metric| row.cell(*metric)))
        .filter_map(|cell| Some((cell.metric, cell.ratio?)))
        .filter(|(_, ratio)| ratio.conclusion() == Conclusion::Different)
        .filter(|(_, ratio)| (ratio.median - 1.0).abs() >= MIN_NOISE)
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
    use super::super::model::MeasurementStatus;
    use super::*;
    use crate::measure::bench::Pinning;

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
            Warning::SharedCores,
            Warning::VariableFrequency {
                governor: "powersave".to_owned(),
            },
            Warning::TooFewRounds { rounds: 5 },
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
    fn a_baseline_that_differs_from_itself_is_noise() {
        assert_eq!(noise_with_second_baseline_at(1100), [1.1]);
    }

    #[test]
    fn a_difference_too_small_to_print_is_no_noise() {
        assert!(noise_with_second_baseline_at(1004).is_empty());
    }

    /// The noise in throughput, if the second baseline has this many thousandths of the throughput of the first.
    fn noise_with_second_baseline_at(thousandths: u64) -> Vec<f64> {
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
            .filter_map(|warning| match warning {
                Warning::Noise {
                    metric: Metric::Throughput,
                    ratio,
                    ..
                } => Some((ratio.median * 1e3).round() / 1e3),
                _ => None,
            })
            .collect()
    }
}
