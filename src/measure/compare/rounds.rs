//! The rounds: everybody in each of them, in an order that is drawn.

use super::calls::count_calls;
use super::machine::{Machine, Ticks};
use super::measure::{Stopped, measure};
use super::model;
use super::model::{Comparison, Contender, FORMAT, Finding, Measurement, Pinning, Results, Role};
use super::warning::TOO_MUCH_STOLEN;
use super::{Entry, Scenario};
use crate::measure::load::Verify;
use crate::measure::process::cores;
use crate::measure::rng::SplitMix64;
use crate::text::units::nanoseconds;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

/// How often a measurement that other machines on the host have spoiled is repeated.
const REPETITIONS: u32 = 2;

/// What a measurement takes besides its time: a server to start and to end, connections to open.
const AROUND: Duration = Duration::from_millis(200);

/// What to compare, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who takes part, at least one; the first is the base of every ratio, and is measured twice in each
    /// round.
    pub entries: Vec<Entry>,
    /// What they are asked.
    pub scenarios: Vec<Scenario>,
    /// How often, at least once.
    pub rounds: u32,
    /// How long each measurement takes.
    pub duration: Duration,
    /// What goes before it and does not count.
    pub warm_up: Duration,
    /// What the order of every round is drawn from.
    pub seed: u64,
    /// Who runs where.
    pub placement: Placement,
    /// Whether every byte that comes back is checked.
    pub verify: Verify,
    /// Whether system calls are counted.
    pub calls: Calls,
    /// How long a server may take to start, a connection to be accepted, a message to come back.
    pub patience: Duration,
    /// Version and commit of this program, for the reports.
    pub program: String,
    /// The command line as it was typed, for the reports.
    pub command_line: Vec<String>,
}

/// Who runs where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Servers on one core, the generator on another, if there are two.
    Apart,
    /// Wherever the scheduler puts them.
    Anywhere,
}

/// Whether system calls are counted: in a pass of its own after the last round, because whoever counts gets
/// in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// By perf(1) or strace(1), if one of them can.
    Counted,
    /// They are not.
    NotCounted,
}

/// Sees the comparison as it goes on.
pub trait Spectator {
    /// So many measurements are to come, which may take so long.
    fn begins(&mut self, _measurements: usize, _estimate: Duration) {}

