//! A trace records everything that happens, in order, and does no harm to the server.

mod buffers;
#[cfg(feature = "preamble")]
mod preamble;

use crate::harness::{
    Child, PROGRAM, Signal, both_modes, command, connect, echo_roundtrip, eventually,
    fill_until_blocked, more_than_buffers_hold, name_of, pattern, program, read, read_to_eof,
    tool_or_skip,
};
use mio_echo::server::{Config, Mode, Server};
use mio_echo::trace::{Event, Header, Lane, Record, Target, Trace, Tracer, snapshot};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

/// The trace of a server while `peers` use it.
fn trace_of(mode: Mode, read_buffer: usize, peers: impl FnOnce(SocketAddr)) -> Trace {
    let config = Config {
        mode,
        read_buffer,
        ..Config::default()
    };
    trace_with(config, peers)
}

fn trace_with(mut config: Config, peers: impl FnOnce(SocketAddr)) -> Trace {
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let mode = config.mode;
    let server = Server::bind(config).unwrap();
    let (address, stopper) = (server.local_addrs()[0].inet().unwrap(), server.stopper());
    let tracer = Tracer::new(Target::Memory, Header::new(mode), None).unwrap();
    let observer = tracer.clone();
    let running = thread::spawn(|| server.run(observer));
    peers(address);
    stopper.stop().unwrap();
    running.join().unwrap().unwrap();
    tracer.finish().unwrap().expect("it is kept in memory")
}

/// The events of one connection, in their order.
fn events_of(trace: &Trace, number: u64) -> Vec<&Event> {
    let own = |record: &&Record| record.lane == Lane::Connection(number);
    let records = trace.records.iter().filter(own);
    records.map(|record| &record.event).collect()
}

fn finish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_eof(stream);
}

#[test]
fn a_connection_is_recorded_from_its_acceptance_to_its_end() {
    both_modes(|mode| {
        let mut peer = None;
        let trace = trace_of(mode, 1024, |address| {
            let stream = connect(address);
            peer = Some(stream.local_addr().unwrap());
            echo_roundtrip(&stream, &pattern(64));
            finish(&stream);
        });
        let events: Vec<Event> = events_of(&trace, 1)
            .into_iter()
            .filter(|event| {
                let details = ["flags_reported", "readiness_changed", "blocking_call"];
                !details.contains(&event.name())
            })
            .cloned()
            .collect();
        let expected = [
            Event::Accepted {
                peer: peer.unwrap().into(),
            },
            Event::Read { bytes: 64 },
            Event::Wrote {
                bytes: 64,
                offered: 64,
            },
            Event::PeerFinished,
            Event::Closed {
                reason: "finished".to_owned(),
                bytes_in: 64,
                bytes_out: 64,
            },
        ];
        assert_eq!(events, expected);
        assert_eq!(trace.records[0].event.name(), "waiting");
        assert_eq!(trace.records.last().unwrap().event, Event::Ended);
    });
}

#[test]
fn the_bytes_of_every_connection_add_up_and_time_never_falls() {
    const PEERS: usize = 8;
    const BYTES: usize = 300_000;
    both_modes(|mode| {
        let trace = trace_of(mode, 4096, |address| {
            thread::scope(|scope| {
                for _ in 0..PEERS {
                    scope.spawn(move || {
                        let stream = connect(address);
                        echo_roundtrip(&stream, &pattern(BYTES));
                        finish(&stream);
                    });
                }
            });
        });
        let times: Vec<u64> = trace.records.iter().map(|record| record.at).collect();
        assert!(times.is_sorted());
        let connections = snapshot::at(&trace.records, u64::MAX);
        assert_eq!(connections.len(), PEERS);
        for (number, one) in connections {
            let totals = (one.bytes_in, one.bytes_out, one.pending);
            assert_eq!(totals, (BYTES as u64, BYTES as u64, 0), "#{number}");
            assert_eq!(one.close_reason.as_deref(), Some("finished"), "#{number}");
        }
    });
}

