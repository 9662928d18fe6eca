//! Each pattern has its figures.

use super::{comparison, measured, text};
use crate::harness::{in_some_attempt, tool_or_skip};
use mio_echo::measure::compare::model::SyscallStatus;
use mio_echo::measure::compare::report;

#[test]
fn every_pattern_reports_its_metric() {
    for (pattern, metric) in [
        ("churn", "connections/s"),
        ("idle", "memory"),
        ("stream", "bytes/s"),
        ("fairness", "flood bytes/s"),
    ] {
        let pattern = format!("--pattern={pattern}");
        let arguments = [
            "--duration=100ms",
            "--warmup=10ms",
            "--connections=2",
            "--rounds=1",
            "event-loop",
        ];
        let finished = measured(&[&arguments[..], &[&pattern]].concat());
        let table = text(&finished);
        assert!(table.contains(metric), "{pattern} has no {metric}: {table}");
    }
}

#[test]
fn system_calls_are_counted_where_a_tool_can() {
    if !tool_or_skip("strace") {
        return;
    }
    let arguments = [
        "--duration=300ms",
        "--warmup=10ms",
        "--rate=max",
        "--connections=1",
        "--rounds=1",
        "--syscalls",
        "--json=-",
    ];
    let (comparison, syscalls, messages) = in_some_attempt(|| {
        let finished = measured(&[&arguments[..], &["event-loop"]].concat());
        let comparison = comparison(text(&finished));
        let passes = &comparison.scenarios[0].syscalls;
        assert_eq!(passes.len(), 1, "not for the second baseline: {passes:?}");
        match passes[0].status {
            SyscallStatus::Counted { syscalls, messages } => Ok((comparison, syscalls, messages)),
            // On a busy machine, too few messages.
            SyscallStatus::NotCounted { ref reason } => Err(reason.clone()),
        }
    });
    // One wait, one recv, one send.
    assert!(syscalls >= 2 * messages, "{syscalls} for {messages}");
    assert!(report::terminal(&comparison).contains("  syscalls\n"));
}
