//! A contender that fails is a row with the reason.

use super::{measured_briefly, run, run_short, serve, text};
use crate::harness::{PROGRAM, tool_or_skip};
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

#[test]
fn a_contender_that_is_killed_is_a_row_that_names_the_signal() {
    let killed = "killed=sh -c '\"$0\" serve -q --listen 127.0.0.1:$1 & sleep 0.5; kill -KILL $!; kill -KILL $$' \
                  PROGRAM {port}";
    let killed = killed.replace("PROGRAM", PROGRAM);
    let finished = run(&[
        "--duration=5s",
        "--connections=1",
        "--rate=max",
        "--rounds=1",
        &killed,
    ]);
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
    measured_briefly(&["--rounds=1", &unlucky]);
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
    // Not by close(2), which takes effect late while another test forks.
    let close = |stream: io::Result<TcpStream>| stream.and_then(|it| it.shutdown(Shutdown::Both));
    thread::spawn(move || listener.incoming().map(close).for_each(drop));
    let contender = format!("closes={address}");
    let finished = run_short(&["--rounds=1", "event-loop", &contender]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let table = text(&finished);
    assert!(
        table.contains("closes failed in round 1: connections failed: "),
        "{table}"
    );
}