#[test]
fn a_thread_records_each_blocking_call_before_it_makes_it() {
    let trace = trace_of(Mode::Threads, 1024, |address| {
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(64));
        finish(&stream);
    });
    let events: Vec<_> = events_of(&trace, 1)
        .into_iter()
        .map(Event::to_string)
        .collect();
    let expected = [
        "accepted",
        "blocking read",
        "read 64",
        "blocking write",
        "wrote 64 of 64",
        "blocking read",
        "read the peer's FIN",
        "closed: finished, 64 in, 64 out",
    ];
    assert_eq!(events, expected);
}

#[test]
fn reading_from_a_slow_reader_is_paused_and_resumed() {
    let trace = trace_of(Mode::EventLoop, 4096, |address| {
        let stream = connect(address);
        let sent = fill_until_blocked(&stream, more_than_buffers_hold());
        stream.set_nonblocking(false).unwrap();
        read(&stream, sent);
        finish(&stream);
    });
    let records = &trace.records;
    let first = |name| records.iter().position(|one| one.event.name() == name);
    let (paused, resumed) = (
        first("read_paused").unwrap(),
        first("read_resumed").unwrap(),
    );
    assert!(paused < resumed);
    // The state at the end of the iteration that paused it, which is when the loop waits again.
    let mut rest = records[paused..].iter();
    let waiting = rest.find(|one| one.event.name() == "waiting").unwrap();
    let state = &snapshot::at(records, waiting.at)[&1];
    assert!(state.pending > 0, "{state:?}");
    assert!(!state.writable, "{state:?}");
    assert_eq!(state.bytes_in, state.bytes_out + state.pending as u64);
}

