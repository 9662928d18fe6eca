//! Promises of `mio-echo compare`: every contender is a row, a failure is reported with its cause, and all reports
//! agree.

use crate::harness::browser::document_of;
use crate::harness::{self, Child, Exit, PROGRAM, Signal, command, program, skip, tool_or_skip};
#[cfg(target_os = "linux")]
use mio_echo::measure::bench::MemoryMethod;
use mio_echo::measure::compare::model::{Comparison, MeasurementStatus, SyscallStatus};
use mio_echo::measure::compare::report;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// A measurement that is short, but long enough for a message.
const SHORT: [&str; 4] = [
    "--duration=30ms",
    "--warmup=10ms",
    "--connections=1",
    "--seed=7",
];

fn compare(arguments: &[&str]) -> Command {
    program(&[&["compare"], arguments].concat())
}

fn run(arguments: &[&str]) -> Exit {
    harness::run(&mut compare(arguments))
}

fn run_short(arguments: &[&str]) -> Exit {
    run(&[&SHORT, arguments].concat())
}

fn text(finished: &Exit) -> &str {
    std::str::from_utf8(&finished.stdout).unwrap()
}

/// The JSON of one short run with two scenarios, shared by the tests of reports.
fn saved() -> &'static str {
    static SAVED: OnceLock<String> = OnceLock::new();
    SAVED.get_or_init(|| {
        let two = ["--connections=1,3", "--duration=30ms", "--warmup=10ms"];
        let finished = run(&[&two[..], &["--rounds=6", "--json=-"]].concat());
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        text(&finished).to_owned()
    })
}

fn comparison(json: &str) -> Comparison {
    report::from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

// The contenders.

#[test]
fn without_contenders_both_modes_are_compared_and_the_first_is_measured_twice() {
    let comparison = comparison(saved());
    let names: Vec<&str> = comparison
        .contenders
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    assert_eq!(names, ["event-loop", "threads", "event-loop (again)"]);
    assert_eq!(comparison.scenarios.len(), 2);
    let (mut messages, mut cpu) = (0, 0);
    for results in &comparison.scenarios {
        assert_eq!(results.measurements.len(), 3 * 6, "{}", results.scenario);
        for measurement in &results.measurements {
            let MeasurementStatus::Measured(values) = &measurement.status else {
                panic!("{measurement:?}");
            };
            assert!(values.elapsed_ns >= 30_000_000, "{values:?}");
            messages += values.messages;
            let cost = values.server.expect("our own child is visible");
            assert!(cost.resident_bytes > 0 && cost.threads > 0, "{cost:?}");
            cpu += cost.user_ns + cost.system_ns;
        }
    }
    // A busy machine may not schedule the server during a measurement as short as these, so only the sums are checked.
    assert!(messages > 0 && cpu > 0, "{comparison:?}");
}

#[test]
fn every_round_has_all_contenders_in_an_order_that_the_seed_repeats() {
    let order = || {
        let finished = run_short(&["--rounds=4", "--json=-"]);
        let measurements = comparison(text(&finished)).scenarios.remove(0).measurements;
        let order = measurements.iter().map(|one| (one.round, one.contender));
        order.collect::<Vec<_>>()
    };
    let first = order();
    assert_eq!(first, order(), "the seed is the same");
    let rounds: Vec<&[(u32, usize)]> = first.chunks(3).collect();
    for round in &rounds {
        let mut sorted = round.to_vec();
        sorted.sort_unstable();
        let number = round[0].0;
        assert_eq!(sorted, [(number, 0), (number, 1), (number, 2)]);
    }
    let orders = rounds
        .iter()
        .map(|round| round.iter().map(|one| one.1).collect::<Vec<_>>());
    let mut orders: Vec<_> = orders.collect();
    orders.dedup();
    assert!(orders.len() > 1, "the order should change: {orders:?}");
}

#[test]
fn a_command_gets_its_port_and_is_measured() {
    let program = PROGRAM;
    let contender = format!("own={program} serve --quiet --listen 127.0.0.1:{{port}}");
    let finished = run_short(&["--rounds=1", "--json=-", &contender]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let comparison = comparison(text(&finished));
    assert_eq!(comparison.scenarios[0].measurements.len(), 2);
    assert!(comparison.contenders[0].origin.contains("{port}"));
}

#[test]
fn peers_of_a_manifest_are_compared_and_those_that_cannot_be_built_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let own = PROGRAM;
    let manifest = format!(
        r#"{{"about": [], "peers": [
            {{"name": "here", "about": "", "source": "peers.json", "needs": ["sh"],
              "run": ["{own}", "serve", "--quiet", "--listen", "127.0.0.1:{{port}}"]}},
            {{"name": "elsewhere", "about": "", "source": "peers.json", "needs": ["no-such-compiler"],
              "run": ["none", "{{port}}"]}}]}}"#
    );
    fs::write(folder.path().join("peers.json"), manifest).unwrap();
    let peers = format!("--peers={}", folder.path().display());
    let finished = run_short(&["--rounds=1", "--json=-", "event-loop", &peers]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let skipped = "skipping elsewhere: no-such-compiler is not installed";
    assert!(finished.stderr.contains(skipped), "{}", finished.stderr);
    let comparison = comparison(text(&finished));
    let names: Vec<&str> = comparison
        .contenders
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    assert_eq!(names, ["event-loop", "here", "event-loop (again)"]);
}

