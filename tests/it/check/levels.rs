//! The grader agrees with the course: each step reaches its level and misses the next one.

use crate::harness::in_some_attempt;
use crate::steps::{STEPS, built_example};
use mio_echo::check::{
    self, CheckPlan, CheckReport, CheckTarget, Effort, Level, OnFailure, Selection,
};
use mio_echo::measure::load::Transport;
use mio_echo::measure::process::CommandLine;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// What each step still breaks at the next level; for the last step there is none. Step 4 keeps all of level 5: edges change what a wait costs, not
/// what a client sees.
const MISSED: [Option<&str>; 6] = [
    Some("several-clients"),
    Some("idle-cpu"),
    Some("slow-beside-quick"),
    None,
    Some("descriptor-limit"),
    None,
];

#[test]
fn each_step_of_the_course_reaches_its_level_and_misses_the_next() {
    thread::scope(|scope| {
        for ((step, own), missed) in STEPS.into_iter().zip(Level::ALL).zip(MISSED) {
            scope.spawn(move || {
                // On a busy machine a server may be silent for too long, but not in each attempt.
                in_some_attempt(|| is_as_expected(step, own, missed));
            });
        }
    });
}

/// Whether the first check that the step fails at the next level is `missed`. The checks of its own level come before.
fn is_as_expected(step: &str, own: Level, missed: Option<&str>) -> Result<(), String> {
    let next = Level::of(own.number() + 1).unwrap_or(own);
    let report = graded(step, next);
    let failure = report.failures().next().map(|failure| failure.check);
    let is_above = failure.is_none_or(|check| check.level > Some(own));
    let reached = if missed.is_some() { own } else { next };
    let is_graded = report.grade.map(|grade| grade.reached) == Some(reached.number());
    if failure.map(|check| check.name) == missed && is_above && is_graded {
        Ok(())
    } else {
        Err(format!("{step}: {report:#?}"))
    }
}

/// What `--level` would report of a step, with less effort.
fn graded(step: &str, level: Level) -> CheckReport {
    let selection = Selection {
        level: Some(level),
        ..Selection::default()
    };
    let plan = CheckPlan {
        name: step.to_owned(),
        target: CheckTarget::Command(CommandLine::new(built_example(step), ["127.0.0.1:{port}"])),
        transport: Transport::Stream,
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: None,
        timeout: Duration::from_secs(2),
        on_failure: OnFailure::Stop(level),
    };
    check::run(&plan, &AtomicBool::new(false), |_, _| {}).unwrap()
}
