//! The data of a comparison: every raw value, and all that a reader needs to judge it.
//!
//! Reports are computed from a [`Comparison`] and from nothing else, so one that was saved as JSON can be reported
//! again. The fields have the names that they have in the JSON; `_ns` are nanoseconds, and `_share` is a share from
//! 0 to 1.

use super::change::Before;
use super::failure::ContenderFailure;
use super::scenario::Scenario;
use super::statistics::Spread;
use crate::measure::bench::{LatencySummary, MIN_RATE_SHARE, Machine, Values, one_thread};
use crate::measure::load::{Arrivals, Verify};
use crate::measure::process::Pinning;
use serde::{Deserialize, Serialize};

/// The version of the JSON. It changes when a field changes its name or its meaning.
pub const FORMAT: u32 = 3;

/// A whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// Name, version and commit of this program, which is the generator and by default two of the contenders.
    pub program: String,
    /// The command line as it was typed.
    pub command_line: Vec<String>,
    /// When it started; UTC, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub machine: Machine,
    /// Which cores servers and generator ran on.
    pub pinning: Pinning,
    /// Seed of the order of contenders in every round.
    pub seed: u64,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// Rounds were added until the intervals of the primary metric were within ± this share; `None` without that.
    pub until: Option<f64>,
    /// The largest difference that does not matter, as a share of 1.
    pub margin: f64,
    /// The condition of a search for the highest rate, as it was asked for; `None` without a search.
    pub find_rate: Option<String>,
    /// How long each measurement was to take.
    pub duration_ns: u64,
    /// How long the load was to run before each measurement, at least.
    pub warm_up_ns: u64,
    /// How much longer it was to run at most, until the server is warm; 0 for a warm-up of a fixed length.
    #[serde(default)]
    pub warm_up_extension_ns: u64,
    /// How the times at which messages were due were spaced, where a scenario has a rate: `fixed`, or `poisson`, which
    /// [`seed`](Self::seed) reproduces.
    #[serde(default = "fixed_arrivals")]
    pub arrivals: String,
    /// Connections opened per second before each measurement; `None` if they were opened as fast as possible.
    #[serde(default)]
    pub connect_rate: Option<f64>,
    /// How long a connect or a reply might take; a datagram without a reply for this long was lost. `None` in files of
    /// versions that did not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ns: Option<u64>,
    /// Threads of the generator, but at most one for each connection of a scenario.
    #[serde(default = "one_thread")]
    pub threads: usize,
    /// Whether every byte that came back was compared.
    pub verify: Verify,
    /// The contenders. The first one is the baseline of every ratio.
    pub contenders: Vec<Contender>,
    /// What was measured, in the order in which it was measured.
    pub scenarios: Vec<ScenarioResults>,
    /// Whether it was interrupted, so that rounds are missing.
    pub ended_early: bool,
    /// An earlier comparison that this one was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// The comparisons that were merged into this one: the start and the command line of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
}

/// Those of a comparison that was saved before there were others.
fn fixed_arrivals() -> String {
    Arrivals::Fixed.to_string()
}

/// A server that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name in the reports.
    pub name: String,
    /// The command that started it, or the address at which it was already running.
    pub origin: String,
    /// Its part in the comparison.
    pub role: Role,
    /// Where its server came from.
    pub launch: Launch,
    /// The length of its warm-up, if it asked for one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up_ns: Option<u64>,
}

/// Where the server of a contender came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// Started for each measurement, on the core of the servers if there is one.
    #[default]
    Started,
    /// Already running, wherever the scheduler placed it.
    Running,
}

/// The part of a contender in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first one: all others are compared with it.
    Baseline,
    /// Compared with the baseline.
    Other,
    /// The baseline a second time. Any difference from itself is the noise of the machine.
    Again,
}

/// The measurements of one scenario, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResults {
    /// The load.
    pub scenario: Scenario,
    /// One for each contender and round, except that a contender that has failed for good is not measured again.
    pub measurements: Vec<Measurement>,
    /// System calls, if they were counted: one entry for each contender that has not failed, without the second
    /// baseline.
    pub syscalls: Vec<SyscallMeasurement>,
    /// The latencies of all rounds of a contender together: percentiles cannot be averaged, but histograms can be added.
    pub latencies: Vec<MergedLatency>,
    /// The highest rates, if they were searched for.
    pub highest_rates: Vec<HighestRate>,
}

/// The latencies of all rounds of a contender together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedLatency {
    /// An index into [`Comparison::contenders`].
    pub contender: usize,
    /// The distribution.
    pub latency: LatencySummary,
}