#[test]
fn a_server_that_is_already_running_is_measured_and_left_running() {
    let address = serve(|_offset, byte| byte);
    let contender = format!("there={address}");
    let finished = run_short(&["--rounds=1", "--json=-", &contender]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let comparison = comparison(text(&finished));
    let MeasurementStatus::Measured(values) = &comparison.scenarios[0].measurements[0].status
    else {
        panic!("{comparison:?}");
    };
    assert!(
        values.elapsed_ns >= 30_000_000 && values.server.is_none(),
        "{values:?}"
    );
    TcpStream::connect(address).expect("it should still be running");
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_a_server_behind_a_shell_are_those_of_the_server() {
    let behind = "behind=sh -c '\"$0\" serve -q --listen 127.0.0.1:$1; :' PROGRAM {port}";
    let behind = behind.replace("PROGRAM", PROGRAM);
    let arguments = [
        "--duration=300ms",
        "--connections=2",
        "--rounds=1",
        "--json=-",
    ];
    let finished = run(&[&arguments[..], &[&behind]].concat());
    let comparison = comparison(text(&finished));
    let cost = |comparison: &Comparison| {
        let measurement = &comparison.scenarios[0].measurements[0];
        let MeasurementStatus::Measured(values) = &measurement.status else {
            panic!("{measurement:?}");
        };
        (values.messages, values.server.unwrap())
    };
    let (messages, behind) = cost(&comparison);
    assert_eq!((behind.processes, behind.threads), (2, 2), "{behind:?}");
    let each = (behind.user_ns + behind.system_ns) / messages.max(1);
    assert!(each > 500, "a message takes two system calls: {each} ns");
    assert_eq!(behind.memory_method, MemoryMethod::Proportional);
}

#[test]
#[cfg(target_os = "linux")]
fn socat_forks_a_process_for_each_connection_and_all_are_counted() {
    // socat knows no --version.
    let socat = Command::new("socat").arg("-V").output();
    if !socat.is_ok_and(|it| it.status.success()) {
        skip("socat cannot be run here");
        return;
    }
    let socat = "socat=socat tcp-listen:{port},fork,reuseaddr pipe";
    let arguments = [
        "--duration=500ms",
        "--connections=3",
        "--rounds=1",
        "--json=-",
    ];
    let finished = run(&[&arguments[..], &[socat]].concat());
    let comparison = comparison(text(&finished));
    let MeasurementStatus::Measured(values) = &comparison.scenarios[0].measurements[0].status
    else {
        panic!("{comparison:?}");
    };
    let cost = values.server.unwrap();
    assert!(
        cost.processes >= 4,
        "one listens, one for each connection: {cost:?}"
    );
    assert!(cost.is_plausible(values.messages, 1), "{values:?}");
    assert!(report::terminal(&comparison).contains("proportional (PSS)"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_a_server_that_is_already_running_are_measured_by_its_process() {
    let (server, address) = Child::serve(&["--listen=127.0.0.1:0"]);
    let contender = format!("there={address},pid={}", server.id());
    let finished = run_short(&["--rounds=1", "--json=-", &contender]);
    let comparison = comparison(text(&finished));
    let MeasurementStatus::Measured(values) = &comparison.scenarios[0].measurements[0].status
    else {
        panic!("{comparison:?}");
    };
    assert!(
        values.server.is_some_and(|cost| cost.processes == 1),
        "{values:?}"
    );
}

// A contender that fails is a row.

#[test]
fn a_contender_that_is_killed_is_a_row_that_names_the_signal() {
    let killed = "killed=sh -c '\"$0\" serve -q --listen 127.0.0.1:$1 & sleep 0.5; kill -KILL $!; kill -KILL $$' \
                  PROGRAM {port}";
    let killed = killed.replace("PROGRAM", PROGRAM);
    let finished = run(&["--duration=5s", "--connections=1", "--rounds=1", &killed]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("killed failed in round 1: terminated: killed by SIGKILL"),
        "{table}"
    );
}

#[test]
fn a_port_that_another_program_took_in_between_is_replaced_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    // The first attempt loses its port to a process outside of its group, which ends by itself.
    let unlucky = "unlucky=sh -c 'if mkdir \"$1\" 2>/dev/null; then \
                   setsid timeout 20 \"$0\" serve -q --listen 127.0.0.1:$2 >\"$1/ready\" & \
                   until [ -s \"$1/ready\" ]; do sleep 0.02; done; exit 1; \
                   fi; exec \"$0\" serve -q --listen 127.0.0.1:$2' PROGRAM FLAG {port}";
    let unlucky = unlucky
        .replace("PROGRAM", PROGRAM)
        .replace("FLAG", &flag.display().to_string());
    if !tool_or_skip("setsid") {
        return;
    }
    let finished = run_short(&["--rounds=1", &unlucky]);
    assert_eq!(
        finished.code,
        Some(0),
        "{}{}",
        text(&finished),
        finished.stderr
    );
}

#[test]
fn a_contender_that_corrupts_is_a_row_with_the_position() {
    let address = serve(|offset, byte| if offset == 10 { byte ^ 1 } else { byte });
    let contender = format!("wrong={address}");
    let finished = run_short(&["--rounds=2", "event-loop", &contender]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("wrong failed in round 1: corrupted"),
        "{table}"
    );
    assert!(table.contains("byte 10:"), "{table}");
    assert!(
        table.contains("event-loop"),
        "the others are measured: {table}"
    );
}

#[test]
fn a_contender_that_exits_at_once_is_a_row_with_its_last_line_of_stderr() {
    let dies = "dies=sh -c 'echo no such luck >&2; exit 3' {port}";
    let finished = run_short(&["--rounds=2", "event-loop", dies]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    let row = table
        .lines()
        .find(|line| line.starts_with("dies failed in round 1"));
    let row = row.unwrap_or_else(|| panic!("{table}"));
    assert!(
        row.contains("status 3") && row.contains("no such luck"),
        "{row}"
    );
}

#[test]
fn a_contender_that_never_accepts_is_a_row_and_does_not_delay_the_others() {
    let silent = "silent=sh -c 'exec sleep 60' {port}";
    let finished = run_short(&["--rounds=2", "--timeout=300ms", silent, "event-loop"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("silent failed in round 1: did not start: not ready"),
        "{table}"
    );
    assert!(table.contains("silent (again) failed"), "{table}");
}

#[test]
fn a_contender_that_closes_its_connections_is_a_row_that_counts_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    let contender = format!("closes={address}");
    let finished = run_short(&["--rounds=1", "event-loop", &contender]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("closes failed in round 1: connections failed: "),
        "{table}"
    );
}

// The patterns.

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
            "--duration=300ms",
            "--connections=2",
            "--rounds=1",
            "event-loop",
        ];
        let finished = run(&[&arguments[..], &[&pattern]].concat());
        let table = text(&finished);
        assert_eq!(
            finished.code,
            Some(0),
            "{pattern}: {}{table}",
            finished.stderr
        );
        assert!(table.contains(metric), "{pattern} has no {metric}: {table}");
    }
}

#[test]
fn system_calls_are_counted_where_a_tool_can() {
    if !tool_or_skip("strace") {
        return;
    }
    let arguments = [
        "--duration=1s",
        "--connections=1",
        "--rounds=1",
        "--syscalls",
        "--json=-",
    ];
    let finished = run(&[&arguments[..], &["event-loop"]].concat());
    let comparison = comparison(text(&finished));
    let passes = &comparison.scenarios[0].syscalls;
    assert_eq!(passes.len(), 1, "not for the second baseline: {passes:?}");
    let SyscallStatus::Counted { syscalls, messages } = passes[0].status else {
        panic!("{passes:?}");
    };
    // One wait, one recv, one send.
    assert!(syscalls >= 2 * messages, "{passes:?}");
    assert!(report::terminal(&comparison).contains("  syscalls\n"));
}

// The reports.

#[test]
fn every_report_is_written_and_a_saved_comparison_is_reported_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let json = path("saved.json");
    fs::write(&json, saved()).unwrap();
    let from = format!("--from={}", json.display());
    let option = |kind: &str| format!("--{kind}={}", path(kind).display());
    let reports = ["html", "svg", "markdown", "csv", "json"];
    let options: Vec<String> = reports.iter().map(|kind| option(kind)).collect();
    let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
    arguments.push(&from);

    let finished = run(&arguments);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let comparison = comparison(saved());
    assert_eq!(text(&finished), report::terminal(&comparison));
    let written = |kind: &str| fs::read_to_string(path(kind)).unwrap();
    assert_eq!(written("html"), report::html(&comparison));
    assert_eq!(written("json"), saved());
    assert_eq!(written("csv").lines().count(), 1 + 2 * 3 * 6);
    assert_eq!(written("markdown").matches("\n| threads |").count(), 2);
    for kind in ["html", "markdown", "csv", "json", "svg"] {
        assert!(!written(kind).contains("no difference"), "{kind}");
    }
    assert!(written("svg").starts_with("<svg"));
}

#[test]
fn a_report_on_standard_output_is_alone_there() {
    let finished = run_short(&["--rounds=1", "--csv=-", "event-loop"]);
    let lines: Vec<&str> = text(&finished).lines().collect();
    assert_eq!(
        lines.len(),
        1 + 2,
        "header, baseline, and second baseline: {lines:?}"
    );
    assert!(lines[0].starts_with("pattern,connections,"), "{lines:?}");
}

#[test]
fn a_closed_standard_output_is_no_failure() {
    let shell = "\"$0\" compare --from=- --csv=- | head -n 1";
    let mut command = command("sh");
    command.args(["-c", shell, PROGRAM]);
    let finished = Child::spawn_with_input(&mut command).finish(saved().as_bytes().to_vec());
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
}

// The page, in a browser.

#[test]
fn a_browser_shows_every_chart_and_row_and_nothing_overflows_a_telephone() {
    if !tool_or_skip("chromium") {
        return;
    }
    let mut comparison = comparison(saved());
    for results in &mut comparison.scenarios {
        for measurement in &mut results.measurements {
            let MeasurementStatus::Measured(values) = &mut measurement.status else {
                panic!("{measurement:?}");
            };
            // On a slow machine there may be too few messages for a p99.
            values.p99_ns.get_or_insert(values.elapsed_ns);
        }
    }
    let page = report::html(&comparison);
    for width in [1280, 390] {
        let seen = seen_in_a_browser(&page, width);
        assert_eq!(
            seen,
            [format!("{width}"), "4".to_owned(), "6".to_owned()],
            "{width} wide"
        );
    }
}

/// Width of the content, number of visible charts with a whisker per contender and scenario, number of visible rows.
fn seen_in_a_browser(page: &str, width: u32) -> Vec<String> {
    let probe = "<script>
        const isSeen = element => element.getBoundingClientRect().height > 20;
        const charts = [...document.querySelectorAll('figure svg.chart')].filter(chart =>
            isSeen(chart) && chart.querySelectorAll('.whisker').length == 6);
        const rows = [...document.querySelectorAll('tbody tr')].filter(isSeen);
        const facts = [document.documentElement.scrollWidth, charts.length, rows.length];
        parent.document.title = 'seen ' + facts.join(' ') + ' end';
    </script>";
    // A window has a minimum width; a frame has none.
    let page = page.replace("</body>", &format!("{probe}</body>"));
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = format!(
        "<body><iframe width={width} height=900 style='border:0' srcdoc=\"{page}\"></iframe>"
    );
    let options = ["--hide-scrollbars", "--window-size=1400,900"];
    let document = document_of(&frame, "", &options);
    let (_, seen) = document
        .split_once("seen ")
        .unwrap_or_else(|| panic!("{document}"));
    let (seen, _) = seen.split_once(" end").unwrap();
    seen.split(' ').map(str::to_owned).collect()
}

// Stopping, and wrong usage.

#[test]
fn a_signal_ends_early_and_what_was_measured_is_reported() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (connected, connections) = mpsc::channel();
        let address = serve_and_report(|_offset, byte| byte, Some(connected));
        let contender = format!("there={address}");
        let short = [&SHORT[..], &["--rounds=1000", &contender]].concat();
        let running = Child::spawn(&mut compare(&short));
        // One connection per measurement: with the third, two measurements are done.
        for _ in 0..3 {
            connections
                .recv_timeout(Duration::from_mins(1))
                .expect("a measurement");
        }
        running.signal(signal);
        let _before_the_signal = connections.try_iter().count();
        let finished = running.wait();
        let after = connections.try_iter().count();
        assert!(after <= 3, "{after} more measurements after the signal");
        assert_eq!(finished.code, Some(code), "{}", finished.stderr);
        let table = text(&finished);
        assert!(table.contains("ended early"), "{table}");
        assert!(table.contains("messages/s"), "{table}");
    }
}

