//! The limit on the time of all checks together.

use super::command_line::run;
use super::faulty_server::Fault;
use super::{command, words};
use crate::harness::{Child, in_some_attempt};
use mio_echo::check::{
    self, CheckPlan, CheckReport, CheckStatus, CheckTarget, Effort, OnFailure, Selection,
};
use mio_echo::measure::load::Transport;
use mio_echo::measure::process::CommandLine;
use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// The report of these checks, which have this time together.
fn checked_within(time: Duration, target: CheckTarget, names: &[&str]) -> CheckReport {
    let selection = Selection {
        only: names.iter().map(|&name| name.to_owned()).collect(),
        ..Selection::default()
    };
    let plan = CheckPlan {
        name: "server".to_owned(),
        target,
        transport: Transport::Stream,
        checks: selection.checks().unwrap(),
        effort: Effort::Quick,
        time: Some(time),
        timeout: Duration::from_millis(600),
        on_failure: OnFailure::Continue,
    };
    check::run(&plan, &AtomicBool::new(false), |_, _| {}).unwrap()
}

fn has_no_time(status: &CheckStatus) -> bool {
    matches!(status, CheckStatus::NotRun { reason } if reason == "no time was left")
}

#[test]
fn a_silent_server_is_not_probed_when_the_time_is_up() {
    in_some_attempt(|| {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = silent.local_addr().unwrap().to_string().parse().unwrap();
        // It falls silent once the connection that finds it and the one before the first check are served.
        let listener = silent.try_clone().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let stream = stream.unwrap();
                _ = io::copy(&mut &stream, &mut &stream);
            }
        });
        let target = CheckTarget::Running(endpoint);
        let names = ["byte-by-byte", "half-close"];
        let report = checked_within(Duration::from_millis(700), target, &names);
        match [&report.results[0].status, &report.results[1].status] {
            // A probe would report that the server no longer echoes.
            [CheckStatus::Failed { symptom, .. }, half_close]
                if symptom.ends_with("after 0 of 1 byte") && has_no_time(half_close) =>
            {
                Ok(())
            }
            _ => Err(format!("{report:#?}")),
        }
    });
}

#[test]
fn a_server_is_not_waited_for_when_the_time_is_up() {
    in_some_attempt(|| {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        // Its second start takes longer than the ten seconds that a start may take.
        let script = r#"[ -e "$0" ] && exec sleep 60; touch "$0"; exec "$@""#;
        let arguments = ["-c".into(), script.into(), started.into_os_string()];
        let arguments = arguments
            .into_iter()
            .chain(words(&command(Fault::ExitsOnReset)));
        let arguments: Vec<OsString> = arguments.collect();
        let target = CheckTarget::Command(CommandLine::new("sh", arguments));
        let names = ["reset-midway", "urgent-data"];
        let report = checked_within(Duration::from_secs(1), target, &names);
        match [&report.results[0].status, &report.results[1].status] {
            [CheckStatus::Failed { symptom, .. }, urgent]
                if symptom.contains("the server exited with status 104")
                    && has_no_time(urgent)
                    && report.seconds < 9.0 =>
            {
                Ok(())
            }
            _ => Err(format!("{report:#?}")),
        }
    });
}

#[test]
fn a_check_that_is_cut_short_is_no_result() {
    let (_server, address) = Child::serve(&[]);
    let address = address.to_string();
    // The pause alone takes a second.
    let names = "byte-by-byte,alive-after-pause";
    in_some_attempt(|| {
        let output = run(&[&address, "--only", names, "--time-limit", "900ms"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let is_skipped = text.contains(" skip  alive-after-pause  no time was left")
            && text.contains("1 of 2 checks was not run: no time was left\n");
        if output.status.success() && is_skipped {
            Ok(())
        } else {
            Err(text)
        }
    });
}
