//! `mio-echo check`: our own server keeps every promise, and each check catches a server that breaks it.

mod caught;
mod command_line;
mod datagrams;
mod faulty_server;
#[cfg(target_os = "linux")]
mod levels;
#[cfg(target_os = "linux")]
mod processes;
mod time_limit;

use crate::harness::in_some_attempt;
use faulty_server::Fault;
use mio_echo::check::{
    self, CHECKS, CheckPlan, CheckReport, CheckStatus, CheckTarget, Effort, OnFailure, Selection,
};
use mio_echo::measure::load::Transport;
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

/// Whether a server passes a check, with little effort. In the tests of exercises and experiments.
#[cfg(target_os = "linux")]
pub(crate) fn passes(server: CommandLine, check: &str, timeout: Duration) -> bool {
    let report = report_within(timeout, server, &[check]);
    assert_eq!(report.not_applicable(), 0, "{report:#?}");
    report.failed() == 0
}

/// The report of these checks of a server.
fn report(server: CommandLine, names: &[&str]) -> CheckReport {
    report_within(TIMEOUT, server, names)
}

fn report_within(timeout: Duration, server: CommandLine, names: &[&str]) -> CheckReport {
    try_report(timeout, server, names).unwrap()
}

fn try_report(
    timeout: Duration,
    server: CommandLine,
    names: &[&str],
) -> Result<CheckReport, String> {
    let selection = Selection {
        only: names.iter().map(|&name| name.to_owned()).collect(),
        ..Selection::default()
    };
    let plan = CheckPlan {
        name: server.to_string(),
        target: CheckTarget::Command(server),
        transport: Transport::Stream,
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: None,
        timeout,
        on_failure: OnFailure::Continue,
    };
    let report = check::run(&plan, &AtomicBool::new(false), |_, _| {});
    report.map_err(|error| error.to_string())
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
/// fail, as [`expect_only`] does.
fn expect_failures(fault: Fault, failures: Failures<'_>) {
    let quick = CHECKS.iter().filter(|check| check.quick).map(|it| it.name);
    let names: Vec<&str> = failures
        .iter()
        .map(|(name, _)| *name)
        .chain(quick)
        .collect();
    expect_only(fault, &names, failures);
}

/// Runs these checks of a server with this fault. Expects these failures and no others, each with a symptom that contains
/// the given words. On a busy machine a server may be silent for too long, but not in each attempt.
fn expect_only(fault: Fault, names: &[&str], failures: Failures<'_>) {
    expect_failures_of(&command(fault), names, failures);
}

/// As [`expect_only`], of any server.
fn expect_failures_of(server: &CommandLine, names: &[&str], failures: Failures<'_>) {
    in_some_attempt(|| has_failures(&try_report(TIMEOUT, server.clone(), names)?, failures));
}

/// Whether these checks have failed, each with a symptom that contains the given words, and all others have passed.
fn has_failures(report: &CheckReport, failures: Failures<'_>) -> Result<(), String> {
    for result in &report.results {
        let expected = failures.iter().find(|(name, _)| *name == result.check.name);
        let is_expected = match (&result.status, expected) {
            (CheckStatus::Passed { .. }, None) => true,
            (CheckStatus::Failed { symptom, .. }, Some((_, words))) => symptom.contains(words),
            _ => false,
        };
        if !is_expected {
            return Err(format!("{}: {result:?}", report.server));
        }
    }
    Ok(())
}

fn words(command: &CommandLine) -> Vec<OsString> {
    let program = std::iter::once(command.program.clone());
    program.chain(command.arguments.iter().cloned()).collect()
}
