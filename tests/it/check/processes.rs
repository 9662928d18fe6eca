//! Which processes count as the server: all that the command has started, wherever they run.

use super::faulty_server::Fault;
use super::{command, expect_failures_of, report, words};
use crate::harness::{
    Child, PROGRAM, command as command_of_a_test, eventually, in_some_attempt, program,
    tool_or_skip,
};
use mio_echo::check::{CheckReport, CheckStatus};
use mio_echo::measure::process::CommandLine;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs;

/// Runs the server, `"$0" "$@"`, in a session and a process group of its own, and waits for its end.
const LAUNCHER: &str = r#"setsid "$0" "$@" & wait"#;

/// The same, but exits at once, as a daemon does.
const DAEMON: &str = r#"setsid "$0" "$@" & exit 0"#;

#[test]
fn a_server_outside_of_the_process_group_is_seen() {
    for (script, subject) in [(LAUNCHER, "launcher"), (DAEMON, "daemon")] {
        let (server, name) = in_a_shell(script, &words(&command(Fault::Spins)), subject);
        expect_failures_of(
            &server,
            &["half-close", "idle-cpu"],
            &[("idle-cpu", "uses ")],
        );
        expect_no_process(&name);
    }
}

#[test]
fn a_daemon_can_be_stopped_and_leaves_nothing_behind() {
    let listen = "127.0.0.1:{port}";
    let serve = [PROGRAM, "serve", "--quiet", "--listen", listen].map(OsString::from);
    let (server, name) = in_a_shell(DAEMON, &serve, "stop");
    expect_failures_of(&server, &["stop-without-loss", "descriptor-leak"], &[]);
    expect_no_process(&name);
}

#[test]
fn a_daemon_that_cannot_be_recognized_is_not_taken_for_an_idle_server() {
    let script = r#"setsid env -i "$0" "$@" & exit 0"#;
    let (server, name) = in_a_shell(script, &words(&command(Fault::Spins)), "hidden");
    in_some_attempt(|| {
        let report = report(server.clone(), &["half-close", "idle-cpu"]);
        for pid in processes_with(&name) {
            let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
            _ = kill_process(pid, Signal::KILL);
        }
        is_not_applicable(&report)
    });
    expect_no_process(&name);
}

#[test]
fn a_daemon_does_not_outlive_a_check_that_is_killed() {
    let (server, name) = in_a_shell(DAEMON, &words(&command(Fault::None)), "guard");
    let mut check = program(&[
        "check",
        "--only",
        "alive-after-pause",
        "--timeout",
        "1m",
        "--",
    ]);
    let running = Child::spawn(check.args(words(&server)));
    eventually("the server is started", || {
        !processes_with(&name).is_empty()
    });
    running.signal(Signal::KILL);
    running.wait();
    expect_no_process(&name);
}

#[test]
fn the_server_gets_the_limit_on_descriptors_of_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limit");
    let note = r#"ulimit -Sn > "$1"; shift; exec "$@""#;
    let check = r#"ulimit -Sn 321; exec "$0" check --only byte-by-byte -- sh -c "$@""#;
    let mut shell = command_of_a_test("sh");
    shell.args(["-c", check, PROGRAM, note, "sh"]);
    let exit = Child::spawn(shell.arg(&file).args(words(&command(Fault::None)))).wait();
    assert_eq!(exit.code, Some(0), "{exit:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "321\n");
}

/// It holds 40 MiB, and forks for each connection and, when much arrives, once more. What the processes hold they have in
/// common, as none of them writes to it.
const FORKS: &str = r"
import os, signal, socket, sys
memory = bytearray(os.urandom(1) * (40 << 20))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    peer, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        received = 0
        while data := peer.recv(65536):
            received += len(data)
            if received > (1 << 20) and 'helper' not in globals():
                helper = os.fork()
                if helper == 0:
                    signal.pause()
            peer.sendall(data)
        os._exit(0)
    peer.close()
";

#[test]
fn memory_that_processes_share_counts_once() {
    if tool_or_skip("python3") {
        let server = CommandLine::new("python3", ["-c", FORKS, "{port}"]);
        expect_failures_of(&server, &["stalled-memory"], &[]);
    }
}

fn is_not_applicable(report: &CheckReport) -> Result<(), String> {
    let expected =
        "the server runs in the background, outside the processes of the command: process ";
    let [half_close, idle_cpu] = &report.results[..] else {
        return Err(format!("{report:#?}"));
    };
    match (&half_close.status, &idle_cpu.status) {
        (CheckStatus::Passed { .. }, CheckStatus::NotApplicable { reason })
            if reason.starts_with(expected) =>
        {
            Ok(())
        }
        _ => Err(format!("{report:#?}")),
    }
}

/// The script with this server, and a variable of the environment by which its processes can be found.
fn in_a_shell(script: &str, server: &[OsString], subject: &str) -> (CommandLine, String) {
    let name = format!("MIO_ECHO_TEST_{}={subject}", std::process::id());
    let arguments = ["-c", script, "env", &name].map(OsString::from);
    let arguments = arguments.into_iter().chain(server.iter().cloned());
    (CommandLine::new("sh", arguments), name)
}

fn expect_no_process(name: &str) {
    eventually("no process is left", || processes_with(name).is_empty());
}

/// The processes that have this in their environment.
fn processes_with(name: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has_it = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(name)
    };
    pids.filter(has_it).collect()
}
