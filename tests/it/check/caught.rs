//! Each check catches the server that breaks its promise, and no other check does.

use super::faulty_server::Fault;
use super::{
    checked, command, expect_each, expect_failures, expect_only, has_failures, report, words,
};
use crate::harness::in_some_attempt;
use mio_echo::check::{CHECKS, CheckResult, CheckStatus};
use mio_echo::measure::process::CommandLine;
use std::ffi::OsString;

#[test]
fn a_right_server_without_a_handler_fails_only_what_needs_one() {
    let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    let failures = [("stop-without-loss", ""), ("urgent-data", "")];
    expect_only(Fault::None, &names, &failures);
}

#[test]
fn wrong_bytes_are_found_at_their_offset() {
    let failures = [
        ("exact-sizes", "65,535 bytes: byte 5000 differs"),
        ("all-byte-values", "byte 5000 differs"),
    ];
    expect_failures(Fault::CorruptsAByte, &failures);
    let report = checked(Fault::CorruptsAByte, &["all-byte-values"]);
    let offset = match report.results[0].status {
        CheckStatus::Failed { offset, .. } => offset,
        _ => None,
    };
    assert_eq!(offset, Some(5000));
    let failures = [("exact-sizes", "more came back than the 4,096 bytes sent")];
    expect_failures(Fault::AddsAByte, &failures);
}

#[test]
fn a_server_that_never_echoes_is_reported_once() {
    let report = checked(Fault::Silent, &["byte-by-byte", "half-close", "idle-cpu"]);
    let first = "it does not echo: nothing came back for a line, nor for the FIN after it";
    let expected = |result: &CheckResult| match &result.status {
        CheckStatus::Failed { symptom, .. } => symptom == first,
        CheckStatus::NotRun { reason } => reason == "the server does not echo",
        CheckStatus::Passed { .. } | CheckStatus::NotApplicable { .. } => false,
    };
    assert!(report.results.iter().all(expected), "{report:#?}");
    assert_eq!((report.failed(), report.passed()), (1, 0));
}

