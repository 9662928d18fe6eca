//! What whoever reads the numbers must know about them. Found in the comparison itself, so that a kept one
//! warns again.

use super::machine::Build;
use super::metric::cpu;
use super::model::{Comparison, Pinning, Results, Role};
use super::statistics::float;
use super::statistics::{FEWEST_FOR_AN_INTERVAL, Ratio, Spread, Verdict};
use super::summary::{self, Table, of_contender, values_of};
use super::{Metric, Scenario};
use crate::text::units;
use std::fmt;

/// The share of processor time above which stolen time spoils a measurement.
pub const TOO_MUCH_STOLEN: f64 = 0.05;

/// The share of its core above which the generator has no more to give.
const GENERATOR_AT_ITS_LIMIT: f64 = 0.95;

/// Tasks for each core above which the machine counts as busy before anything was measured.
const BUSY: f64 = 0.5;

/// A reason to be careful.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The generator was built for debugging.
    DebugBuild,
    /// Somebody ended it early.
    EndedEarly,
    /// Other programs were running when it began.
    BusyMachine {
        /// Tasks that wanted to run, on average over a minute.
        load: f64,
        /// Cores to run them.
        cores: usize,
    },
    /// Server and generator shared a core, or could.
    NotApart,
    /// The processor's frequency follows the load.
    FrequencyVaries {
        /// The kernel's name for how.
        governor: String,
    },
    /// There are no intervals.
    TooFewRounds {
        /// How many there were.
        rounds: u32,
    },
    /// Other machines on the host took processor time, and repeating did not help.
    Stolen {
        /// Measurements that it spoiled.
        measurements: usize,
        /// The largest share, from 0 to 1.
        most: f64,
    },
    /// System calls were asked for, and nobody could count them.
    CallsNotCounted {
        /// Why.
        why: String,
    },
    /// The generator was busy all the time, the server was not: it could have done more.
    GeneratorLimited {
        /// In which scenario.
        scenario: Scenario,
        /// Which servers.
        contenders: Vec<String>,
    },
    /// The base differs from itself.
    Noise {
        /// In which scenario.
        scenario: Scenario,
        /// By which number.
        metric: Metric,
        /// By how much.
        ratio: Ratio,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DebugBuild => f.write_str(
                "this program was built for debugging, and so were its own servers: \
                 use cargo build --release",
            ),
            Self::EndedEarly => f.write_str("ended early: some rounds are missing"),
            Self::BusyMachine { load, cores } => write!(
                f,
                "the machine was busy before anything was measured: load {load:.1} on {cores} cores"
            ),
            Self::NotApart => f.write_str(
                "server and generator were not kept on cores of their own: each disturbs the other",
            ),
            Self::FrequencyVaries { governor } => write!(
                f,
                "the processor's frequency follows the load (governor {governor}): \
                 times depend on how busy it was before"
            ),
            Self::TooFewRounds { rounds } => write!(
                f,
                "{rounds} rounds are too few for an interval: at least {FEWEST_FOR_AN_INTERVAL}"
            ),
            Self::Stolen { measurements, most } => write!(
                f,
                "other machines on the host took up to {:.0} % of the processor time \
                 in {measurements} measurements, repeated twice in vain",
                most * 100.0
            ),
            Self::CallsNotCounted { why } => write!(f, "system calls were not counted: {why}"),
            Self::GeneratorLimited {
                scenario,
                contenders,
            } => write!(
                f,
                "{scenario}: the generator was the limit, not {}: \
                 compare the CPU time per message, not the speed",
                contenders.join(", ")
            ),
            Self::Noise {
                scenario,
                metric,
                ratio,
            } => write!(
                f,
                "{scenario}: the base differs from itself in {} by {}: \
                 take no smaller difference for real",
                metric.title(scenario.pattern),
                units::ratio(ratio.median),
            ),
        }
    }
}

/// All that there is to say, the gravest first.
pub fn warnings(comparison: &Comparison) -> Vec<Warning> {
    let mut warnings = about_the_run(comparison);
    warnings.extend(stolen(comparison));
    warnings.extend(calls_not_counted(comparison));
    for results in &comparison.scenarios {
        warnings.extend(generator_limited(comparison, results));
    }
    for table in summary::tables(comparison) {
        warnings.extend(noise(&table));
    }
    warnings
}

fn about_the_run(comparison: &Comparison) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let machine = &comparison.machine;
    if machine.build == Build::Debug {
        warnings.push(Warning::DebugBuild);
    }
    if comparison.ended_early {
        warnings.push(Warning::EndedEarly);
    }
    let cores = machine.cores;
    if let Some(load) = machine
        .load
        .filter(|load| *load > BUSY * float(cores as u64))
    {
        warnings.push(Warning::BusyMachine { load, cores });
    }
    if !matches!(comparison.pinning, Pinning::Apart { .. }) {
        warnings.push(Warning::NotApart);
    }
    let governor = machine.governor.clone();
    if let Some(governor) = governor.filter(|governor| governor != "performance") {
        warnings.push(Warning::FrequencyVaries { governor });
    }
    let rounds = comparison.rounds;
    if usize::try_from(rounds).is_ok_and(|rounds| rounds < FEWEST_FOR_AN_INTERVAL) {
        warnings.push(Warning::TooFewRounds { rounds });
    }
    warnings
}

fn stolen(comparison: &Comparison) -> Option<Warning> {
    let all = comparison
        .scenarios
        .iter()
        .flat_map(|results| &results.measurements);
    let shares: Vec<f64> = all
        .filter_map(|measurement| measurement.stolen)
        .filter(|share| *share > TOO_MUCH_STOLEN)
        .collect();
    Some(Warning::Stolen {
        measurements: shares.len(),
        most: Spread::of(&shares)?.highest,
    })
}

