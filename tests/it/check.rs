//! `mio-echo check`: our own server keeps every promise, and each check catches a server that breaks it.

mod caught;
mod command_line;
mod faulty_server;
#[cfg(target_os = "linux")]
mod levels;

use faulty_server::Fault;
use mio_echo::check::{
    self, CHECKS, CheckPlan, CheckReport, CheckStatus, CheckTarget, Effort, OnFailure, Selection,
};
use mio_echo::measure::process::CommandLine;
use std::env;
use std::ffi::OsString;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// Long enough for a right server on a busy machine, and what each check of a silent one costs.
const TIMEOUT: Duration = Duration::from_millis(1500);

/// Tells the test `serve` to be a server: a fault and a port.
const SERVE: &str = "MIO_ECHO_FAULTY_SERVER";

#[test]
#[ignore = "a server for the other tests, which start it as a process"]
fn serve() {
    if let Ok(order) = env::var(SERVE) {
        let (fault, port) = order.split_once(' ').unwrap();
        faulty_server::serve(fault.parse().unwrap(), port.parse().unwrap());
    }
}

/// The command line of a server with this fault.
fn command(fault: Fault) -> CommandLine {
    let this_program = env::current_exe().unwrap();
    let order = format!("{SERVE}={fault:?} {{port}}");
    let arguments = ["check::serve", "--exact", "--ignored", "--nocapture"];
    let words = [order.into(), this_program.into_os_string()];
    let words = words.into_iter().chain(arguments.map(OsString::from));
    CommandLine::new("env", words)
}

/// The report of these checks of a server with this fault.
fn checked(fault: Fault, names: &[&str]) -> CheckReport {
    report(command(fault), names)
}

/// The report of these checks of a server.
fn report(server: CommandLine, names: &[&str]) -> CheckReport {
    let selection = Selection {
        only: names.iter().map(|&name| name.to_owned()).collect(),
        ..Selection::default()
    };
    let plan = CheckPlan {
        name: server.to_string(),
        target: CheckTarget::Command(server),
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: None,
        timeout: TIMEOUT,
        on_failure: OnFailure::Continue,
    };
    check::run(&plan, &AtomicBool::new(false), |_, _| {}).unwrap()
}

/// What a check of a server with a fault is expected to find: its name, and words of the symptom.
type Failures<'a> = &'a [(&'a str, &'a str)];

/// [`expect_failures`] for several faults at the same time: most of the time is spent waiting.
fn expect_each(cases: &[(Fault, Failures<'_>)]) {
    thread::scope(|scope| {
        for (fault, failures) in cases {
            scope.spawn(move || expect_failures(*fault, failures));
        }
    });
}

/// Checks a server with this fault by all checks that are quick and by these, and expects these and no others to
/// fail, each with a symptom that contains the given words.
fn expect_failures(fault: Fault, failures: Failures<'_>) {
    let quick = CHECKS.iter().filter(|check| check.quick).map(|it| it.name);
    let names: Vec<&str> = failures
        .iter()
        .map(|(name, _)| *name)
        .chain(quick)
        .collect();
    let report = checked(fault, &names);
    for result in &report.results {
        let expected = failures.iter().find(|(name, _)| *name == result.check.name);
        match (&result.status, expected) {
            (CheckStatus::Passed { .. }, None) => {}
            (CheckStatus::Failed { symptom, .. }, Some((_, words))) => {
                assert!(symptom.contains(words), "{fault:?}: {result:?}");
            }
            _ => panic!("{fault:?}: unexpected: {result:?}"),
        }
    }
}

fn words(command: &CommandLine) -> Vec<OsString> {
    let program = std::iter::once(command.program.clone());
    program.chain(command.arguments.iter().cloned()).collect()
}

fn assert_failed(report: &CheckReport, failures: Failures<'_>) {
    let failed: Vec<&str> = report.failures().map(|it| it.check.name).collect();
    let expected: Vec<&str> = failures.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, expected, "{report:#?}");
    for (result, (_, words)) in report.failures().zip(failures) {
        let CheckStatus::Failed { symptom, .. } = &result.status else {
            continue;
        };
        assert!(symptom.contains(words), "{result:?}");
    }
}
