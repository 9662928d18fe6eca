//! `--user` and `--group`: a privileged port, then no privilege.

use crate::harness::{Child, Exit, connect, echo_roundtrip, program, skip};
use rustix::process::getuid;
use std::fs;

/// A loopback address of its own, so that no other test has bound a port below 1024 there.
const PRIVILEGED: &str = "127.0.0.77:7";

/// For metrics.
#[cfg(feature = "telemetry")]
const PRIVILEGED_METRICS: &str = "127.0.0.77:9";

fn is_root_or_skip() -> bool {
    getuid().is_root() || skip("only root can become another user")
}

fn run(arguments: &[&str]) -> Exit {
    let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    Child::spawn(&mut program(&arguments)).wait()
}

#[test]
fn a_server_that_root_has_started_serves_a_privileged_port_as_another_user() {
    if !is_root_or_skip() {
        return;
    }
    let arguments = ["serve", "--listen", PRIVILEGED, "-v", "--user", "65534"];
    for more in [
        &["--group", "65533"][..],
        &["--group", "65533", "--mode", "threads"],
    ] {
        let server = Child::spawn(program(&arguments).args(more));
        // It stays open, so that its thread does not end while it is looked at.
        let peer = connect(server.address());
        echo_roundtrip(&peer, b"from port 7");
        let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
        for task in tasks {
            // proc(5): real, effective, saved and file system ids.
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let field = |name| {
                let field = status.lines().find_map(|line| line.strip_prefix(name));
                field.unwrap().split_whitespace().collect::<Vec<_>>()
            };
            assert_eq!(field("Uid:"), ["65534"; 4]);
            assert_eq!(field("Gid:"), ["65533"; 4]);
            assert!(field("Groups:").is_empty(), "{status}");
            assert_eq!(field("CapEff:"), ["0000000000000000"]);
            assert_eq!(field("CapPrm:"), ["0000000000000000"]);
        }
        drop(peer);
    }
}

#[cfg(feature = "telemetry")]
#[test]
fn a_server_that_gives_up_its_privileges_has_bound_the_port_of_its_metrics() {
    if !is_root_or_skip() {
        return;
    }
    let user = ["--user", "65534", "--group", "65533"];
    let metrics = ["--metrics", PRIVILEGED_METRICS];
    let (server, _) = Child::serve(&[&user[..], &metrics].concat());
    let line = format!("metrics on http://{PRIVILEGED_METRICS}/metrics");
    assert_eq!(server.next_line().trim_end(), line);
}

#[test]
fn a_user_that_cannot_be_had_is_one_line_and_exit_code_2() {
    for (arguments, reason) in [
        (
            &["--user", "no-such-user"][..],
            "there is no user no-such-user",
        ),
        (
            &["--user", "65534", "--group", "no-such-group"],
            "there is no group no-such-group",
        ),
        (&["--user", "4000000000"], "give its --group"),
    ] {
        let exit = run(arguments);
        assert_eq!(exit.code, Some(2), "{arguments:?}: {}", exit.stderr);
        assert!(
            exit.stderr.contains(reason),
            "{arguments:?}: {}",
            exit.stderr
        );
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    }
}

/// setpriv(1) takes the privileges away before the server starts.
#[test]
fn a_server_that_may_not_change_its_user_does_not_start() {
    if !is_root_or_skip() {
        return;
    }
    let mut command = crate::harness::command("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .args([crate::harness::PROGRAM, "serve", "--listen", "127.0.0.1:0"])
        .args(["--user", "root"]);
    let exit = Child::spawn(&mut command).wait();
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    let reason = "cannot become user 0: operation not permitted";
    assert!(exit.stderr.contains(reason), "{}", exit.stderr);
}