fn calls_not_counted(comparison: &Comparison) -> Option<Warning> {
    let mut calls = comparison
        .scenarios
        .iter()
        .flat_map(|results| &results.calls);
    let why = calls.find_map(|calls| calls.counted.as_ref().err())?;
    Some(Warning::CallsNotCounted { why: why.clone() })
}

fn generator_limited(comparison: &Comparison, results: &Results) -> Option<Warning> {
    let names = comparison.contenders.iter().enumerate();
    let contenders: Vec<String> = names
        .filter(|(index, _)| limited_the_generator(results, *index))
        .map(|(_, contender)| contender.name.clone())
        .collect();
    (!contenders.is_empty()).then_some(Warning::GeneratorLimited {
        scenario: results.scenario,
        contenders,
    })
}

/// Whether, in the middle, the generator was busy all the time while this server was less so.
fn limited_the_generator(results: &Results, contender: usize) -> bool {
    let values: Vec<_> = of_contender(results, contender)
        .filter_map(values_of)
        .collect();
    let busy = |nanoseconds: u64, elapsed: u64| float(nanoseconds) / float(elapsed.max(1));
    let shares = values.iter().filter_map(|values| {
        let server = cpu(values.server.as_ref()?);
        Some((
            busy(values.generator_cpu_ns, values.elapsed_ns),
            busy(server, values.elapsed_ns),
        ))
    });
    let (generator, server): (Vec<f64>, Vec<f64>) = shares.unzip();
    match (Spread::of(&generator), Spread::of(&server)) {
        (Some(generator), Some(server)) => {
            generator.median > GENERATOR_AT_ITS_LIMIT && server.median < generator.median
        }
        _ => false,
    }
}

/// A base that differs from itself by less reads as a ratio of 1.00, however sure that is.
const SMALLEST_NOISE: f64 = 0.005;

fn noise(table: &Table<'_>) -> Vec<Warning> {
    let again = table
        .rows
        .iter()
        .filter(|row| row.contender.role == Role::Again);
    again
        .flat_map(|row| table.metrics.iter().filter_map(|metric| row.cell(*metric)))
        .filter_map(|cell| Some((cell.metric, cell.ratio?)))
        .filter(|(_, ratio)| ratio.verdict() == Verdict::Different)
        .filter(|(_, ratio)| (ratio.median - 1.0).abs() >= SMALLEST_NOISE)
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
    use super::super::model::Finding;
    use super::*;

    #[test]
    fn a_quiet_machine_is_not_complained_about() {
        assert_eq!(warnings(&example::comparison()), []);
    }

    #[test]
    fn what_concerns_the_whole_run_is_said_first() {
        let mut comparison = example::comparison();
        comparison.machine.build = Build::Debug;
        comparison.machine.load = Some(1.7);
        comparison.machine.governor = Some("powersave".to_owned());
        comparison.pinning = Pinning::Impossible;
        comparison.ended_early = true;
        comparison.rounds = 5;
        let expected = [
            Warning::DebugBuild,
            Warning::EndedEarly,
            Warning::BusyMachine {
                load: 1.7,
                cores: 2,
            },
            Warning::NotApart,
            Warning::FrequencyVaries {
                governor: "powersave".to_owned(),
            },
            Warning::TooFewRounds { rounds: 5 },
        ];
        assert_eq!(warnings(&comparison), expected);
    }

    #[test]
    fn stolen_time_is_told_with_its_worst_share() {
        let mut comparison = example::comparison();
        comparison.scenarios[0].measurements[1].stolen = Some(0.07);
        comparison.scenarios[1].measurements[5].stolen = Some(0.25);
        let said = warnings(&comparison)[0].to_string();
        assert!(
            said.contains("25 %") && said.contains("2 measurements"),
            "{said}"
        );
    }

    #[test]
    fn a_generator_that_was_busier_than_the_server_was_the_limit() {
        let mut comparison = example::comparison();
        for measurement in &mut comparison.scenarios[0].measurements {
            let Finding::Measured(values) = &mut measurement.finding else {
                continue;
            };
            // Contender 1 is as busy as the generator, and so not held back by it.
            values.generator_cpu_ns = 970_000_000;
            let busy = if measurement.contender == 1 { 990 } else { 700 };
            values.server.as_mut().unwrap().system_ns = busy * 1_000_000;
        }
        let warnings = warnings(&comparison);
        let said = warnings[0].to_string();
        assert!(
            matches!(warnings[0], Warning::GeneratorLimited { .. }),
            "{said}"
        );
        assert!(
            said.contains("event-loop") && !said.contains("threads"),
            "{said}"
        );
    }

    #[test]
    fn a_base_that_differs_from_itself_is_noise() {
        assert_eq!(noise_of_a_base_times(1100), [1.1]);
    }

    #[test]
    fn a_difference_that_nobody_could_read_is_no_noise() {
        assert!(noise_of_a_base_times(1004).is_empty());
    }

    /// The noise in throughput, if the base does so many thousandths of what it did when it is measured again.
    fn noise_of_a_base_times(thousandths: u64) -> Vec<f64> {
        let mut comparison = example::comparison();
        let measurements = &mut comparison.scenarios[2].measurements;
        let base = measurements.iter().filter(|it| it.contender == 0);
        let once: Vec<_> = base.cloned().collect();
        let again = measurements.iter_mut().filter(|it| it.contender == 3);
        for (again, once) in again.zip(once) {
            again.finding = once.finding;
            if let Finding::Measured(values) = &mut again.finding {
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
