//! Promises of `bench` and `compare` about what perf(1) observes of a server.

use crate::harness::{Exit, PROGRAM, in_some_attempt, program, run, skip, tool_or_skip};
use mio_echo::measure::process::check_perf;
use serde_json::Value;
use std::env;
use std::fs;
use std::process::Command;

/// What stands in for perf here: programs of this name in these directories.
const STAND_INS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/profiling");

/// A load that is over soon.
const BRIEF: [&str; 4] = [
    "--warmup=0s",
    "--messages=1000",
    "--connections=4",
    "--timeout=30s",
];

/// A load that keeps a server busy, since perf samples it only while it runs.
const BUSY: [&str; 4] = [
    "--warmup=0s",
    "--pattern=stream",
    "--connections=4",
    "--timeout=30s",
];

fn bench(arguments: &[&[&str]]) -> Command {
    program(&[&["bench"], arguments.concat().as_slice()].concat())
}

/// With one of the stand-ins.
fn with(stand_in: &str, mut command: Command) -> Exit {
    let path = env::var("PATH").unwrap_or_default();
    run(command.env("PATH", format!("{STAND_INS}/{stand_in}:{path}")))
}

/// On a busy machine, a message may not come back in time.
fn successful(exit: Exit) -> Result<Exit, String> {
    match exit.code {
        Some(0) => Ok(exit),
        _ => Err(format!("{}{}", exit.text(), exit.stderr)),
    }
}

fn json(exit: &Exit) -> Value {
    serde_json::from_slice(&exit.stdout).unwrap_or_else(|error| panic!("{error}: {}", exit.stderr))
}

/// Whether perf may observe processes here. On a machine that forbids it, the error is one line, and the test is skipped.
fn perf_or_skip() -> bool {
    if !tool_or_skip("perf") {
        return false;
    }
    match check_perf() {
        Ok(()) => true,
        Err(reason) => {
            assert_eq!(reason.lines().count(), 1, "{reason}");
            skip(&reason)
        }
    }
}

#[test]
fn counters_are_those_of_a_message_and_one_that_is_missing_has_a_reason() {
    let exit = in_some_attempt(|| successful(with("counting", bench(&[&BRIEF, &["--counters"]]))));
    let text = exit.text();
    let line = "\ncounted     per message: 2.00k instructions, 1.60k cycles, - cache misses\n";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("-: the processor does not count them"),
        "{text}"
    );

    let fail_if = ["--fail-if=instructions>1999", "--fail-if=cache-misses>1"];
    let exit = with(
        "counting",
        bench(&[&BRIEF, &["--counters", "--json=-"], &fail_if]),
    );
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("instructions>1999: measured 2000"));
    assert!(exit.stderr.contains("cache-misses>1: not measured"));
    let report = json(&exit);
    assert_eq!(report["counters"]["instructions"]["counted"], 2_000_000);
    assert_eq!(report["figures"]["cycles_per_message"], 1600.0);
    assert!(report["figures"]["cache_misses_per_message"].is_null());
}

#[test]
fn the_counters_of_this_machine_are_figures_or_have_a_reason() {
    if !perf_or_skip() {
        return;
    }
    let measured = || successful(run(&mut bench(&[&BRIEF, &["--counters", "--json=-"]])));
    let exit = in_some_attempt(measured);
    let report = json(&exit);
    for event in ["instructions", "cycles", "cache_misses"] {
        let counter = &report["counters"][event];
        let figure = &report["figures"][format!("{event}_per_message")];
        let has_count = counter["counted"].is_u64();
        assert_eq!(has_count, figure.is_f64(), "{report}");
        assert_ne!(
            has_count,
            counter["not_counted"]["reason"].is_string(),
            "{report}"
        );
    }
}

#[test]
fn a_flame_graph_shows_the_functions_of_the_server() {
    if !perf_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.svg");
    let file = format!("--flamegraph={}", path.display());
    let mut milliseconds = 250;
    // A server that other processes keep from running is not sampled either.
    let graph = in_some_attempt(|| {
        milliseconds *= 2;
        let duration = format!("--duration={milliseconds}ms");
        let exit = run(&mut bench(&[&BUSY, &[&file, &duration]]));
        let graph = fs::read_to_string(&path).unwrap_or_default();
        let frames = ["<title>mio_echo::", "send"];
        let missing = frames.into_iter().find(|frame| !graph.contains(frame));
        match (exit.code, missing) {
            (Some(0), None) => Ok(graph),
            (_, missing) => Err(format!("{}, no frame of {missing:?}", exit.stderr)),
        }
    });
    assert!(graph.trim_end().ends_with("</svg>"));
    assert!(graph.contains("mio-echo serve --mode event-loop: stream, 4 connections"));
}

