//! A comparison that ends early loses nothing and leaves nothing running.

use super::{compare, comparison, run_short, serve_and_report, text};
use crate::harness::{self, Child, PROGRAM, Signal};
use std::fs;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_signal_ends_early_and_what_was_measured_is_reported() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (connected, connections) = mpsc::channel();
        let address = serve_and_report(|_offset, byte| byte, Some(connected));
        let contender = format!("there={address}");
        // Long enough for a message on a busy machine.
        let long = ["--duration=200ms", "--warmup=0s", "--connections=1"];
        let arguments = [&long[..], &["--rate=max", "--rounds=1000", &contender]].concat();
        let running = Child::spawn(&mut compare(&arguments));
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
    // Long enough for a message on a busy machine. The second scenario takes longer than the test.
    let arguments = [
        "--duration=300ms",
        "--rate=max",
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
    let mut command = compare(&[
        "--duration=1m",
        "--connections=1",
        "--rate=max",
        "--rounds=1",
        &forks,
    ]);
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
