//! The rounds of a scenario: each of them measures every contender once, in shuffled order.

use super::measure::{RoundOutcome, Stopped, measure};
use super::observer::{MeasurementStart, ProgressObserver};
use super::profile::flame_graph;
use super::syscalls::count_syscalls;
use crate::measure::bench::{CpuTicks, MAX_STOLEN_SHARE};
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::extra::Extra;
use crate::measure::compare::failure::ContenderFailure;
use crate::measure::compare::model::{
    Contender, Measurement, MeasurementStatus, MergedLatency, Role, ScenarioResults,
    SyscallMeasurement,
};
use crate::measure::compare::pairs::is_narrow;
use crate::measure::compare::plan::{MAX_EXTENSION, Plan};
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::load::Latency;
use crate::rng::SplitMix64;
use std::collections::BTreeMap;

/// How often a measurement is repeated because too much time was stolen.
const MAX_REPETITIONS: u32 = 2;

/// A contender with what it takes to start it.
pub(super) struct Participant<'a> {
    pub(super) contender: Contender,
    pub(super) spec: &'a ContenderSpec,
}

impl<'a> Participant<'a> {
    pub(super) fn new((role, spec): (Role, &'a ContenderSpec)) -> Self {
        let contender = spec.contender(role);
        Self { contender, spec }
    }
}

/// Measures scenario by scenario.
pub(super) struct Runner<'a, O> {
    pub(super) plan: &'a Plan,
    pub(super) observer: &'a mut O,
    pub(super) participants: &'a [Participant<'a>],
    pub(super) rng: SplitMix64,
    /// The cores of the servers; `None` if the scheduler places them.
    pub(super) server_cores: Option<Vec<usize>>,
    /// The cores of servers and generator; none if the scheduler places them.
    pub(super) cores: Vec<usize>,
    /// Measurements done or skipped.
    pub(super) done: usize,
}

impl<O: ProgressObserver> Runner<'_, O> {
    /// All rounds of a scenario, and the passes after them.
    pub(super) fn scenario(&mut self, results: &mut ScenarioResults) -> Result<(), Stopped> {
        let mut merged = BTreeMap::new();
        let finished = self.rounds(results, &mut merged);
        let latencies = merged.iter().map(|(contender, latency)| MergedLatency {
            contender: *contender,
            latency: latency.into(),
        });
        results.latencies = latencies.collect();
        finished?;
        if self.plan.syscalls == Extra::Wanted {
            self.syscall_pass(results)?;
        }
        if self.plan.flame_graphs == Extra::Wanted {
            self.profile_pass(results)?;
        }
        Ok(())
    }

    /// As many rounds as were asked for, and more until the intervals are narrow.
    fn rounds(
        &mut self,
        results: &mut ScenarioResults,
        merged: &mut BTreeMap<usize, Latency>,
    ) -> Result<(), Stopped> {
        let participants = self.participants.iter();
        let contenders: Vec<Contender> = participants.map(|it| it.contender.clone()).collect();
        let until = self.plan.until;
        let most = self.plan.rounds.saturating_mul(MAX_EXTENSION);
        let is_wide = |results: &ScenarioResults| {
            until.is_some_and(|share| !is_narrow(&contenders, results, share))
        };
        let mut round = 0;
        while round < self.plan.rounds || (round < most && is_wide(results)) {
            round += 1;
            self.round(round, results, merged)?;
        }
        Ok(())
    }

    /// Measures every contender once. One that has failed for good is not measured again, nor one that twice did not hold the
    /// rate.
    fn round(
        &mut self,
        round: u32,
        results: &mut ScenarioResults,
        merged: &mut BTreeMap<usize, Latency>,
    ) -> Result<(), Stopped> {
        let mut order: Vec<usize> = (0..self.participants.len()).collect();
        self.rng.shuffle(&mut order);
        for contender in order {
            let is_overloaded = round > 2 && results.rate_missed_by(contender).is_some();
            if !results.has_failed_for_good(contender) && !is_overloaded {
                let scenario = results.scenario;
                let (measurement, latency) = self.measure(contender, &scenario, round)?;
                results.measurements.push(measurement);
                if let Some(latency) = latency {
                    merged.entry(contender).or_default().merge(&latency);
                }
            }
            self.done += 1;
        }
        Ok(())
    }

    /// Measures, and repeats it if too much time was stolen. Also returns the latencies.
    pub(super) fn measure(
        &mut self,
        contender: usize,
        scenario: &Scenario,
        round: u32,
    ) -> Result<(Measurement, Option<Latency>), Stopped> {
        let Some(participant) = self.participants.get(contender) else {
            return Err(Stopped);
        };
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
            let before = CpuTicks::of(&self.cores);
            let (observer, done) = (&mut *self.observer, self.done);
            let mut progress = |per_mille| observer.progress(done, per_mille);
            let (spec, cores) = (participant.spec, self.server_cores.as_deref());
            let RoundOutcome { status, latency } =
                measure(self.plan, spec, cores, scenario, &mut progress)?;
            let ticks = CpuTicks::of(&self.cores).zip(before);
            let stolen_share = ticks.map(|(now, before)| now.stolen_share_since(before));
            if is_spoiled(&status, stolen_share) && discarded < MAX_REPETITIONS {
                discarded += 1;
                continue;
            }
            let measurement = Measurement {
                contender,
                round,
                stolen_share,
                discarded,
                status,
            };
            return Ok((measurement, latency));
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
            let (cores, scenario) = (self.server_cores.as_deref(), &results.scenario);
            let status = count_syscalls(self.plan, spec, cores, scenario, &mut progress)?;
            let counted = status.map(|status| SyscallMeasurement { contender, status });
            results.syscalls.extend(counted);
        }
        Ok(())
    }

    /// Draws a flame graph of every contender that has not failed. Idle connections need no processor time.
    fn profile_pass(&mut self, results: &ScenarioResults) -> Result<(), Stopped> {
        let scenario = &results.scenario;
        for (contender, spec) in self.plan.contenders.iter().enumerate() {
            let is_idle = scenario.pattern == ScenarioPattern::Idle;
            if is_idle || results.failure_of(contender).is_some() {
                continue;
            }
            let (observer, done) = (&mut *self.observer, self.done);
            let mut progress = |_per_mille| observer.progress(done, 0);
            let cores = self.server_cores.as_deref();
            let graph = flame_graph(self.plan, spec, cores, scenario, &mut progress)?;
            self.observer.flame_graph(&spec.name, scenario, graph);
        }
        Ok(())
    }
}

/// Whether a measurement says more about the machine than about the contender. A busy machine may not schedule the server
/// during a short measurement.
fn is_spoiled(status: &MeasurementStatus, stolen_share: Option<f64>) -> bool {
    match status {
        MeasurementStatus::Measured(_) => stolen_share.is_some_and(|it| it > MAX_STOLEN_SHARE),
        MeasurementStatus::Failed(failure) => *failure == ContenderFailure::Stalled,
    }
}
