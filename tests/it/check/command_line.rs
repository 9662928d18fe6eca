//! What the command prints, writes and returns.

use super::faulty_server::Fault;
use super::{command, words};
use crate::harness::{
    self, Child, DEADLINE, Signal, command as run_program, eventually, in_some_attempt, program,
    refusing_port, tool_or_skip,
};
use mio_echo::check::{CHECKS, Level};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::sync::mpsc;
use std::thread;

#[test]
fn our_own_server_passes_in_both_modes() {
    // The checks have two seconds for each server, which is little on a busy machine.
    let document: Value = in_some_attempt(|| {
        let output = run(&["--quick", "--json", "-"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = document.to_string();
        if text.contains("no time was left") || text.contains("the time was up") {
            return Err("too slow".to_owned());
        }
        assert_eq!(output.status.code(), Some(0), "{document:#}");
        Ok(document)
    });
    let servers = document["servers"].as_array().unwrap();
    let names: Vec<&str> = servers
        .iter()
        .map(|it| it["server"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["event-loop", "threads"]);
    let quick = CHECKS.iter().filter(|check| check.quick).count();
    for server in servers {
        let results = server["results"].as_array().unwrap();
        assert_eq!(results.len(), quick);
        assert!(
            results.iter().all(|it| it["status"] == "passed"),
            "{server:#}"
        );
    }
}

#[test]
fn a_table_explains_what_is_broken() {
    let output = run_on(Fault::ClosesOnFin, &["--only", "half-close,byte-by-byte"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        " pass  byte-by-byte",
        " FAIL  half-close",
        "→ FIN after 1 byte: closed after 0 of 1 byte",
        "1 passed, 1 failed, in ",
        " why   Otherwise `printf hello | nc -N`",
        " see   guide chapter 6, half-close, linger, RST; mio-echo lab close-on-eof",
    ] {
        assert!(text.contains(words), "expected {words:?} in:\n{text}");
    }
    // The command line of the server stands on the first line, however long it is.
    let mut lines = text.lines().skip(1);
    assert!(lines.all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn reports_for_other_programs_are_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let [json, junit, tap] =
        ["check.json", "check.xml", "check.tap"].map(|it| folder.path().join(it));
    let output = program(&["check", "--only", "half-close,byte-by-byte,idle-cpu"])
        .arg("--json")
        .arg(&json)
        .arg("--junit")
        .arg(&junit)
        .arg("--tap")
        .arg(&tap)
        .args(["--", "env", "TITLE=<&\"# ']]>"])
        .args(words(&command(Fault::ClosesOnFin)))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [json, junit, tap] = [json, junit, tap].map(|path| fs::read_to_string(path).unwrap());

    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["format"], 1);
    let results = document["servers"][0]["results"].as_array().unwrap();
    assert_eq!(results[1]["name"], "half-close");
    assert_eq!(results[1]["status"], "failed");
    assert_eq!(results[1]["offset"], 0);
    assert_eq!(results[1]["chapter"], 6);

    let elements = elements_of(&junit);
    let count = |name: &str| elements.iter().filter(|it| *it == name).count();
    let counts = ["testsuites", "testsuite", "testcase", "failure"].map(count);
    assert_eq!(counts, [1, 1, 3, 1], "{junit}");
    assert!(junit.contains("failures=\"1\""), "{junit}");

    let lines: Vec<&str> = tap.lines().collect();
    assert_eq!(lines[..2], ["TAP version 14", "1..3"]);
    assert!(
        lines[2].starts_with("ok 1 - ") && lines[2].ends_with(": byte-by-byte"),
        "{tap}"
    );
    assert!(
        lines[3].starts_with("not ok 2 - ") && lines[3].contains(r#"<&"\# "#),
        "{tap}"
    );
    assert_eq!(lines[4], "  ---");
    assert!(
        lines.contains(&"  offset: 0") && lines.contains(&"  ..."),
        "{tap}"
    );
}

#[test]
fn what_a_server_writes_controls_no_terminal_and_breaks_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["check.json", "check.xml", "check.tap"].map(|it| folder.path().join(it));
    let mut check = program(&["check", "--only", "reset-midway"]);
    for (option, path) in ["--json", "--junit", "--tap"].iter().zip(&files) {
        check.arg(option).arg(path);
    }
    check.args(["--", "env", "TITLE=\x1b[31m \x01 \u{fffe}"]);
    let output = check.args(words(&command(Fault::ExitsOnReset))).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let reports = files
        .each_ref()
        .map(|path| fs::read_to_string(path).unwrap());
    let table = String::from_utf8(output.stdout).unwrap();
    for text in reports.iter().chain([&table]) {
        let is_control = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(is_control), "{text:?}");
        assert!(text.contains(r"[31mreset"), "{text}");
    }
    if tool_or_skip("python3") {
        let strict = "import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])";
        let mut python = run_program("python3");
        let read = python.args(["-c", strict]).arg(&files[1]).output().unwrap();
        assert!(read.status.success(), "{read:?}");
    }

    let output = run(&[
        "--",
        "sh",
        "-c",
        r"printf '\033[31mno' >&2; exit 3",
        "{port}",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.ends_with("exited with status 3: \\u{1b}[31mno\n"),
        "{error:?}"
    );
}

/// The names of the elements of a document, which is well-formed.
fn elements_of(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut names = Vec::new();
    loop {
        use quick_xml::events::Event;
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                assert!(
                    element.attributes().all(|attribute| attribute.is_ok()),
                    "{xml}"
                );
                names.push(element.name().as_ref().to_owned());
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

#[test]
fn a_level_stops_at_the_first_failure_and_says_what_comes_next() {
    let reached = run_on(Fault::OneAtATime, &["--level", "1"]);
    let text = String::from_utf8(reached.stdout).unwrap();
    assert_eq!(reached.status.code(), Some(0), "{text}");
    let next = "Level 1 (one client at a time, blocking) is reached. Next: --level 2";
    assert!(text.contains(next), "{text}");

    let missed = run_on(Fault::OneAtATime, &["--level", "3", "--timeout", "1s"]);
    let text = String::from_utf8(missed.stdout).unwrap();
    assert_eq!(missed.status.code(), Some(1), "{text}");
    assert!(
        text.contains("is not reached: `several-clients` comes next"),
        "{text}"
    );
    assert!(
        text.contains(" hint  Do not block on one connection"),
        "{text}"
    );
    assert!(text.contains(" skip  stays-open"), "{text}");
}

#[test]
fn each_report_has_the_grade_and_all_checks_of_the_level() {
    let folder = tempfile::tempdir().unwrap();
    let [json, junit, tap] = ["json", "xml", "tap"].map(|it| folder.path().join(it));
    let paths = [&json, &junit, &tap].map(|path| path.to_str().unwrap());
    let options = ["--level", "3", "--json", paths[0]];
    let files = ["--junit", paths[1], "--tap", paths[2]];
    run_on(Fault::DecodesText, &[&options[..], &files].concat());
    let [json, junit, tap] = [json, junit, tap].map(|path| fs::read_to_string(path).unwrap());

    let document: Value = serde_json::from_str(&json).unwrap();
    let server = &document["servers"][0];
    assert_eq!(server["grade"], json!({ "requested": 3, "reached": 0 }));
    let due = CHECKS
        .iter()
        .filter(|it| it.level <= Level::of(3) && it.level.is_some());
    let due = due.count();
    let results = server["results"].as_array().unwrap();
    assert_eq!(results.len(), due);
    assert_eq!(results[due - 1]["status"], "not-run");
    assert_eq!(results[due - 1]["reason"], "level 3 was not reached");
    for property in [
        r#"<property name="level.requested" value="3"/>"#,
        r#"<property name="level.reached" value="0"/>"#,
        r#"<skipped message="level 3 was not reached"/>"#,
    ] {
        assert!(junit.contains(property), "{junit}");
    }
    assert!(tap.contains(&format!("\n1..{due}\n")), "{tap}");
    assert!(tap.contains(" # SKIP level 3 was not reached\n"), "{tap}");
    assert!(
        tap.ends_with(": level 3 was requested, level 0 was reached\n"),
        "{tap}"
    );
}

#[test]
fn what_needs_a_process_does_not_apply_to_an_address() {
    let (_server, address) = Child::serve(&[]);
    let address = address.to_string();
    let output = run(&[&address, "--only", "idle-cpu,byte-by-byte"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("→ the process of the server is not known"),
        "{text}"
    );
    assert!(text.contains("1 passed, 1 not applicable"), "{text}");
}

#[test]
fn the_list_names_every_check() {
    let output = run(&["--list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for check in CHECKS {
        assert!(text.contains(check.name), "{}", check.name);
    }
}

#[test]
fn wrong_usage_and_a_missing_server_are_told_apart_from_a_failure() {
    let (_bound, address) = refusing_port();
    let silent = address.to_string();
    for (arguments, words) in [
        (&["--only", "halfclose"][..], "did you mean `half-close`?"),
        (&["--skip", "everything"], "there is no check `everything`"),
        (&["--only", "idle-cpu", "--quick"], "leave no check"),
        (&["--level", "7"], "expected a number from 1 to 6"),
        (&["--level", "2", "--quick"], "cannot be used with"),
        (
            &["--json", "-", "--tap", "-"],
            "two reports cannot both go to standard output",
        ),
        (
            &["--json", "/nowhere/x", "localhost:1"],
            "cannot write /nowhere/x: no such file or directory",
        ),
        (
            &["--json", "./same", "--junit", "same"],
            "two reports cannot both go to same",
        ),
        (&["--", "cat"], "does not say where the port goes: {port}"),
        (
            &["--", "false", "{port}"],
            "cannot start `false {port}`: exited with status 1",
        ),
        (
            &["--", "no-such-program", "{port}"],
            "cannot start `no-such-program {port}`",
        ),
        (&[&silent], "cannot connect to 127.0.0.1:"),
    ] {
        let output = run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_one_line_and_exit_code_2() {
    let (_server, address) = Child::serve(&[]);
    let address = address.to_string();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (arguments, code) in [
        (&["check", "--list"][..], 2),
        (&["check", &address, "--only", "byte-by-byte"], 2),
        (&["lab"], 1),
    ] {
        let exit = harness::run(program(arguments).stdout(full()));
        let line = "mio-echo: cannot write standard output: no space left on device";
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(code), line));

        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let exit = harness::run(program(arguments).stdout(writer));
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn an_interrupt_keeps_what_was_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stuck, is_stuck) = mpsc::channel();
    // One connection after the other, until a byte comes that is not ASCII.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut byte = [0];
            while matches!(stream.read(&mut byte), Ok(1)) {
                if !byte.is_ascii() {
                    return stuck.send(stream).unwrap();
                }
                stream.write_all(&byte).unwrap();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("check.json");
    let mut check = program(&["check", &address, "--timeout", "1m"]);
    check.args(["--only", "byte-by-byte,split-utf8,half-close", "--json"]);
    let run = Child::spawn(check.arg(&json));
    let _open = is_stuck.recv_timeout(DEADLINE).unwrap();
    run.signal(Signal::INT);
    let exit = run.wait();
    assert_eq!(
        (exit.code, exit.stderr.as_str()),
        (Some(130), "mio-echo: interrupted")
    );
    let table = String::from_utf8(exit.stdout).unwrap();
    assert!(table.contains(" pass  byte-by-byte"), "{table}");
    assert!(
        table.contains("2 of 3 checks were not run: interrupted"),
        "{table}"
    );
    let document: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let results = document["servers"][0]["results"].as_array().unwrap();
    let statuses: Vec<&Value> = results.iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["passed", "not-run", "not-run"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_the_run_and_the_server() {
    let mut slow = program(&["check", "--only", "stays-open,alive-after-pause"]);
    let words = words(&command(Fault::None));
    let run = Child::spawn(slow.args(["--timeout", "1m", "--"]).args(words));
    let is_server = |pid: &u32| parent_of(*pid) == Some(run.id());
    let mut server = None;
    eventually("the server is started", || {
        server = processes().find(is_server);
        server.is_some()
    });
    run.signal(Signal::INT);
    let exit = run.wait();
    assert_eq!(exit.code, Some(130), "{}", exit.stderr);
    assert_eq!(exit.stderr, "mio-echo: interrupted");
    assert!(processes().all(|pid| Some(pid) != server));
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
}

#[cfg(target_os = "linux")]
/// The second field behind the name (`proc_pid_stat(5)`).
fn parent_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1).map(str::to_owned)
}

#[cfg(feature = "learn")]
#[test]
fn each_experiment_that_a_check_names_exists() {
    for check in CHECKS {
        if let Some(name) = check.experiment {
            let experiment = mio_echo::learn::lab::find(name);
            assert!(experiment.is_some(), "{} names {name}", check.name);
        }
    }
}

pub(super) fn run(arguments: &[&str]) -> Output {
    program(&["check"]).args(arguments).output().unwrap()
}

fn run_on(fault: Fault, arguments: &[&str]) -> Output {
    let mut program = program(&["check"]);
    program
        .args(arguments)
        .arg("--")
        .args(words(&command(fault)));
    program.output().unwrap()
}