#[test]
fn at_the_connection_limit_the_accept_pause_and_its_end_are_recorded() {
    let config = Config {
        max_connections: Some(1),
        ..Config::default()
    };
    let trace = trace_with(config, |address| {
        let first = connect(address);
        echo_roundtrip(&first, &pattern(64));
        // In the backlog before the first one ends, and noted before the first one's end is read.
        let second = connect(address);
        finish(&first);
        echo_roundtrip(&second, &pattern(64));
        finish(&second);
    });
    let of_accepting = |record: &&Record| {
        ["accepted", "accept_paused", "accept_resumed"].contains(&record.event.name())
    };
    let events = trace
        .records
        .iter()
        .filter(of_accepting)
        .map(|one| one.event.to_string());
    let expected = [
        "accepted",
        "accept paused: the limit of 1 open connections is reached",
        "accepted",
        "accept resumed",
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

#[test]
fn the_text_trace_of_a_connection_has_a_line_per_event() {
    let (server, address) = Child::serve(&["--trace", "--quiet"]);
    let stream = connect(address);
    // Each step is awaited, so that no two fall into one iteration of the loop.
    server.wait_for_log("  OUT");
    echo_roundtrip(&stream, &pattern(64));
    server.wait_for_log("wrote 64 of 64");
    finish(&stream);
    server.wait_for_log("closed: finished");
    let name = format!("#1 {}", stream.local_addr().unwrap());
    let said = server.log();
    let lines = said.lines().map(|line| without_times(line, &name));
    let expected = [
        "loop waiting",
        "loop woke with 1 event",
        "loop woken by a listener",
        "loop admit phase",
        "#1 accepted",
        "loop waiting",
        "loop woke with 1 event",
        "#1 OUT",
        "loop waiting",
        "loop woke with 1 event",
        "#1 IN OUT",
        "loop read pass",
        "#1 read 64",
        "loop write pass",
        "#1 wrote 64 of 64",
        "loop waiting",
        "loop woke with 1 event",
        "#1 IN OUT RDHUP",
        "loop read pass",
        "#1 read the peer's FIN",
        "loop write pass",
        "#1 closed: finished, 64 in, 64 out",
    ];
    let events: Vec<String> = lines.take(expected.len()).collect();
    assert_eq!(events, expected, "{said}");
    assert!(!said.contains('\x1b'), "a pipe gets no colours: {said}");
}

#[test]
fn a_terminal_gets_colours_unless_they_are_refused() {
    if !tool_or_skip("script") {
        return;
    }
    for (environment, coloured) in [("NO_COLOR=", true), ("NO_COLOR=1", false)] {
        let line = first_traced_line_on_a_terminal(environment);
        assert_eq!(line.contains('\x1b'), coloured, "{environment}: {line:?}");
    }
}

/// Serves on a terminal of its own, that of script(1), until the first line of the trace.
fn first_traced_line_on_a_terminal(environment: &str) -> String {
    let serve = format!("{environment} exec {PROGRAM} serve -q --listen 127.0.0.1:0 --trace");
    // When script(1) is killed, its terminal is gone and the server gets SIGHUP.
    let mut script = command("script");
    let terminal = Child::spawn(script.args(["--quiet", "--command", &serve, "/dev/null"]));
    // The ready line comes first.
    let mut lines = (0..10).map(|_| terminal.next_line());
    lines
        .find(|line| line.contains("waiting"))
        .expect("a line of a wait")
}

/// A line of text without what differs from run to run: the time, the duration and the port of the peer.
fn without_times(line: &str, name: &str) -> String {
    let (_when, line) = line.split_once(" ms  ").unwrap();
    let line = line.replace(name, "#1");
    let line = match line.split_once(" after ").zip(line.split_once(" with ")) {
        Some(((before, _), (_, events))) => format!("{before} with {events}"),
        None => line,
    };
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_trace(path: &Path) -> Trace {
    let mut file = BufReader::new(File::open(path).unwrap());
    Trace::read(&mut file).unwrap_or_else(|error| panic!("{error}"))
}

fn serve_into(path: &Path, arguments: &[&str]) -> (Child, SocketAddr) {
    let trace = format!("--trace={}", path.display());
    let all: Vec<&str> = [trace.as_str()].iter().chain(arguments).copied().collect();
    Child::serve(&all)
}

#[test]
fn after_sigterm_the_file_is_complete() {
    both_modes(|mode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let (server, address) = serve_into(&path, &["--mode", name_of(mode)]);
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(64));
        server.signal(Signal::TERM);
        read_to_eof(&stream);
        drop(stream);
        assert_eq!(server.wait().code, Some(0));

        let trace = read_trace(&path);
        let events: Vec<String> = events_of(&trace, 1)
            .into_iter()
            .map(Event::to_string)
            .collect();
        for event in [
            "phase Open → Draining",
            "sent our FIN",
            "phase Draining → Lingering",
            "closed: finished, 64 in, 64 out",
        ] {
            assert!(
                events.iter().any(|one| one == event),
                "{event}: {events:#?}"
            );
        }
        assert_eq!(trace.records.last().unwrap().event, Event::Ended);
    });
}

#[test]
fn after_sigkill_the_file_has_all_but_the_current_iteration() {
    both_modes(|mode| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let (server, address) = serve_into(&path, &["--mode", name_of(mode)]);
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(64));
        eventually("the server waits again, with the write in its file", || {
            fs::read_to_string(&path).unwrap().contains("\"wrote\"")
        });
        server.signal(Signal::KILL);
        server.wait();
        let trace = read_trace(&path);
        let events = events_of(&trace, 1);
        assert!(events.contains(&&Event::Read { bytes: 64 }), "{events:#?}");
    });
}

#[test]
fn at_its_limit_a_trace_ends_with_a_record_that_says_so_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let (server, address) = serve_into(&path, &["--trace-limit", "12"]);
    let stream = connect(address);
    for _ in 0..20 {
        echo_roundtrip(&stream, &pattern(64));
    }
    server.signal(Signal::TERM);
    assert!(read_to_eof(&stream).is_empty());
    drop(stream);
    assert_eq!(server.wait().code, Some(0));
    let trace = read_trace(&path);
    assert_eq!(trace.records.len(), 12);
    let last = &trace.records[11].event;
    assert_eq!(*last, Event::TraceLimitReached { records: 11 });
}

#[test]
fn a_trace_whose_reader_has_gone_costs_one_warning_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.jsonl");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let reader = thread::spawn({
        let path = path.clone();
        move || {
            let mut header = String::new();
            let mut pipe = BufReader::new(File::open(path).unwrap());
            pipe.read_line(&mut header).unwrap();
            header
        }
    });
    let (server, address) = serve_into(&path, &[]);
    assert!(reader.join().unwrap().contains("mio-echo trace"));
    let warning = "the trace ends here: broken pipe";
    let use_it = || {
        let stream = connect(address);
        echo_roundtrip(&stream, &pattern(64));
        finish(&stream);
    };
    // While another test starts a process, that has a copy of the reading end until its exec(2).
    eventually("the reader is gone", || {
        use_it();
        server.log().contains(warning)
    });
    use_it();
    server.signal(Signal::TERM);
    let exit = server.wait();
    assert_eq!(exit.code, Some(0));
    assert_eq!(exit.stderr.matches(warning).count(), 1, "{}", exit.stderr);
}

