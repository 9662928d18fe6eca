//! Promises of `mio-echo bench`: what it measures, how it reports, and when it fails.

#[cfg(target_os = "linux")]
use crate::harness::{Child, Exit, Signal, both_modes, eventually, name_of, program};
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;

/// A load that is over soon.
const BRIEF: [&str; 6] = ["--warmup", "0s", "--messages", "200", "--connections", "4"];

fn bench(arguments: &[&str]) -> Exit {
    let command = &mut program(&["bench"]);
    Child::spawn(command.args(arguments)).wait()
}

fn bench_briefly(arguments: &[&str]) -> Exit {
    bench(&[&BRIEF, arguments].concat())
}

fn json(exit: &Exit) -> Value {
    let text = exit.text();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", exit.stderr))
}

#[test]
fn without_an_address_it_measures_a_server_of_its_own() {
    both_modes(|mode| {
        let exit = bench_briefly(&["--mode", name_of(mode), "--json", "-"]);
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let report = json(&exit);
        assert_eq!(report["messages"], 200);
        assert_eq!(report["bytes"], 200 * 64);
        assert_eq!(report["service_time"]["count"], 200);
        assert!(report["service_time"]["percentiles_ns"]["p90"].as_u64() > Some(0));
        assert!(
            report["service_time"]["percentiles_ns"]["p99"].is_null(),
            "only two samples above it"
        );
        assert_eq!(report["failures"]["corrupted"], 0);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_the_server_are_measured_from_outside() {
    both_modes(|mode| {
        let load = ["--warmup", "0s", "--messages", "5000", "--connections", "4"];
        let asked = ["--mode", name_of(mode), "--json", "-"];
        let exit = bench(&[load.as_slice(), &asked].concat());
        let server = &json(&exit)["server"];
        let number = |name: &str| server[name].as_f64().unwrap();
        assert!(number("cpu_us_per_message") > 0.0, "{server}");
        let parts = number("user_us_per_message") + number("system_us_per_message");
        assert!(
            (parts / number("cpu_us_per_message") - 1.0).abs() < 0.01,
            "{server}"
        );
        assert!(number("resident_bytes") > 100_000.0, "{server}");
        let threads = match mode {
            mio_echo::server::Mode::EventLoop => 1.0,
            mio_echo::server::Mode::Threads => 5.0,
        };
        assert!((number("threads") - threads).abs() < 0.5, "{server}");
    });
}

#[test]
fn a_server_that_is_already_running_is_measured_at_its_address() {
    let (server, address) = Child::serve(&[]);
    let address = address.to_string();
    let exit = bench_briefly(&[&address, "--pid", &server.id(), "--json", "-"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let report = json(&exit);
    assert_eq!(report["plan"]["target"], address);
    if cfg!(target_os = "linux") {
        assert_eq!(report["server"]["pid"].to_string(), server.id());
    }
    let without_pid = json(&bench_briefly(&[&address, "--json", "-"]));
    assert!(without_pid["server"].is_null(), "its process is not known");
}

#[test]
fn the_summary_goes_to_standard_output() {
    let exit = bench_briefly(&["--rate", "2000"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let text = exit.text();
    for words in [
        "4 connections, 2.00k messages due per second",
        "every byte verified",
        "p99.99",
        "service",
        "response",
        "generator",
    ] {
        assert!(text.contains(words), "expected {words:?} in\n{text}");
    }
    assert!(
        exit.stderr.is_empty(),
        "no progress bar without a terminal: {}",
        exit.stderr
    );
}

#[test]
fn every_pattern_has_its_figures() {
    for (pattern, words) in [
        ("echo", "messages/s"),
        ("churn", "connections/s"),
        ("stream", "each way"),
    ] {
        let exit = bench_briefly(&["--pattern", pattern]);
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let text = exit.text();
        assert!(text.contains(words), "{pattern}: {text}");
    }
    let idle = [
        "--pattern",
        "idle",
        "--connections",
        "30",
        "--duration",
        "100ms",
        "--warmup",
        "0s",
    ];
    let exit = bench(&idle);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(exit.text().contains("30 idle connections"));
}

#[test]
fn a_crossed_threshold_is_named_and_fails() {
    let exit = bench_briefly(&["--fail-if", "rate<1000000000", "--fail-if", "errors>0"]);
    assert_eq!(exit.code, Some(1));
    assert!(
        exit.stderr.contains("rate<1000000000: measured"),
        "{}",
        exit.stderr
    );
    assert!(!exit.stderr.contains("errors>0"), "{}", exit.stderr);
    assert!(
        exit.text().contains("messages/s"),
        "the summary is printed all the same"
    );
}

#[test]
fn a_threshold_that_was_not_measured_fails_too() {
    let exit = bench_briefly(&["--fail-if", "p99.99>1h"]);
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("not measured"), "{}", exit.stderr);
}

#[test]
fn every_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (all, percentiles, log) = (path("all.json"), path("all.hgrm"), path("all.hlog"));
    let exit = bench_briefly(&["--json", &all, "--hgrm", &percentiles, "--hlog", &log]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(!exit.stdout.is_empty(), "the summary is printed as well");
    let report: Value = serde_json::from_str(&fs::read_to_string(all).unwrap()).unwrap();
    assert_eq!(report["messages"], 200);
    let text = fs::read_to_string(percentiles).unwrap();
    assert!(
        text.contains("1/(1-Percentile)") && text.contains("Total count    =          200"),
        "{text}"
    );
    let log = fs::read(log).unwrap();
    let entries = IntervalLogIterator::new(&log).map(Result::unwrap);
    let intervals = entries.filter(|entry| matches!(entry, LogEntry::Interval(_)));
    assert_eq!(intervals.count(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let exit = bench_briefly(&["--json", "/nonexistent/all.json"]);
    assert_eq!(exit.code, Some(1));
    assert!(
        exit.stderr.contains("/nonexistent/all.json"),
        "{}",
        exit.stderr
    );
}

#[test]
fn an_unreachable_server_is_one_line_and_exit_code_2() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let exit = bench_briefly(&[&address]);
    assert_eq!(exit.code, Some(2));
    let expected = format!("mio-echo: cannot connect to {address}: connection refused");
    assert_eq!(exit.stderr, expected);
}

#[test]
fn invalid_arguments_are_rejected_with_exit_code_2() {
    for (arguments, named) in [
        (["--pattern", "churn", "--rate", "5"].as_slice(), "--rate"),
        (&["--pattern", "idle", "--depth", "2"], "--depth"),
        (&["--fail-if", "p98>1ms"], "p99.9"),
        (&["--rate", "0"], "above 0"),
        (&["--size", "0"], "--size"),
        (&["--connections", "0"], "--connections"),
        (&["--messages", "5", "--duration", "1s"], "--duration"),
        (&["--pid", "1"], "<ADDR>"),
        (&["localhost:7", "--mode", "threads"], "--mode"),
        (&["nowhere"], "HOST:PORT"),
        (&["--json", "-", "--hgrm", "-"], "only one"),
    ] {
        let exit = bench(arguments);
        assert_eq!(exit.code, Some(2), "{arguments:?}");
        assert!(
            exit.stderr.contains(named),
            "{arguments:?}: {}",
            exit.stderr
        );
        assert!(exit.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_early_and_what_was_measured_is_reported() {
    let (server, address) = Child::serve(&[]);
    let arguments = [
        "bench",
        &address.to_string(),
        "--duration",
        "1h",
        "--warmup",
        "0s",
        "--json",
        "-",
    ];
    let bench = Child::spawn(&mut program(&arguments));
    // The server uses processor time once the load runs.
    eventually("the load runs", || server.cpu_ticks() > 5);
    bench.signal(Signal::INT);
    let exit = bench.wait();
    let report = json(&exit);
    assert_eq!(report["ended_early"], true);
    assert!(report["messages"].as_u64() > Some(0));
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}
