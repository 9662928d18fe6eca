//! `serve --stats-interval`, `--stats-json`: the statistics for programs, in both modes.

use crate::harness::{
    Child, Signal, both_modes, connect, echo_roundtrip, eventually, name_of, program, run,
};
use serde_json::Value;
use std::fs;

#[test]
fn at_each_interval_the_statistics_are_logged_and_written() {
    both_modes(|mode| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stats.jsonl");
        let json = file.to_str().unwrap();
        let options = ["--stats-interval", "100ms", "--stats-json", json];
        let (server, address) = Child::serve(&[&["--mode", name_of(mode)], &options[..]].concat());
        let stream = connect(address);
        echo_roundtrip(&stream, b"seven b");
        server.wait_for_log("statistics: connections 1, open 1, bytes in 7, bytes out 7,");
        let lines = || fs::read_to_string(&file).unwrap().matches('\n').count();
        eventually("two intervals are written", || lines() >= 2);
        drop(stream);
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let text = fs::read_to_string(&file).unwrap();
        let records: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut opens = records.iter().map(|record| record["open"].as_u64());
        assert!(opens.clone().any(|open| open == Some(1)), "{text}");
        assert_eq!(opens.next_back(), Some(Some(0)), "the last line is the end");
    });
}

#[test]
fn without_an_interval_the_last_statistics_are_the_only_line() {
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--stats-json", "-"]);
        echo_roundtrip(&connect(address), b"seven b");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let record: Value = serde_json::from_str(exit.text()).unwrap();
        assert_eq!(record["mode"], name_of(mode));
        assert_eq!(
            (&record["connections"], &record["open"]),
            (&1.into(), &0.into())
        );
        assert_eq!(
            (&record["bytes_in"], &record["bytes_out"]),
            (&7.into(), &7.into())
        );
        assert!(record["up_ns"].as_u64().unwrap() > 0, "{record}");
        assert_eq!(record["datagrams"]["received"], 0);
    });
}

/// Each write(2) on this device fails with ENOSPC (full(4)).
#[cfg(target_os = "linux")]
#[test]
fn statistics_that_cannot_be_written_are_a_failure_at_the_end() {
    let (server, address) = Child::serve(&["--stats-json", "/dev/full"]);
    echo_roundtrip(&connect(address), b"served");
    server.signal(Signal::TERM);
    let exit = server.wait();
    let error = "the statistics are incomplete: cannot write /dev/full: no space left on device";
    assert!(exit.stderr.contains(error), "{}", exit.stderr);
    assert_eq!(exit.code, Some(1));
}

#[test]
fn a_wrong_interval_or_file_is_one_line_and_code_2() {
    for (option, value, reason) in [
        ("--stats-interval", "99ms", "must be at least 100ms"),
        (
            "--stats-interval",
            "10",
            "the unit is missing, as in 10s or 10ms",
        ),
        (
            "--stats-json",
            "/none/such",
            "cannot write /none/such: no such file or directory",
        ),
    ] {
        let exit = run(&mut program(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            option,
            value,
        ]));
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
        assert_eq!(exit.code, Some(2));
    }
}
