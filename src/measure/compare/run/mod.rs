//! The rounds: each of them measures every contender once, in shuffled order.
//!
//! `measure` is one measurement of one contender; `fairness` combines three loads. `syscalls` is the pass that counts system calls.

mod fairness;
mod measure;
mod syscalls;

use super::contender::ContenderSpec;
use super::model::{
    Comparison, Contender, ContenderFailure, FORMAT, Measurement, MeasurementStatus, Role,
    ScenarioResults, SyscallMeasurement,
};
use super::plan::{Plan, SyscallPass};
use super::scenario::Scenario;
use crate::measure::bench::{CpuTicks, MAX_STOLEN_SHARE, Machine};
use crate::measure::process::Pinning;
use crate::measure::rng::SplitMix64;
use crate::text::units::nanoseconds;
use crate::text::version::PROGRAM;
use measure::{Stopped, measure};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};
use syscalls::count_syscalls;

/// How often a measurement is repeated because too much time was stolen.
const MAX_REPETITIONS: u32 = 2;

/// Follows a comparison while it runs.
pub trait ProgressObserver {
    /// The comparison starts: it has this many measurements and may take this long.
    fn started(&mut self, _measurements: usize, _estimate: Duration) {}

    /// A measurement starts.
    fn measurement_started(&mut self, _start: &MeasurementStart<'_>) {}

    /// Called about ten times a second, with the number of measurements done and the thousandths done of the current
    /// one. `Break` ends the comparison early, with what was measured until then.
    fn progress(&mut self, _done: usize, _per_mille: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A scenario is done, and others follow: the comparison so far, which counts as ended early.
    fn scenario_done(&mut self, _so_far: &Comparison) {}
}

/// Ignores everything.
impl ProgressObserver for () {}

/// A measurement that starts.
#[derive(Debug, Clone, Copy)]
pub struct MeasurementStart<'a> {
    /// Name of the contender.
    pub contender: &'a str,
    /// Its load.
    pub scenario: &'a Scenario,
    /// The round; the first is 1.
    pub round: u32,
}

/// Runs the comparison. A failure of a contender is part of the result, not an error.
pub fn run(plan: &Plan, observer: &mut impl ProgressObserver) -> Comparison {
    let participants: Vec<Participant<'_>> = plan.participants().map(Participant::new).collect();
    let mut comparison = Comparison {
        format: FORMAT,
        program: PROGRAM.to_owned(),
        command_line: plan.command_line.clone(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        machine: Machine::current(),
        pinning: Pinning::apply(plan.placement),
        seed: plan.seed,
        rounds: plan.rounds,
        margin: plan.margin,
        duration_ns: nanoseconds(plan.duration),
        warm_up_ns: nanoseconds(plan.warm_up),
        verify: plan.verify,
        contenders: participants.iter().map(|it| it.contender.clone()).collect(),
        scenarios: Vec::new(),
        // Until the last scenario is done.
        ended_early: true,
    };
    observer.started(plan.measurements(), plan.estimate());
    let mut runner = Runner {
        plan,
        observer,
        participants: &participants,
        rng: SplitMix64::new(plan.seed),
        server_core: comparison.pinning.server_core(),
        done: 0,
    };
    for scenario in &plan.scenarios {
        let mut results = ScenarioResults::new(*scenario);
        let finished = runner.scenario(&mut results);
        comparison.scenarios.push(results);
        if let Err(Stopped) = finished {
            return comparison;
        }
        if comparison.scenarios.len() < plan.scenarios.len() {
            runner.observer.scenario_done(&comparison);
        }
    }
    comparison.ended_early = false;
    comparison
}

/// A contender with what it takes to start it.
struct Participant<'a> {
    contender: Contender,
    spec: &'a ContenderSpec,
}

impl<'a> Participant<'a> {
    fn new((role, spec): (Role, &'a ContenderSpec)) -> Self {
        let contender = spec.contender(role);
        Self { contender, spec }
    }
}

struct Runner<'a, O> {
    plan: &'a Plan,
    observer: &'a mut O,
    participants: &'a [Participant<'a>],
    rng: SplitMix64,
    /// The core of the servers; `None` if the scheduler places them.
    server_core: Option<usize>,
    /// Measurements done or skipped.
    done: usize,
}

impl<O: ProgressObserver> Runner<'_, O> {
    fn scenario(&mut self, results: &mut ScenarioResults) -> Result<(), Stopped> {
        for round in 1..=self.plan.rounds {
            self.round(round, results)?;
        }
        match self.plan.syscalls {
            SyscallPass::Run => self.syscall_pass(results),
            SyscallPass::Skip => Ok(()),
        }
    }

    fn round(&mut self, round: u32, results: &mut ScenarioResults) -> Result<(), Stopped> {
        let mut order: Vec<(usize, &Participant<'_>)> =
            self.participants.iter().enumerate().collect();
        self.rng.shuffle(&mut order);
        for (index, participant) in order {
            if results.failure_of(index).is_none() {
                let scenario = &results.scenario;
                let measurement = self.measure(index, participant, scenario, round)?;
                results.measurements.push(measurement);
            }
            self.done += 1;
        }
        Ok(())
    }

    /// Measures, and repeats it if too much time was stolen.
    fn measure(
        &mut self,
        contender: usize,
        participant: &Participant<'_>,
        scenario: &Scenario,
        round: u32,
    ) -> Result<Measurement, Stopped> {
        self.observer.measurement_started(&MeasurementStart {
            contender: &participant.contender.name,
            scenario,
            round,
        });
        let mut discarded = 0;
        loop {
            // A load shorter than a tenth of a second never reports progress.
            if self.observer.progress(self.done, 0).is_break() {
                return Err(Stopped);
            }
            let before = CpuTicks::now();
            let (observer, done) = (&mut *self.observer, self.done);
            let mut progress = |per_mille| observer.progress(done, per_mille);
            let (spec, core) = (participant.spec, self.server_core);
            let status = measure(self.plan, spec, core, scenario, &mut progress)?;
            let ticks = CpuTicks::now().zip(before);
            let stolen_share = ticks.map(|(now, before)| now.stolen_share_since(before));
            // A busy machine may not schedule the server during a short measurement.
            let is_spoiled = match &status {
                MeasurementStatus::Measured(_) => {
                    stolen_share.is_some_and(|share| share > MAX_STOLEN_SHARE)
                }
                MeasurementStatus::Failed(failure) => *failure == ContenderFailure::Stalled,
            };
            if is_spoiled && discarded < MAX_REPETITIONS {
                discarded += 1;
                continue;
            }
            return Ok(Measurement {
                contender,
                round,
                stolen_share,
                discarded,
                status,
            });
        }
    }

    /// Counts the system calls of every contender that has not failed. The progress bar does not include this pass.
    fn syscall_pass(&mut self, results: &mut ScenarioResults) -> Result<(), Stopped> {
        for (contender, spec) in self.plan.contenders.iter().enumerate() {
            if results.failure_of(contender).is_some() {
                continue;
            }
            let (observer, done) = (&mut *self.observer, self.done);
            let mut progress = |_per_mille| observer.progress(done, 0);
            let (core, scenario) = (self.server_core, &results.scenario);
            let status = count_syscalls(self.plan, spec, core, scenario, &mut progress)?;
            let counted = status.map(|status| SyscallMeasurement { contender, status });
            results.syscalls.extend(counted);
        }
        Ok(())
    }
}