#[test]
fn a_comparison_without_values_replaces_no_file_and_shows_why() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::write(&old, "an earlier report").unwrap();
    let json = format!("--json={}", old.display());
    let html = format!("--html={}", new.display());
    let dies = "dies=sh -c 'echo one >&2; echo no such luck >&2; exit 3' {port}";
    let finished = run_short(&["--rounds=1", &json, &html, dies]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let note = "mio-echo: nothing was measured, so the files are left as they are";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("exited with status 3: no such luck"),
        "{table}"
    );
    assert!(table.contains("    | one\n    | no such luck\n"), "{table}");
    assert_eq!(fs::read_to_string(&old).unwrap(), "an earlier report");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no empty file"
    );
}

#[test]
fn what_was_measured_is_saved_after_each_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.json");
    let json = format!("--json={}", path.display());
    // The second scenario takes longer than the test.
    let arguments = [
        "--duration=30ms",
        "--warmup=0s",
        "--connections=1,2",
        "--rounds=1",
    ];
    let stalls = "stalls=sh -c 'n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n >n; \
                  [ $n -gt 2 ] && exec sleep 60; exec \"$0\" serve -q --listen 127.0.0.1:{port}' PROGRAM";
    let stalls = stalls.replace("PROGRAM", PROGRAM);
    let mut command = compare(&[&arguments[..], &["--timeout=1m", &json, &stalls]].concat());
    let running = Child::spawn(command.current_dir(folder.path()));
    harness::eventually("the first scenario is saved", || path.exists());
    let so_far = comparison(&fs::read_to_string(&path).unwrap());
    assert!(
        so_far.ended_early && so_far.scenarios.len() == 1,
        "{so_far:?}"
    );
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None);
}

