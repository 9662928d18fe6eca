//! The grader agrees with the course: each step reaches its level and misses the next one.

use crate::steps::{STEPS, built_example};
use mio_echo::check::{
    self, CheckPlan, CheckReport, CheckTarget, Effort, Level, OnFailure, Selection,
};
use mio_echo::measure::process::CommandLine;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// What each step still breaks at the next level. Step 4 keeps all of level 5: edges change what a wait costs, not
/// what a client sees.
const MISSED: [Option<&str>; 5] = [
    Some("several-clients"),
    Some("idle-cpu"),
    Some("slow-beside-quick"),
    None,
    Some("descriptor-limit"),
];

#[test]
fn each_step_of_the_course_reaches_its_level_and_misses_the_next() {
    let own = STEPS.into_iter().zip(Level::ALL).map(|case| (case, None));
    let next = STEPS
        .into_iter()
        .zip(Level::ALL.into_iter().skip(1))
        .zip(MISSED);
    thread::scope(|scope| {
        for ((step, level), missed) in own.chain(next) {
            scope.spawn(move || {
                let report = graded(step, level);
                let failure = report.failures().next().map(|failure| failure.check.name);
                assert_eq!(failure, missed, "{step}: {report:#?}");
            });
        }
    });
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
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: None,
        timeout: Duration::from_secs(2),
        on_failure: OnFailure::Stop,
    };
    check::run(&plan, &AtomicBool::new(false), |_, _| {}).unwrap()
}
