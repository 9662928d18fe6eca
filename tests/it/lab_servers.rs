//! The servers of the lab on their own: started by `lab --serve`, and repaired in the project that `lab --edit` writes.

#![cfg(target_os = "linux")]

use crate::check::passes;
use crate::harness::{
    self, Child, Exit, Signal, command, connect, echo_roundtrip, in_some_attempt, program,
};
use mio_echo::learn::lab::project::Project;
use mio_echo::learn::lab::{self, EXPERIMENTS, Variant};
use mio_echo::measure::process::CommandLine;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

fn run(arguments: &[&str]) -> Exit {
    harness::run(&mut program(arguments))
}

/// Experiments whose server does not echo: it sends a page.
const NO_ECHO: &str = "close-with-unread";

#[test]
fn every_right_server_echoes_on_its_own_until_a_signal_stops_it() {
    thread::scope(|scope| {
        for (experiment, signal) in EXPERIMENTS
            .iter()
            .zip([Signal::TERM, Signal::INT].iter().cycle())
        {
            scope.spawn(move || {
                let name = experiment.name;
                let server = Child::spawn(&mut program(&["lab", name, "--serve", "right"]));
                let peer = connect(server.address());
                if name != NO_ECHO {
                    echo_roundtrip(&peer, b"hello");
                }
                drop(peer);
                server.signal(*signal);
                assert_eq!(server.wait().code, Some(0), "{name}");
            });
        }
    });
}

#[test]
fn a_wrong_server_listens_where_it_is_told_to() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let server = Child::spawn(&mut program(&[
        "lab",
        "read-once",
        "--serve",
        "wrong",
        "--listen",
        &port,
    ]));
    let address = server.address();
    assert_eq!(address.to_string(), port);
    echo_roundtrip(&connect(address), b"16 bytes at once");
}

#[test]
fn a_server_that_cannot_listen_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for name in ["read-once", "threads-vs-loop"] {
        let exit = run(&["lab", name, "--serve", "right", "--listen", &address]);
        assert_eq!(exit.code, Some(2), "{}", exit.stderr);
        assert!(
            exit.stderr.contains("address already in use"),
            "{}",
            exit.stderr
        );
        assert!(exit.stderr.contains(&address), "{}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    }
    let exit = run(&["lab", "--serve", "right"]);
    assert_eq!(exit.code, Some(2), "without a name");
}

/// The check of each experiment fails its wrong server and passes the right one.
#[test]
fn check_tells_the_two_servers_of_an_experiment_apart() {
    thread::scope(|scope| {
        for experiment in EXPERIMENTS {
            let Ok(check) = experiment.check else {
                continue;
            };
            // Time passes only if the server fails: a slow machine does not make a right server fail.
            for (server, timeout, is_right) in [("wrong", 1, false), ("right", 30, true)] {
                scope.spawn(move || {
                    let lab = ["lab", experiment.name, "--serve", server];
                    let listen = ["--listen", "127.0.0.1:{port}"];
                    let command = CommandLine::new(harness::PROGRAM, [&lab[..], &listen].concat());
                    let timeout = Duration::from_secs(timeout);
                    // A busy machine may disturb a check, but not each time.
                    in_some_attempt(|| match passes(command.clone(), check, timeout) {
                        passes if passes == is_right => Ok(()),
                        passes => Err(format!("{lab:?} passes {check}: {passes}")),
                    });
                });
            }
        }
    });
}

#[test]
fn a_project_fails_its_check_until_it_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-once");
    let exit = run(&["lab", "read-once", "--edit", path.to_str().unwrap()]);
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let command_line =
        "mio-echo check --only all-byte-values -- target/debug/read-once 127.0.0.1:{port}";
    assert!(exit.text().contains(command_line), "{}", exit.text());
    let readme = fs::read_to_string(path.join("README.md")).unwrap();
    assert!(readme.contains(command_line), "{readme}");

    let grade = |built: &Path| {
        let mut check = program(&[
            "check",
            "--timeout",
            "1s",
            "--only",
            "all-byte-values",
            "--",
        ]);
        harness::run(check.arg(built).arg("127.0.0.1:{port}")).code
    };
    let expect = |code: i32| {
        let built = build(&path);
        in_some_attempt(|| match grade(&built) {
            graded if graded == Some(code) => Ok(()),
            graded => Err(format!("the check ends with {graded:?}")),
        });
    };
    expect(1);

    // The repair that the comment in the file suggests.
    let program = path.join("src/main.rs");
    let text = fs::read_to_string(&program).unwrap();
    let mistake = "        return Flow::Park; // assumes that the rest will be reported\n";
    assert!(text.contains(mistake), "{text}");
    fs::write(&program, text.replace(mistake, "")).unwrap();
    expect(0);
}

/// Every project compiles, in both variants: here as a binary of one project each.
#[test]
fn every_project_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all");
    let projects: Vec<_> = EXPERIMENTS
        .iter()
        .filter_map(|one| Some((one.name, Project::of(one).ok()?)))
        .collect();
    projects.first().unwrap().1.write(&path).unwrap();
    fs::remove_file(path.join("src/main.rs")).unwrap();
    let bins = path.join("src/bin");
    fs::create_dir(&bins).unwrap();
    for (name, project) in &projects {
        for variant in [Variant::Wrong, Variant::Right] {
            let text = project.program(variant);
            let text = text.replace(
                "mod harness;",
                "#[path = \"../harness/mod.rs\"]\nmod harness;",
            );
            fs::write(bins.join(format!("{name}-{variant}.rs")), text).unwrap();
        }
    }
    // In one place, so that cargo compiles only what has changed since the last run.
    let place = target().join("all");
    mirror(&path, &place);
    let exit = cargo(&place, "check");
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

/// Makes `place` what `folder` is, and writes only files that differ.
fn mirror(folder: &Path, place: &Path) {
    fs::create_dir_all(place).unwrap();
    let names = |folder: &Path| -> BTreeSet<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    let wanted = names(folder);
    for name in names(place).difference(&wanted) {
        let _is_a_folder = fs::remove_file(place.join(name));
    }
    for name in wanted {
        let (from, to) = (folder.join(&name), place.join(&name));
        if from.is_dir() {
            mirror(&from, &to);
        } else if fs::read(&from).ok() != fs::read(&to).ok() {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Builds the project in `folder`, and returns its program.
fn build(folder: &Path) -> PathBuf {
    let exit = cargo(folder, "build");
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    target().join("debug").join(folder.file_name().unwrap())
}

/// Runs cargo without the network, into the folder of this build, where the dependencies are built already.
fn cargo(folder: &Path, subcommand: &str) -> Exit {
    let mut cargo = command(env!("CARGO"));
    cargo.args([subcommand, "--offline", "--quiet"]);
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target());
    // The first time it compiles the dependencies.
    Child::spawn(&mut cargo).wait_within(Duration::from_mins(10))
}

fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("lab-projects")
}

#[test]
fn an_experiment_without_a_check_and_a_folder_in_use_are_one_line_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    fs::write(folder.path().join("mine"), "precious").unwrap();
    for (name, problem) in [
        (
            "thundering-herd",
            "no check tells the two servers of thundering-herd apart: both serve alike",
        ),
        ("read-once", "the folder is not empty"),
    ] {
        assert!(lab::find(name).is_some());
        let exit = run(&["lab", name, "--edit", path]);
        assert_eq!(exit.code, Some(2), "{}", exit.stderr);
        assert!(exit.stderr.contains(problem), "{}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    }
}