#[test]
fn servers_do_not_outlive_a_comparison_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let forks = "forks=sh -c 'sleep 60 & echo $! >pid; exec \"$0\" serve -q --listen 127.0.0.1:{port}' PROGRAM";
    let forks = forks.replace("PROGRAM", PROGRAM);
    let mut command = compare(&["--duration=1m", "--connections=1", "--rounds=1", &forks]);
    let running = Child::spawn(command.current_dir(folder.path()));
    let mut pid = String::new();
    harness::eventually("the server has started a process", || {
        pid = fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
        pid.ends_with('\n')
    });
    let process = format!("/proc/{}/cmdline", pid.trim());
    let is_running = || fs::read(&process).is_ok_and(|command| !command.is_empty());
    assert!(!cfg!(target_os = "linux") || is_running());
    running.signal(Signal::KILL);
    running.wait();
    harness::eventually("it has ended with the comparison", || !is_running());
}

#[test]
fn impossible_requests_are_rejected_in_one_line_before_the_first_measurement() {
    let twice = ["--json=-", "--csv=-", "event-loop"];
    for (arguments, words) in [
        (
            twice.as_slice(),
            "two reports cannot both go to standard output",
        ),
        (
            &["event-loop", "event-loop"],
            "two contenders have the name `event-loop`",
        ),
        (
            &["--html=/nowhere/report.html"],
            "cannot write /nowhere/report.html: no such file",
        ),
        (
            &["--connections=18446744073709551615"],
            "18,446,744,073,709,551,615 connections do not fit within the limit on open files: ",
        ),
        (
            &["--from=/nowhere/saved.json"],
            "cannot read /nowhere/saved.json: no such file",
        ),
    ] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        let expected = format!("mio-echo: {words}");
        assert!(
            finished.stderr.starts_with(&expected),
            "{}",
            finished.stderr
        );
        assert!(finished.stdout.is_empty());
    }
}