    /// A measurement begins.
    fn measuring(&mut self, _step: &Step<'_>) {}

    /// About ten times a second: how many measurements are done, and how many thousandths of the present one.
    /// To break is to end early, with what was measured until then.
    fn progress(&mut self, _done: usize, _per_mille: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Sees nothing.
impl Spectator for () {}

/// A measurement.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Of whom.
    pub contender: &'a str,
    /// In what.
    pub scenario: &'a Scenario,
    /// For which time; the first is 1.
    pub round: u32,
}

impl Plan {
    /// Everybody who is measured in a round: the entries in their order, and the base once more.
    fn contenders(&self) -> Vec<Contender> {
        let mut contenders: Vec<Contender> = Vec::new();
        for entry in &self.entries {
            let role = if contenders.is_empty() {
                Role::Base
            } else {
                Role::Other
            };
            contenders.push(entry.contender(role));
        }
        contenders.extend(self.entries.first().map(|base| base.contender(Role::Again)));
        contenders
    }

    /// The entry behind a contender.
    fn entry_of(&self, contender: usize) -> usize {
        if contender == self.entries.len() {
            0
        } else {
            contender
        }
    }

    /// Measurements if nobody fails.
    fn measurements(&self) -> usize {
        let rounds = usize::try_from(self.rounds).unwrap_or(usize::MAX);
        (self.entries.len() + 1) * self.scenarios.len() * rounds
    }

    /// How long all of it may take.
    fn estimate(&self) -> Duration {
        let each = self.duration + self.warm_up + AROUND;
        each * u32::try_from(self.measurements()).unwrap_or(u32::MAX)
    }
}

/// Compares. Whatever a server does wrong is part of the comparison.
pub fn run(plan: &Plan, spectator: &mut impl Spectator) -> Comparison {
    let mut comparison = before_the_first_round(plan);
    spectator.begins(plan.measurements(), plan.estimate());
    let mut course = Course {
        plan,
        spectator,
        lots: SplitMix64::new(plan.seed),
        core: match comparison.pinning {
            Pinning::Apart { server, .. } => Some(server),
            Pinning::Off | Pinning::Impossible => None,
        },
        done: 0,
    };
    for scenario in &plan.scenarios {
        let (results, ended) = course.scenario(scenario, &comparison.contenders);
        comparison.scenarios.push(results);
        if ended.is_err() {
            comparison.ended_early = true;
            break;
        }
    }
    comparison
}

fn before_the_first_round(plan: &Plan) -> Comparison {
    Comparison {
        format: FORMAT,
        program: plan.program.clone(),
        command_line: plan.command_line.clone(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        machine: Machine::here(),
        pinning: place(plan.placement),
        seed: plan.seed,
        rounds: plan.rounds,
        duration_ns: nanoseconds(plan.duration),
        warm_up_ns: nanoseconds(plan.warm_up),
        checked: plan.verify.into(),
        contenders: plan.contenders(),
        scenarios: Vec::new(),
        ended_early: false,
    }
}

/// Puts the generator, which is this thread, on its core. The first and the last core are the least likely
/// to be two halves of one.
fn place(placement: Placement) -> Pinning {
    match (placement, cores::allowed().as_slice()) {
        (Placement::Anywhere, _) => Pinning::Off,
        (Placement::Apart, [server, .., generator]) => {
            let (server, generator) = (*server, *generator);
            match cores::pin_this_thread(generator) {
                Ok(()) => Pinning::Apart { server, generator },
                Err(_) => Pinning::Impossible,
            }
        }
        (Placement::Apart, _) => Pinning::Impossible,
    }
}

/// How far it is.
struct Course<'a, S> {
    plan: &'a Plan,
    spectator: &'a mut S,
    lots: SplitMix64,
    /// The core of the servers.
    core: Option<usize>,
    /// Measurements that are done, or need not be.
    done: usize,
}

impl<S: Spectator> Course<'_, S> {
    /// All rounds of a scenario; as many as there were before somebody wanted to stop.
    fn scenario(
        &mut self,
        scenario: &Scenario,
        contenders: &[Contender],
    ) -> (Results, Result<(), Stopped>) {
        let mut results = Results {
            scenario: *scenario,
            measurements: Vec::new(),
            calls: Vec::new(),
        };
        for round in 1..=self.plan.rounds {
            if let Err(stopped) = self.round(round, contenders, &mut results) {
                return (results, Err(stopped));
            }
        }
        let counted = match self.plan.calls {
            Calls::Counted => self.count_calls(&mut results),
            Calls::NotCounted => Ok(()),
        };
        (results, counted)
    }

    /// The pass in which system calls are counted. Its time is not part of the estimate's bar.
    fn count_calls(&mut self, results: &mut Results) -> Result<(), Stopped> {
        for contender in 0..self.plan.entries.len() {
            if has_failed(results, contender) {
                continue;
            }
            let (spectator, done) = (&mut *self.spectator, self.done);
            let mut progress = |_per_mille| spectator.progress(done, 0);
            let scenario = &results.scenario;
            let counted = count_calls(self.plan, contender, self.core, scenario, &mut progress)?;
            results
                .calls
                .extend(counted.map(|counted| model::Calls { contender, counted }));
        }
        Ok(())
    }

    fn round(
        &mut self,
        round: u32,
        contenders: &[Contender],
        results: &mut Results,
    ) -> Result<(), Stopped> {
        let mut order: Vec<(usize, &Contender)> = contenders.iter().enumerate().collect();
        self.lots.shuffle(&mut order);
        for (index, contender) in order {
            if !has_failed(results, index) {
                let step = Step {
                    contender: &contender.name,
                    scenario: &results.scenario,
                    round,
                };
                let measurement = self.measurement(index, &step)?;
                results.measurements.push(measurement);
            }
            self.done += 1;
        }
        Ok(())
    }

    /// Measures, and once more if too much time was stolen.
    fn measurement(&mut self, contender: usize, step: &Step<'_>) -> Result<Measurement, Stopped> {
        self.spectator.measuring(step);
        let mut thrown_away = 0;
        loop {
            // A load shorter than a tenth of a second asks nobody.
            if self.spectator.progress(self.done, 0).is_break() {
                return Err(Stopped);
            }
            let before = Ticks::now();
            let (spectator, done) = (&mut *self.spectator, self.done);
            let mut progress = |per_mille| spectator.progress(done, per_mille);
            let entry = self.plan.entry_of(contender);
            let finding = measure(self.plan, entry, self.core, step.scenario, &mut progress)?;
            let stolen = Ticks::now()
                .zip(before)
                .map(|(now, before)| now.stolen_since(before));
            let spoiled = stolen.is_some_and(|share| share > TOO_MUCH_STOLEN);
            if spoiled && thrown_away < REPETITIONS && matches!(finding, Finding::Measured(_)) {
                thrown_away += 1;
                continue;
            }
            return Ok(Measurement {
                contender,
                round: step.round,
                stolen,
                thrown_away,
                finding,
            });
        }
    }
}

fn has_failed(results: &Results, contender: usize) -> bool {
    let mut own = super::summary::of_contender(results, contender);
    own.any(|measurement| matches!(measurement.finding, Finding::Failed(_)))
}