#[test]
fn without_perf_nothing_is_measured_and_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("graph.svg");
    let graph = format!("--flamegraph={}", graph.display());
    for option in ["--counters", &graph] {
        // Not with the help of `setpriv`, which would not be found either.
        let mut without = Command::new(PROGRAM);
        let output = without
            .args(["bench", option])
            .env("PATH", folder.path())
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let expected = "mio-echo: perf is not installed (package linux-perf, or linux-tools)\n";
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);

        let exit = with("forbidden", bench(&[&BRIEF, &[option]]));
        assert_eq!(exit.code, Some(2), "{}", exit.stderr);
        assert!(exit.stdout.is_empty());
        let asked = "sysctl kernel.perf_event_paranoid=1 (now ";
        assert!(exit.stderr.contains(asked), "{}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_server_whose_process_is_not_known_cannot_be_observed() {
    let exit = run(&mut bench(&[&["127.0.0.1:9", "--counters"]]));
    assert_eq!(exit.code, Some(2));
    assert!(exit.stderr.contains("--pid"), "{}", exit.stderr);
}

#[test]
fn a_comparison_has_the_counters_of_each_contender_in_all_reports() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let report = |option: &str, name: &str| format!("--{option}={}", path(name).display());
    let reports = [
        report("json", "json"),
        report("csv", "csv"),
        report("markdown", "markdown"),
        report("html", "html"),
    ];
    let load = "--duration=50ms --warmup=10ms --rounds=1 --connections=2 --rate=max --timeout=30s";
    let load: Vec<&str> = load.split(' ').collect();
    let exit = in_some_attempt(|| {
        let mut compare = program(&["compare", "event-loop", "--counters"]);
        compare.args(&load).args(&reports);
        successful(with("counting", compare))
    });
    let text = exit.text();
    assert!(
        text.contains("cache misses were not counted: the processor"),
        "{text}"
    );
    let read = |name| fs::read_to_string(path(name)).unwrap();
    for report in [text, &read("markdown"), &read("html")] {
        assert!(
            report.contains("instr") && report.contains("cycles"),
            "{report}"
        );
        assert!(report.contains('–'), "a dash: {report}");
    }
    let json: Value = serde_json::from_str(&read("json")).unwrap();
    let measurements = json["scenarios"][0]["measurements"].as_array().unwrap();
    assert_eq!(
        measurements.len(),
        2,
        "the baseline and its second measurement"
    );
    for measurement in measurements {
        let counted = &measurement["status"]["measured"]["counters"]["cycles"]["counted"];
        assert_eq!(*counted, 1_600_000);
    }
    assert_eq!(read("csv").matches(",2000000,1600000,,").count(), 2);
}

#[test]
fn a_comparison_draws_each_contender_in_each_scenario() {
    if !perf_or_skip() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let graphs = folder.path().join("graphs");
    let mut milliseconds = 150;
    in_some_attempt(|| {
        milliseconds *= 2;
        let server = format!("a/b={PROGRAM} serve --quiet --listen 127.0.0.1:{{port}}");
        let mut compare = program(&["compare", &server]);
        let duration = format!("--duration={milliseconds}ms");
        let load =
            "--warmup=10ms --rounds=1 --pattern=stream --connections=4 --rate=max --timeout=30s";
        compare.arg(duration).args(load.split(' '));
        compare.arg("--flamegraph").arg(&graphs);
        successful(run(&mut compare))
    });
    let graph = graphs.join("stream_64-KiB_8-deep_4-connections_saturated_a%2Fb.svg");
    let graph = fs::read_to_string(graph).unwrap();
    assert!(graph.contains("a/b: stream"), "the title");
    assert!(graph.contains("<title>mio_echo::"));
}

#[test]
fn a_comparison_that_perf_cannot_observe_does_not_start() {
    let exit = with("forbidden", program(&["compare", "--counters"]));
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    assert!(exit.stderr.contains("kernel.perf_event_paranoid=1"));
    let exit = run(&mut program(&["compare", "a=127.0.0.1:9", "--counters"]));
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    assert!(exit.stderr.contains("the process of a: a=ADDRESS,pid=N"));
}