/// The highest rate at which a contender meets [`Comparison::find_rate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HighestRate {
    /// An index into [`Comparison::contenders`].
    pub contender: usize,
    /// The highest rate that it held, in messages per second; `None` if it held none that was tried.
    pub held: Option<u64>,
    /// The lowest rate that it did not hold; `None` if it held what it reached at saturation.
    pub missed: Option<u64>,
    /// Every measurement of the search, in order.
    pub attempts: Vec<RateAttempt>,
}

/// A measurement of a search for the highest rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateAttempt {
    /// Messages due per second.
    pub rate: u64,
    /// Whether it met the condition, and all messages due came back in time.
    pub is_held: bool,
    /// The values, or why there are none.
    pub status: MeasurementStatus,
}

impl ScenarioResults {
    /// Nothing measured yet.
    pub(super) fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            measurements: Vec::new(),
            syscalls: Vec::new(),
            latencies: Vec::new(),
            highest_rates: Vec::new(),
        }
    }

    /// All measurements of a contender, an index into [`Comparison::contenders`].
    pub(super) fn measurements_of(&self, contender: usize) -> impl Iterator<Item = &Measurement> {
        let measurements = self.measurements.iter();
        measurements.filter(move |measurement| measurement.contender == contender)
    }

    /// The median share of the messages due that came back in time to a contender, if it is too low to call the rate held;
    /// always `None` at saturation.
    pub(super) fn rate_missed_by(&self, contender: usize) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = self.scenario.rate()? as f64;
        let values = self
            .measurements_of(contender)
            .filter_map(Measurement::values);
        let shares: Vec<f64> = values.map(|it| it.paced_per_second() / rate).collect();
        let share = Spread::of(&shares)?.median;
        (share < MIN_RATE_SHARE).then_some(share)
    }

    /// The failures of a contender, each with its round.
    pub(super) fn failures_of(
        &self,
        contender: usize,
    ) -> impl Iterator<Item = (u32, &ContenderFailure)> {
        let measurements = self.measurements_of(contender);
        measurements.filter_map(|measurement| match &measurement.status {
            MeasurementStatus::Failed(failure) => Some((measurement.round, failure)),
            MeasurementStatus::Measured(_) => None,
        })
    }

    /// Whether a contender has failed for good: other than by silence, or by silence in at least two rounds and at least half
    /// of them. A single silent round may be the machine's doing.
    pub(super) fn has_failed_for_good(&self, contender: usize) -> bool {
        let failures = self.failures_of(contender);
        let (silent, others): (Vec<_>, Vec<_>) = failures.partition(|(_, it)| it.is_silence());
        let rounds = self.measurements_of(contender).count();
        !others.is_empty() || (silent.len() >= 2 && 2 * silent.len() >= rounds)
    }

    /// The first failure of a contender, with its round, if it leaves the contender without figures in this scenario.
    pub(super) fn failure_of(&self, contender: usize) -> Option<(u32, &ContenderFailure)> {
        let mut values = self
            .measurements_of(contender)
            .filter_map(Measurement::values);
        let is_without = self.has_failed_for_good(contender) || values.next().is_none();
        let mut failures = self.failures_of(contender);
        failures.next().filter(|_| is_without)
    }
}

/// System calls of a server, counted in a pass of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyscallMeasurement {
    /// An index into [`Comparison::contenders`].
    pub contender: usize,
    /// What the count was.
    pub status: SyscallStatus,
}

/// Whether system calls could be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyscallStatus {
    /// They were counted.
    Counted {
        /// System calls of the server.
        syscalls: u64,
        /// Messages that came back meanwhile.
        messages: u64,
    },
    /// They were not.
    NotCounted {
        /// Why not, in one line.
        reason: String,
    },
}

/// One contender in one round: a server started for it, measured, and stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// An index into [`Comparison::contenders`].
    pub contender: usize,
    /// The round; the first is 1.
    pub round: u32,
    /// The share of the processor time of the cores in use that the hypervisor gave to other machines meanwhile; `None` where
    /// the kernel does not report it.
    pub stolen_share: Option<f64>,
    /// Measurements discarded before this one, because too much time was stolen.
    pub discarded: u32,
    /// The values, or why there are none.
    pub status: MeasurementStatus,
}

impl Measurement {
    /// Its values, unless the contender failed.
    pub(super) fn values(&self) -> Option<&Values> {
        match &self.status {
            MeasurementStatus::Measured(values) => Some(values.as_ref()),
            MeasurementStatus::Failed(_) => None,
        }
    }
}

/// The outcome of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasurementStatus {
    /// Every connection got its bytes back.
    Measured(Box<Values>),
    /// The contender did not do what the scenario asks for.
    Failed(ContenderFailure),
}
