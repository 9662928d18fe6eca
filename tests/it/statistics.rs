//! The statistics of a running server, for other threads and other programs, in both modes.

use crate::harness::{
    BoundServer, Child, DEADLINE, Signal, both_modes, connect, echo_roundtrip, eventually, name_of,
    program, run,
};
use mio_echo::server::Stats;
use std::sync::mpsc;
use std::thread;
#[cfg(feature = "telemetry")]
use {serde_json::Value, std::fs};

#[test]
fn another_thread_that_asks_gets_the_statistics_of_open_connections_too() {
    both_modes(|mode| {
        let server = BoundServer::new(mode, |_| {});
        let (address, stopper) = (server.address(), server.stopper());
        let requester = server.snapshot_requester();
        let (copies, received) = mpsc::channel();
        let running =
            thread::spawn(move || server.run_with(Stats::default().publishing_to(copies)));
        let stream = connect(address);
        echo_roundtrip(&stream, b"seven b");
        requester.request().unwrap();
        let stats = received.recv_timeout(DEADLINE).unwrap();
        assert_eq!((stats.accepted, stats.closed), (1, 0));
        assert_eq!((stats.bytes_in, stats.bytes_out), (7, 7));
        drop(stream);
        stopper.stop().unwrap();
        running.join().unwrap();
        let end = received.recv_timeout(DEADLINE).unwrap_err();
        assert_eq!(
            end,
            mpsc::RecvTimeoutError::Disconnected,
            "one for each request"
        );
    });
}

#[cfg(feature = "telemetry")]
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
        let opens = records
            .iter()
            .map(|record| record["open"].as_u64().unwrap());
        assert!(opens.clone().any(|open| open == 1), "{text}");
        assert_eq!(opens.last(), Some(0), "the last line is that of the end");
    });
}

#[cfg(feature = "telemetry")]
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
#[cfg(all(feature = "telemetry", target_os = "linux"))]
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

#[cfg(feature = "telemetry")]
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