#[test]
fn invalid_arguments_are_rejected_with_the_reason() {
    for (argument, words) in [
        ("unknown", "NAME=HOST:PORT"),
        ("it=./server 7", "{port}"),
        ("--connections=0", "at least 1"),
        ("--size=1GiB", "64MiB"),
        ("--rounds=0", "at least 1"),
        ("--pattern=ping", "fairness"),
        ("--duration=0s", "longer than zero"),
        ("--duration=2days", "at most 1day"),
        ("--duration=999999999days", "too long"),
        ("--depth=18446744073709551615", "at most 65536"),
        ("--margin=0", "above 0"),
        ("it=localhost:7,pid=x", "not the number of a process"),
    ] {
        let finished = run(&[argument]);
        assert_eq!(finished.code, Some(2), "{argument}");
        assert!(
            finished.stderr.contains(words),
            "{argument}: {}",
            finished.stderr
        );
    }
}

/// A server on a thread, which sends back `reply` of each byte and its offset in the connection.
fn serve(reply: fn(u64, u8) -> u8) -> SocketAddr {
    serve_and_report(reply, None)
}

/// As [`serve`], and reports each connection.
fn serve_and_report(reply: fn(u64, u8) -> u8, connected: Option<Sender<()>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _received_or_not = connected.as_ref().map(|connected| connected.send(()));
            thread::spawn(move || serve_connection(stream, reply));
        }
    });
    address
}

fn serve_connection(mut stream: TcpStream, reply: fn(u64, u8) -> u8) {
    stream.set_nodelay(true).unwrap();
    let (mut offset, mut buffer) = (0, [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        for byte in &mut buffer[..count] {
            *byte = reply(offset, *byte);
            offset += 1;
        }
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
