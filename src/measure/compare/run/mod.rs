//! The rounds: each of them measures every contender once, in shuffled order.
//!
//! `measure` is one measurement of one contender, `fairness` one that combines three loads; `runner` measures the rounds of
//! a scenario, with the passes in `syscalls`, which counts system calls, and in `profile`, which draws flame graphs; `follow_up` adds scenarios at rates that follow from
//! what was measured, which `rates` computes.

mod fairness;
mod follow_up;
mod measure;
mod observer;
mod profile;
mod rates;
mod runner;
mod syscalls;

pub use observer::{MeasurementStart, ProgressObserver};

use super::model::{Comparison, FORMAT};
use super::plan::{FollowUp, Plan};
use crate::measure::bench::Machine;
use crate::measure::process::Pinning;
use crate::rng::SplitMix64;
use crate::text::units::nanoseconds;
use crate::text::version::PROGRAM;
use measure::Stopped;
use runner::{Participant, Runner};
use std::time::SystemTime;

/// Runs the comparison. A failure of a contender is part of the result, not an error.
pub fn run(plan: &Plan, observer: &mut impl ProgressObserver) -> Comparison {
    let participants: Vec<Participant<'_>> = plan.participants().map(Participant::new).collect();
    let mut comparison = new_comparison(plan, &participants);
    observer.started(plan.measurements(), plan.estimate());
    let mut runner = Runner {
        plan,
        observer,
        participants: &participants,
        rng: SplitMix64::new(plan.seed),
        server_cores: comparison.pinning.server_cores().map(<[usize]>::to_vec),
        cores: comparison.pinning.cores(),
        done: 0,
    };
    for scenario in &plan.scenarios {
        let finished = runner.add(*scenario, &mut comparison);
        let finished = finished.and_then(|()| runner.follow_up(&mut comparison));
        if let Err(Stopped) = finished {
            return comparison;
        }
    }
    comparison.ended_early = false;
    comparison
}

fn new_comparison(plan: &Plan, participants: &[Participant<'_>]) -> Comparison {
    Comparison {
        format: FORMAT,
        program: PROGRAM.to_owned(),
        command_line: plan.command_line.clone(),
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        machine: Machine::current(),
        pinning: Pinning::apply(&plan.placement, plan.threads),
        seed: plan.seed,
        rounds: plan.rounds,
        until: plan.until,
        margin: plan.margin,
        find_rate: match &plan.follow_up {
            FollowUp::FindRate(condition) => Some(condition.to_string()),
            FollowUp::Nothing | FollowUp::CommonRate | FollowUp::Sweep => None,
        },
        duration_ns: nanoseconds(plan.duration),
        warm_up_ns: nanoseconds(plan.warm_up.least()),
        warm_up_extension_ns: nanoseconds(plan.warm_up.extension()),
        arrivals: plan.arrivals.to_string(),
        connect_rate: plan.connect_rate,
        timeout_ns: Some(nanoseconds(plan.timeout)),
        threads: plan.threads,
        verify: plan.verify,
        contenders: participants.iter().map(|it| it.contender.clone()).collect(),
        scenarios: Vec::new(),
        // Until the last scenario is done.
        ended_early: true,
        before: None,
        merged: Vec::new(),
    }
}