#[test]
fn a_greeting_is_shown() {
    let failures = [("half-close", r#"("220 ready")"#)];
    expect_only(Fault::Greets, &["half-close"], &failures);
}

#[test]
fn a_server_of_text_is_found() {
    let names = ["byte-by-byte", "half-close"];
    expect_only(Fault::EchoesLines, &names, &names.map(|name| (name, "")));
    let decodes = [
        ("all-byte-values", "after 0 of 131,072 bytes"),
        ("split-utf8", "after 0 of 21 bytes"),
    ];
    expect_failures(Fault::DecodesText, &decodes);
}

#[test]
fn a_half_close_that_loses_bytes_is_found() {
    let closed = [
        ("half-close", "FIN after 1 byte: closed after 0 of 1 byte"),
        ("half-close-bulk", "4 MiB: "),
        ("half-close-read-late", "64 KiB: "),
        (
            "fin-with-data",
            "connection 1 of 50: closed after 0 of 64 bytes",
        ),
    ];
    let given_up = [("half-close-read-late", "16 MiB: ")];
    expect_each(&[
        (Fault::ClosesOnFin, &closed),
        (Fault::GivesUpAfterFin, &given_up),
    ]);
}

#[test]
fn a_server_of_one_client_at_a_time_is_found() {
    let one = [
        ("several-clients", "connection 5 of 5: silent for"),
        ("stays-open", "silent for"),
        ("slow-beside-quick", "silent for"),
    ];
    expect_failures(Fault::OneAtATime, &one);
}

#[test]
fn a_server_with_a_limit_of_a_hundred_is_found() {
    let hundred = [
        ("connections-150", "connection 101 of 150: "),
        ("connections-1000", "of 1,000: "),
    ];
    expect_failures(Fault::ServesAHundred, &hundred);
}

#[test]
fn a_listener_that_is_not_drained_is_found() {
    let failures = [("burst", "of 5 clients: silent for")];
    expect_only(Fault::AcceptsOnce, &["burst"], &failures);
}

#[test]
fn a_server_that_cannot_bear_silence_is_found() {
    expect_failures(
        Fault::ClosesIdleConnections,
        &[("stays-open", "closed an idle connection")],
    );
    let failures = [("alive-after-pause", "the server exited with status 0")];
    expect_only(Fault::ExitsWhenIdle, &["alive-after-pause"], &failures);
}

#[test]
fn a_server_that_burns_processor_time_is_found() {
    let spins = [
        ("idle-cpu", "uses "),
        ("stalled-cpu", "beside a client that does not read: uses "),
    ];
    expect_only(Fault::Spins, &spins.map(|(name, _)| name), &spins);
    expect_failures(Fault::SpinsOnWrite, &spins[1..]);
}

#[test]
fn a_server_without_backpressure_is_found() {
    let names = ["both-directions-full", "stalled-reader"];
    let report = checked(Fault::ForgetsTheRest, &names);
    let offset = |result: &CheckResult| match result.status {
        CheckStatus::Failed { offset, .. } => offset,
        _ => None,
    };
    // Where the first byte is missing depends on the buffers of the kernel.
    let mut offsets = report.results.iter().map(offset);
    assert!(
        offsets.all(|offset| offset > Some(64 * 1024)),
        "{report:#?}"
    );
    expect_failures(Fault::QueuesWithoutBound, &[("stalled-memory", "grew by")]);
}

#[test]
fn a_server_that_lets_one_client_delay_the_others_is_found() {
    let slow = [(
        "slow-beside-quick",
        "beside a client that does not read: silent for",
    )];
    expect_failures(Fault::BlocksInWrite, &slow);
    let flood = [("flood-beside-polite", "")];
    expect_only(Fault::StaysWithOne, &["flood-beside-polite"], &flood);
}

#[test]
fn a_server_that_a_reset_harms_is_found() {
    let exits = [("reset-midway", "the server exited with status 104")];
    let leaks = [("descriptor-leak", "descriptors are left after 300 resets")];
    expect_each(&[(Fault::ExitsOnReset, &exits), (Fault::LeaksOnReset, &leaks)]);
}

#[test]
fn a_server_that_short_connections_harm_is_found() {
    let exits = [("connect-and-leave", "the server exited with status 3")];
    expect_failures(Fault::ExitsAfterEmptyConnections, &exits);
    expect_only(
        Fault::ClosesEveryFiftieth,
        &["churn"],
        &[("churn", " of 25: ")],
    );
}

#[test]
fn a_server_that_scarce_descriptors_harm_is_found() {
    for (fault, symptom) in [
        (
            Fault::ExitsOnEmfile,
            "out of descriptors: the server exited with status 24",
        ),
        (Fault::SpinsOnEmfile, "out of descriptors: uses "),
        (
            Fault::DeafAfterEmfile,
            "after the connections had ended: silent for",
        ),
    ] {
        let failures = [("descriptor-limit", symptom)];
        expect_only(fault, &["descriptor-limit"], &failures);
    }
}

#[test]
fn a_server_that_ignores_sigterm_is_found() {
    let ignoring = ["-c", r#"trap "" TERM; exec "$0" "$@""#].map(OsString::from);
    let arguments = ignoring.into_iter().chain(words(&command(Fault::None)));
    let server = CommandLine::new("sh", arguments);
    let failures = [("stop-without-loss", "the server does not end")];
    in_some_attempt(|| {
        let report = report(server.clone(), &["stop-without-loss"]);
        has_failures(&report, &failures)
    });
}

#[test]
fn a_server_that_waits_for_its_log_is_found() {
    let failures = [("unread-log", "of 1,500: silent for")];
    expect_only(Fault::WaitsForItsLog, &["unread-log"], &failures);
}

#[test]
fn a_server_that_dies_is_started_again_for_the_next_check() {
    let failures = [("reset-midway", "the server exited with status 104")];
    let names = ["reset-midway", "churn", "burst"];
    expect_only(Fault::ExitsOnReset, &names, &failures);
}