#[test]
fn a_text_trace_without_a_reader_does_not_end_the_server() {
    let (unread, log) = io::pipe().unwrap();
    drop(unread);
    let mut command = program(&["serve", "--listen", "127.0.0.1:0", "--trace"]);
    let server = Child::spawn(command.stderr(log));
    let address = server.address();
    for _ in 0..3 {
        echo_roundtrip(&connect(address), &pattern(64));
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_page_is_written_when_the_server_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.html");
    let (server, address) = serve_into(&path, &[]);
    let stream = connect(address);
    echo_roundtrip(&stream, &pattern(64));
    finish(&stream);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("wrote 64 of 64"));
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let exit = Child::spawn(&mut program(arguments)).wait();
    assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
    (exit.code, exit.stderr)
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error_at_the_start() {
    let serve = |trace: &str| run(&["serve", "--listen", "127.0.0.1:0", trace]);
    let (code, said) = serve("--trace=trace.txt");
    assert_eq!(code, Some(2), "{said}");
    let first = said.lines().next().unwrap();
    for part in ["trace.txt", ".jsonl", ".html"] {
        assert!(first.contains(part), "expected {part} in {first}");
    }
    let (code, said) = serve("--trace=/nowhere/trace.jsonl");
    assert_eq!(code, Some(2));
    let expected = "mio-echo: cannot write /nowhere/trace.jsonl: no such file or directory";
    assert_eq!(said, expected);
}

#[test]
fn a_file_that_is_not_a_trace_is_rejected_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let name = path.to_str().unwrap();
    let header = "{\"format\":\"mio-echo trace\",\"version\":2,\"program\":\"p\",\
                  \"mode\":\"threads\",\"started\":\"s\"}\n";
    for (text, complaint) in [
        ("", "line 1: not a trace: it is empty"),
        ("hello\n", "line 1: not a trace: no `mio-echo trace`"),
        (
            "{\"format\":\"mio-echo trace\",\"version\":9}\n",
            "line 1: a trace of version 9; this program reads versions 2 to 4",
        ),
        (
            &format!("{header}{{\"time_ns\":1}}\n"),
            "line 2: missing field `event`",
        ),
        (
            &format!("{header}{{\"time_ns\":1,\"event\":\"sneezes\"}}\n"),
            "line 2: unknown variant `sneezes`",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let (code, said) = run(&["timeline", name]);
        assert_eq!(code, Some(2), "{text}");
        let expected = format!("mio-echo: {name}, {complaint}");
        assert!(said.starts_with(&expected), "expected {expected}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    fs::remove_file(&path).unwrap();
    let (code, said) = run(&["timeline", name]);
    let expected = format!("mio-echo: cannot read {name}: no such file or directory");
    assert_eq!((code, said), (Some(2), expected));
}

#[test]
fn a_trace_becomes_a_page_or_a_file_for_perfetto() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (trace, page, perfetto) = (
        path("trace.jsonl"),
        path("page.html"),
        path("perfetto.json"),
    );
    let (server, address) = serve_into(Path::new(&trace), &[]);
    let stream = connect(address);
    echo_roundtrip(&stream, &pattern(64));
    finish(&stream);
    server.signal(Signal::TERM);
    server.wait();
    for (format, output) in [("html", &page), ("perfetto", &perfetto)] {
        let done = run(&["timeline", &trace, "--format", format, "-o", output]);
        assert_eq!(done, (Some(0), String::new()));
    }
    assert!(fs::read_to_string(page).unwrap().contains("wrote 64 of 64"));
    let text = fs::read_to_string(perfetto).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entries = whole["traceEvents"].as_array().unwrap();
    assert!(
        entries
            .iter()
            .any(|entry| entry["name"] == "wrote 64 of 64")
    );
}
