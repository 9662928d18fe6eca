//! Promises of `mio-echo bench`: what it measures, how it reports, and when it fails.

#[cfg(target_os = "linux")]
use crate::harness::{
    Child, Exit, PROGRAM, Signal, both_modes, command, eventually, in_some_attempt, name_of,
    program, refusing_port, tool_or_skip,
};
use crate::load::datagrams::{datagram_server, echo};
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use std::net::TcpListener;
use std::{fs, io, thread};

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
        let in_flight_at_the_end = 3;
        assert_eq!(report["service_time"]["count"], 200 + in_flight_at_the_end);
        assert_eq!(report["unanswered"], 0);
        assert!(report["service_time"]["percentiles_ns"]["p90"].as_u64() > Some(0));
        assert!(
            report["service_time"]["percentiles_ns"]["p99"].is_null(),
            "only two samples above it"
        );
        assert_eq!(report["failures"]["corrupted"], 0);
    });
}

#[test]
fn it_reports_how_long_the_warm_up_lasted_and_why_it_ended() {
    let exit = bench(&["--messages", "200", "--connections", "4"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(exit.text().contains("\nwarm-up     "), "{}", exit.text());
    let fixed = bench_briefly(&[]);
    assert!(!fixed.text().contains("warm-up"), "{}", fixed.text());
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_the_server_are_measured_from_outside() {
    both_modes(|mode| {
        let load = ["--warmup", "0s", "--messages", "5000", "--connections", "4"];
        let asked = ["--mode", name_of(mode), "--json", "-"];
        let exit = bench(&[load.as_slice(), &asked].concat());
        let report = json(&exit);
        let (server, figures) = (&report["server"], &report["figures"]);
        let each = figures["server_cpu_us_per_message"].as_f64();
        assert!(each.unwrap() > 0.0, "{report}");
        let share = figures["server_cpu_share"].as_f64().unwrap();
        if share * report["elapsed_ns"].as_f64().unwrap() < 1e9 {
            for part in ["server_user_us_per_message", "server_system_us_per_message"] {
                assert!(figures[part].is_null(), "too few clock ticks: {report}");
            }
        }
        let number = |name: &str| server[name].as_f64().unwrap();
        assert!(number("resident_bytes") > 100_000.0, "{server}");
        assert_eq!(
            server["connections_before"], 1,
            "what it allocates once is left out"
        );
        assert!(number("tcp_buffers") >= 0.0, "{server}");
        let threads = match mode {
            mio_echo::server::Mode::EventLoop => 1.0,
            mio_echo::server::Mode::Threads => 5.0,
        };
        assert!((number("threads") - threads).abs() < 0.5, "{server}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_a_single_connection_contains_what_the_server_allocates_once() {
    let single = ["-c", "1", "--warmup", "0s", "--messages", "100"];
    let several = ["-c", "2", "--warmup", "0s", "--messages", "100"];
    for (load, since) in [
        (single, "(start-up included)"),
        (several, "(after the first)"),
    ] {
        let exit = bench(&load);
        assert!(exit.text().contains(since), "{since}: {}", exit.text());
        let kernel = "TCP buffers of the kernel: ";
        assert!(exit.text().contains(kernel), "{}", exit.text());
    }
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
        assert_eq!(report["server"]["processes"], 1);
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
        "due → sent",
        "service",
        "response",
        "own part",
        "generator",
        "\nwaited      for a core: server ",
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
fn a_seed_reproduces_poisson_arrivals() {
    let exit = bench_briefly(&["--rate", "2000", "--arrivals", "poisson", "--json", "-"]);
    let plan = &json(&exit)["plan"];
    assert_eq!(plan["arrivals"], "poisson");
    let seed = plan["seed"].to_string();
    let poisson = ["--rate", "2000", "--arrivals", "poisson", "--seed", &seed];
    let text = bench_briefly(&poisson);
    let named = format!("(Poisson, seed {seed})");
    assert!(text.text().contains(&named), "{}", text.text());
    for wrong in [
        ["--rate", "2000", "--seed", "7"].as_slice(),
        &["--arrivals", "poisson"],
        &["--slack", "1ms"],
        &["--rate", "2000", "--slack", "2s"],
    ] {
        assert_eq!(bench_briefly(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn several_threads_generate_one_load() {
    let load = [
        "--connections",
        "5",
        "--warmup",
        "0s",
        "--duration",
        "1100ms",
    ];
    let exit = bench(&[load.as_slice(), &["--threads", "2", "--json", "-"]].concat());
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let report = json(&exit);
    assert_eq!(
        (&report["generator_threads"], &report["connected"]),
        (&2.into(), &5.into())
    );
    let intervals = report["intervals"].as_array().unwrap().iter();
    let messages: u64 = intervals.map(|it| it["messages"].as_u64().unwrap()).sum();
    assert_eq!(report["messages"], messages);
    let text = bench_briefly(&["--threads", "2", "--placement", "together"]);
    let words = [
        "generator   2 threads: ",
        "the generator had 2 threads on 1 core: ",
    ];
    // Where cores cannot be pinned, there is no warning.
    let is_pinned = text.text().contains("on core ");
    let expected = words.iter().take(if is_pinned { 2 } else { 1 });
    for words in expected {
        assert!(text.text().contains(words), "{}", text.text());
    }
}

#[test]
fn each_thread_needs_a_connection_and_datagrams_have_one_thread() {
    for (wrong, reason) in [
        (
            ["--threads", "5", ""],
            "the generator cannot have 5 threads for 4 connections: at most 4",
        ),
        (
            ["--threads", "2", "--udp"],
            "the generator cannot have 2 threads over UDP: at most 1",
        ),
        (
            ["--threads", "0", ""],
            "invalid value '0' for '--threads <N>'",
        ),
    ] {
        let wrong = wrong.iter().filter(|it| !it.is_empty()).copied();
        let exit = bench_briefly(&wrong.collect::<Vec<_>>());
        assert_eq!(exit.code, Some(2), "{}", exit.stderr);
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
    }
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
        text.contains("1/(1-Percentile)") && text.contains("Total count    =          203"),
        "{text}"
    );
    let log = fs::read(log).unwrap();
    let entries = IntervalLogIterator::new(&log).map(Result::unwrap);
    let intervals = entries.filter(|entry| matches!(entry, LogEntry::Interval(_)));
    assert_eq!(intervals.count(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_the_run() {
    for option in ["--json", "--html", "--hgrm", "--hlog"] {
        let exit = bench(&["--duration", "1h", option, "/nonexistent/all"]);
        assert_eq!(exit.code, Some(2));
        assert_eq!(
            exit.stderr,
            "mio-echo: cannot write /nonexistent/all: no such file or directory"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.json");
    fs::write(&file, "a good report").unwrap();
    let arguments = [
        "--json",
        file.to_str().unwrap(),
        "--hlog",
        "/nonexistent/log",
    ];
    assert_eq!(bench(&arguments).code, Some(2));
    assert_eq!(fs::read_to_string(file).unwrap(), "a good report");
}

#[test]
fn an_unreachable_server_is_one_line_and_exit_code_2() {
    let (_bound, address) = refusing_port();
    let exit = bench_briefly(&[&address.to_string()]);
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
        (&["no where"], "HOST:PORT"),
        (&["--json", "-", "--hgrm", "-"], "two reports cannot both"),
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

/// A run of an hour against a server of its own, under load, and the process id of that server.
#[cfg(target_os = "linux")]
fn long_bench_of_an_own_server() -> (Child, String) {
    let arguments = ["bench", "--duration", "1h", "--warmup", "0s", "-c", "4"];
    let bench = Child::spawn(&mut program(
        &[&arguments, ["--json", "-"].as_slice()].concat(),
    ));
    // The generator uses processor time once the load runs.
    eventually("the load runs", || bench.cpu_ticks() > 5);
    let server = child_of(&bench.id()).expect("the server is running");
    (bench, server)
}

/// The process whose parent is `parent`, from proc(5).
#[cfg(target_os = "linux")]
fn child_of(parent: &str) -> Option<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let mut children = stats.filter_map(|stat| {
        let (id_and_name, rest) = stat.rsplit_once(')')?;
        let id = id_and_name.split(' ').next()?.to_owned();
        (rest.split_whitespace().nth(1)? == parent).then_some(id)
    });
    children.next()
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_early_with_what_was_measured_and_leaves_no_server() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        in_some_attempt(|| {
            let (bench, server) = long_bench_of_an_own_server();
            bench.signal(signal);
            let exit = bench.wait();
            let report = json(&exit);
            assert_eq!(report["ended_early"], true);
            assert!(report["messages"].as_u64() > Some(0));
            assert_eq!(exit.code, Some(code), "{}", exit.stderr);
            let process = std::path::Path::new("/proc").join(server);
            assert!(!process.exists(), "the server has been stopped");
            // The run waits for the messages in flight, but not for a server that waits longer for a processor.
            match report["unanswered"].as_u64() {
                Some(0) => Ok(()),
                _ => Err(report.to_string()),
            }
        });
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_killed_is_named_with_its_signal() {
    let (bench, server) = long_bench_of_an_own_server();
    let server = rustix::process::Pid::from_raw(server.parse().unwrap()).unwrap();
    rustix::process::kill_process(server, Signal::KILL).unwrap();
    let exit = bench.wait();
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    let report = json(&exit);
    assert_eq!(report["server_exit"], "killed by SIGKILL");
    let failed = |kind: &str| report["failures"][kind].as_u64().unwrap();
    assert_eq!(failed("reset") + failed("closed_early"), 4, "{report}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_freezes_and_does_not_come_back_fails_with_its_stall() {
    let (server, address) = Child::serve(&[]);
    let arguments = ["--duration", "3s", "--warmup", "0s", "-c", "4"];
    let limits = ["--timeout", "700ms", "--fail-if", "max>100ms"];
    let address = address.to_string();
    let command = [["bench", &address].as_slice(), &arguments, &limits].concat();
    let bench = Child::spawn(&mut program(&command));
    eventually("the load runs", || server.cpu_ticks() > 1);
    server.suspend();
    let exit = bench.wait();
    server.signal(Signal::CONT);
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    let text = exit.text();
    for words in ["unanswered", "4 timed out", "stalled"] {
        assert!(text.contains(words), "expected {words:?} in\n{text}");
    }
    let mut latencies = text.split_whitespace();
    let is_bound =
        |it: &str| it.starts_with('>') && it.contains(|digit: char| digit.is_ascii_digit());
    assert!(latencies.any(is_bound), "the maximum is a bound: {text}");
    assert!(
        exit.stderr.contains("max>100ms: measured"),
        "{}",
        exit.stderr
    );
}

#[test]
fn a_server_that_never_replies_is_a_failure_with_a_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for pattern in ["echo", "churn"] {
        let brief = ["--duration", "300ms", "--warmup", "0s", "-c", "4"];
        let exit = bench(
            &[
                &[&address, "--pattern", pattern, "--timeout", "300ms"],
                brief.as_slice(),
            ]
            .concat(),
        );
        assert_eq!(exit.code, Some(1), "{pattern}: {}", exit.stderr);
        let text = exit.text();
        assert!(!text.contains("verified"), "{text}");
        for words in ["no message came back", "4 timed out", "unanswered"] {
            assert!(text.contains(words), "expected {words:?} in\n{text}");
        }
    }
}

#[test]
fn a_load_that_is_too_much_is_one_line_and_exit_code_2() {
    let most = u64::MAX.to_string();
    let seconds = format!("{most}s");
    for (arguments, named) in [
        (["--connections", &most].as_slice(), "connections"),
        (&["--connections", "200000000"], "connections"),
        (&["--depth", &most], "memory"),
        (&["--depth", "100000000"], "memory"),
        (&["--size", &most], "--size"),
        (&["--messages", &most], "messages"),
        (&["--rate", "1e300"], "--rate"),
        (&["--rate", "1e-300"], "--rate"),
        (&["--rate", "inf"], "--rate"),
        (&["--rate", "NaN"], "--rate"),
        (&["--connect-rate", "1e-300"], "connect rate"),
        (&["--connect-rate", "1e300"], "--connect-rate"),
        (&["--duration", &seconds], "too long"),
        (&["--warmup", &seconds], "too long"),
        (&["--timeout", &seconds], "too long"),
        (&["127.0.0.1:1", "--pid", "4294967296"], "--pid"),
        (
            &["--source", "192.0.2.1"],
            "cannot connect from 192.0.2.1: ",
        ),
        (
            &["--source", "::1"],
            "cannot connect from ::1 to 127.0.0.1: ",
        ),
        (&["--source", "localhost"], "--source"),
    ] {
        let exit = bench(arguments);
        assert_eq!(exit.code, Some(2), "{arguments:?}: {}", exit.stderr);
        assert!(
            exit.stderr.contains(named),
            "{arguments:?}: {}",
            exit.stderr
        );
        assert!(exit.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
#[cfg(unix)]
fn connections_beyond_the_limit_on_open_files_are_refused_with_the_limit() {
    let limited = "ulimit -n 100 && exec \"$0\" \"$@\"";
    let mut shell = command("sh");
    shell.args(["-c", limited, PROGRAM, "bench", "-c", "200"]);
    let exit = Child::spawn(&mut shell).wait();
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    let expected = "mio-echo: cannot open 200 connections: too many open files; the limit on open \
                    files (RLIMIT_NOFILE) is 100, enough for 68";
    assert_eq!(exit.stderr, expected);
}

#[test]
fn the_json_the_page_and_the_log_have_the_measurement_second_by_second() {
    let folder = tempfile::tempdir().unwrap();
    let (log, page) = (
        folder.path().join("all.hlog"),
        folder.path().join("all.html"),
    );
    let (log, page) = (log.to_str().unwrap(), page.to_str().unwrap());
    let files = ["--json", "-", "--hlog", log, "--html", page];
    let load = [
        "-t", "1300ms", "--warmup", "0s", "-c", "4", "--rate", "2000",
    ];
    let report = json(&bench(&[&load[..], &files].concat()));
    let logged = fs::read(log).unwrap();
    let logged = IntervalLogIterator::new(&logged).map(Result::unwrap);
    let logged = logged.filter(|entry| matches!(entry, LogEntry::Interval(_)));
    assert_eq!(logged.count(), 2 * 2, "service and response times");
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<svg class=\"chart\"").count(), 3);
    assert_eq!(page.matches("<th scope=\"row\">").count(), 2, "{page}");
    let intervals = report["intervals"].as_array().unwrap();
    let sum = |field: &str| -> u64 { intervals.iter().map(|it| it[field].as_u64().unwrap()).sum() };
    assert_eq!(intervals.len(), 2, "a second and the rest");
    assert_eq!(sum("messages"), report["messages"].as_u64().unwrap());
    assert_eq!(sum("length_ns"), report["elapsed_ns"].as_u64().unwrap());
    let highest = intervals.iter().filter_map(|it| it["max_ns"].as_u64());
    let highest = highest.max().unwrap();
    // The highest of all may be that of a message that came back after the last interval.
    let max = report["response_time"]["max_ns"].as_u64().unwrap();
    assert!((1..=max).contains(&highest), "{highest} of {max}");
}

#[test]
#[cfg(unix)]
fn a_terminal_shows_the_latest_second_and_a_pipe_does_not() {
    let load = [
        "-t", "1300ms", "--warmup", "0s", "-c", "4", "--rate", "1000",
    ];
    let exit = bench(&load);
    assert_eq!(exit.stderr, "", "no terminal");
    if !tool_or_skip("script") {
        return;
    }
    let bench = format!("exec {PROGRAM} bench {}", load.join(" "));
    let mut script = command("script");
    script.args(["--quiet", "--command", &bench, "/dev/null"]);
    let exit = Child::spawn(script.env("COLUMNS", "80")).wait();
    let drawn = exit.text().split(['\r', '\n']);
    let is_live = |it: &&str| it.contains("/s, p50 ") && it.contains(", p99 ");
    let line = drawn.into_iter().find(is_live);
    let line = line.unwrap_or_else(|| panic!("no such line: {:?}", exit.text()));
    assert!(line.contains(" 0 failures"), "{line:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn connections_come_from_the_given_addresses_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accepting = thread::spawn(move || {
        // The first connection is the one that proves that the server is there.
        let peers = (0..5).map(|_| {
            let (peer, from) = listener.accept().unwrap();
            thread::spawn(move || io::copy(&mut &peer, &mut &peer));
            from.ip().to_string()
        });
        peers.skip(1).collect::<Vec<_>>()
    });
    let exit = bench_briefly(&[&address, "--source", "127.0.0.2,127.0.0.3"]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let mut peers = accepting.join().unwrap();
    peers.sort();
    let expected = ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"];
    assert_eq!(peers, expected);
}

#[test]
#[cfg(feature = "udp")]
fn over_udp_it_measures_a_server_of_its_own_beyond_the_rate_of_a_source() {
    both_modes(|mode| {
        // More than the server would answer if it limited the rate of a source.
        let load = [
            "--udp",
            "--warmup",
            "0s",
            "--messages",
            "3000",
            "--timeout",
            "20s",
        ];
        let asked = ["--mode", name_of(mode), "--json", "-"];
        let exit = bench(&[load.as_slice(), &asked].concat());
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let report = json(&exit);
        assert_eq!(report["plan"]["transport"], "udp");
        assert_eq!(report["messages"], 3000);
        assert_eq!(report["datagrams"]["lost"], 0, "{report}");
        assert!(report["datagrams"]["sent"].as_u64() >= Some(3000));
    });
}

#[test]
fn a_loss_fails_only_if_it_is_asked_for() {
    let lossy = datagram_server(|number, socket, message, peer| {
        if number % 10 != 0 {
            echo(socket, message, peer);
        }
    });
    let target = lossy.to_string();
    let load = [
        &target,
        "--udp",
        "--timeout",
        "300ms",
        "--messages",
        "50",
        "--warmup",
        "0s",
    ];
    let exit = bench(&load);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let text = exit.text();
    assert!(text.contains("datagrams   "), "{text}");
    assert!(
        text.contains("; in the latencies with their age, >)"),
        "{text}"
    );
    let exit = bench(&[load.as_slice(), &["--fail-if", "loss>0.1%"]].concat());
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert!(
        exit.stderr.contains("loss>0.1%: measured "),
        "{}",
        exit.stderr
    );
}

#[test]
fn what_udp_cannot_do_is_refused_before_the_run() {
    for (arguments, reason) in [
        (
            ["--udp", "--pattern", "churn"].as_slice(),
            "no pattern churn",
        ),
        (&["--udp", "--size", "4"], "cannot have 4 bytes"),
        (
            &["--udp", "--rate", "10", "--depth", "2"],
            "--depth does not apply",
        ),
        (&["--udp", "--fail-if", "loss>1"], "a share such as 0.1%"),
    ] {
        let exit = bench(arguments);
        assert_eq!(exit.code, Some(2), "{arguments:?}");
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
    }
}
