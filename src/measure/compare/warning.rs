//! What a reader of the figures has to know about them.

use super::contender_warning::ContenderWarning;
use super::failure::ContenderFailure;
use super::metric::Metric;
use super::ratio::Ratio;
use super::scenario::Scenario;
use super::wording;
use crate::measure::bench::BenchWarning;
use crate::measure::process::{Pinning, cores};
use crate::text::units;
use std::fmt;

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
    /// The scheduler placed server and generator, possibly on the same core.
    SharedCores {
        /// Why: this program was asked to, it may use one core only, or the system does not pin.
        pinning: Pinning,
        /// Cores that this program may use.
        cores: usize,
    },
    /// Servers and generator ran on different cores that are threads of one physical core.
    SharedPhysicalCore {
        /// These threads.
        cores: Vec<usize>,
    },
    /// The generator had more threads than cores.
    ThreadsShareCores(BenchWarning),
    /// Some contenders ran on a core of their own, others wherever the scheduler placed them.
    NotAllPinned {
        /// Those that the scheduler placed.
        contenders: Vec<String>,
    },
    /// The earlier comparison that this one was held against was measured on another machine or kernel.
    OtherMachineBefore,
    /// The processor's frequency depends on the load.
    VariableFrequency {
        /// The kernel's name for its policy.
        governor: String,
    },
    /// Nothing can be concluded from as few rounds.
    TooFewRounds {
        /// The number of rounds.
        rounds: u32,
        /// The ratios that conclusions are to be drawn from.
        comparisons: usize,
        /// The number of rounds that they need.
        needed: u32,
    },
    /// The intervals did not become as narrow as they were to, although rounds were added.
    StillWide {
        /// In which scenario.
        scenario: Scenario,
        /// The share of the ratio that they were to be within.
        until: f64,
    },
    /// The hypervisor gave processor time to other machines, and repeating did not help.
    StolenTime {
        /// Measurements that it spoiled.
        measurements: usize,
        /// The largest share of a measurement.
        max_share: f64,
    },
    /// System calls, or events of the processor, were to be counted, and could not be.
    NotCounted {
        /// Which ones.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Something was wrong with the measurements of some contenders.
    OfContenders {
        /// What.
        kind: ContenderWarning,
        /// In which scenario.
        scenario: Scenario,
        /// Their names.
        contenders: Vec<String>,
    },
    /// A contender was silent in some rounds, and did what the scenario asks for in the others.
    RoundsFailed {
        /// In which scenario.
        scenario: Scenario,
        /// The contender.
        contender: String,
        /// How many rounds failed.
        failed: usize,
        /// Of how many.
        rounds: usize,
        /// The first of these failures, with its round.
        first: (u32, ContenderFailure),
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
            Self::SharedCores { pinning, cores } => shared_cores(f, pinning, *cores),
            Self::SharedPhysicalCore { cores } => write!(
                f,
                "server and generator ran on threads of one physical core ({}): they take time from each other",
                cores::list(cores)
            ),
            Self::ThreadsShareCores(warning) => warning.fmt(f),
            Self::NotAllPinned { contenders } => write!(
                f,
                "the scheduler placed {}, and the others were pinned to a core: \
                 their figures cannot be compared with each other (--placement unpinned pins none)",
                contenders.join(", ")
            ),
            Self::OtherMachineBefore => {
                f.write_str("the baseline was measured on another machine or kernel")
            }
            Self::VariableFrequency { governor } => variable_frequency(f, governor),
            Self::TooFewRounds {
                rounds,
                comparisons,
                needed,
            } => too_few_rounds(f, *rounds, *comparisons, *needed),
            Self::StillWide { scenario, until } => write!(
                f,
                "{scenario}: the intervals did not become as narrow as ±{}",
                wording::percent(*until)
            ),
            Self::StolenTime {
                measurements,
                max_share,
            } => write!(
                f,
                "other machines on the host took up to {:.0} % of the processor time \
                 in {}, also when these were repeated",
                max_share * 100.0,
                units::counted(*measurements, "measurement", "measurements")
            ),
            Self::NotCounted { what, reason } => write!(f, "{what} were not counted: {reason}"),
            Self::OfContenders {
                kind,
                scenario,
                contenders,
            } => write!(f, "{scenario}: {}", kind.text(&contenders.join(", "))),
            Self::RoundsFailed {
                scenario,
                contender,
                failed,
                rounds,
                first,
            } => rounds_failed(f, scenario, contender, (*failed, *rounds), first),
            Self::Noise {
                scenario,
                metric,
                ratio,
            } => write!(
                f,
                "{scenario}: the baseline differs from itself in {}, {}: \
                 a difference of that size between contenders means nothing",
                metric.title(scenario),
                wording::ratio(*metric, ratio, 0.0),
            ),
        }
    }
}

fn shared_cores(f: &mut fmt::Formatter<'_>, pinning: &Pinning, cores: usize) -> fmt::Result {
    if *pinning == Pinning::Unavailable && cores == 1 {
        return f.write_str(
            "this program may use one core only, so nothing was pinned: \
             server and generator take time from each other",
        );
    }
    let why = match pinning {
        Pinning::Unavailable => ", which is not possible here",
        Pinning::Off | Pinning::Cores { .. } => "",
    };
    write!(
        f,
        "server and generator were not pinned to separate cores{why}: they take time from each other"
    )
}

fn too_few_rounds(
    f: &mut fmt::Formatter<'_>,
    rounds: u32,
    comparisons: usize,
    needed: u32,
) -> fmt::Result {
    let rounds = units::counted(rounds as usize, "round", "rounds");
    let comparisons = units::counted(comparisons, "comparison", "comparisons");
    write!(
        f,
        "{rounds} cannot decide {comparisons}: it takes at least {needed}"
    )
}

fn rounds_failed(
    f: &mut fmt::Formatter<'_>,
    scenario: &Scenario,
    contender: &str,
    (failed, rounds): (usize, usize),
    (round, failure): &(u32, ContenderFailure),
) -> fmt::Result {
    write!(
        f,
        "{scenario}: {contender} failed in {failed} of {rounds} rounds, which its figures leave out \
         (round {round}: {failure})"
    )
}

fn variable_frequency(f: &mut fmt::Formatter<'_>, governor: &str) -> fmt::Result {
    let governor = governor.to_owned();
    write!(f, "{}", BenchWarning::VariableFrequency { governor })
}
