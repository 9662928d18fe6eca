//! What a process costs, measured from outside: the figures are what it has used, and nothing else.

#![cfg(target_os = "linux")]

use crate::harness::{
    DEADLINE, PROGRAM, address_in, connect, echo_roundtrip, eventually, more_than_buffers_hold,
    skip, tool_or_skip,
};
use mio_echo::measure::process::{
    Child, CommandLine, SyscallCount, SyscallCounter, Tool, ToolError, Usage, cores,
};
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

const MESSAGES: u64 = 200;

/// A call may be in progress when counting starts, and another when it ends: the peer receives the echo before the
/// server's call returns.
const EDGE: u64 = 2;

#[test]
fn processor_time_equals_what_the_process_itself_reports() {
    // The shell uses some processor time, prints what times(2) reports, and sleeps. The first of the two lines
    // that it prints is its own time.
    let line = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; times; exec sleep 60";
    let mut shell = spawn("sh", &["-c", line]);
    let reported = seconds_in(&shell.ready_line(Duration::from_mins(1)).unwrap());
    let usage = Usage::of(shell.pid()).unwrap();
    let measured = usage.cpu().as_secs_f64();
    assert!(reported > 0.05, "it used only {reported} s");
    assert!(
        (measured - reported).abs() < 0.05,
        "it reports {reported} s, we measure {measured} s"
    );
    assert!(usage.user > usage.system, "it only computed");
}

#[test]
fn the_time_of_ended_threads_stays_included() {
    let (server, address) = serving("threads");
    let alone = Usage::of(server.pid()).unwrap();
    let stream = connect(address);
    echo_roundtrip(&stream, &more_than_buffers_hold()[..32 << 20]);
    let with_one = Usage::of(server.pid()).unwrap();
    assert_eq!(with_one.threads, alone.threads + 1);
    drop(stream);
    let mut after = with_one;
    eventually("its thread has ended", || {
        after = Usage::of(server.pid()).unwrap();
        after.threads == alone.threads
    });
    assert!(after.cpu() >= with_one.cpu(), "{after:?} {with_one:?}");
    let thread = with_one.since(&alone).cpu();
    assert!(
        after.since(&alone).cpu() >= thread && thread > Duration::from_millis(1),
        "{thread:?}"
    );
}

#[test]
fn waits_are_counted_as_voluntary_switches() {
    let line = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.01; done; echo slept; exec sleep 60";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(DEADLINE).unwrap();
    let usage = Usage::of(shell.pid()).unwrap();
    assert!(usage.voluntary_switches >= 10, "{usage:?}");
}

#[test]
fn switches_of_all_threads_are_counted() {
    let (server, address) = serving("threads");
    let stream = connect(address);
    echo_roundtrip(&stream, b"hello");
    let before = Usage::of(server.pid()).unwrap();
    assert!(before.threads >= 2, "{before:?}");
    // The thread that accepts has nothing to do; the thread of the connection waits now and then.
    eventually("the thread of the connection waits", || {
        echo_roundtrip(&stream, b"hello");
        let now = Usage::of(server.pid()).unwrap();
        now.since(&before).voluntary_switches >= 10
    });
}

#[test]
fn resident_memory_is_reported_while_it_is_in_use() {
    let line = "x=$(head -c 16777216 /dev/zero | tr '\\0' x); echo full; sleep 60 & wait";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(DEADLINE).unwrap();
    let usage = Usage::of(shell.pid()).unwrap();
    assert!(usage.resident >= 16 << 20, "{usage:?}");
    assert!(usage.resident < 128 << 20, "{usage:?}");
    assert_eq!(usage.threads, 1);
}

#[test]
fn the_time_of_a_child_counts_for_its_group_while_it_runs_and_after_it_has_ended() {
    let line = "busy() { i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; }; \
                (busy; echo done; read -r go </dev/null; exec sleep 60) & wait";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(Duration::from_mins(1)).unwrap();
    let alone = Usage::of(shell.pid()).unwrap().cpu();
    let group = Usage::of_group(shell.pid()).unwrap();
    assert!(
        alone < Duration::from_millis(50),
        "the shell itself only waits: {alone:?}"
    );
    assert!(group.cpu() > Duration::from_millis(50), "{group:?}");
    assert_eq!((group.processes, group.threads), (2, 2));

    let line = "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); echo done; exec sleep 60";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(Duration::from_mins(1)).unwrap();
    let group = Usage::of_group(shell.pid()).unwrap();
    assert!(group.cpu() > Duration::from_millis(50), "{group:?}");
    assert_eq!(group.processes, 1);
}

#[test]
fn processes_that_share_a_core_wait_for_each_other() {
    let busy = ["-c", "while :; do :; done & while :; do :; done"];
    let core: Vec<usize> = cores::allowed().into_iter().take(1).collect();
    let busy = Child::spawn(&CommandLine::new("sh", busy), Some(&core)).unwrap();
    let delay = || Usage::of_group(busy.pid()).unwrap().run_queue_delay;
    let Some(start) = delay() else {
        skip("the kernel keeps no schedstat");
        return;
    };
    eventually("they have waited", || {
        delay().unwrap() > start + Duration::from_millis(50)
    });
}

#[test]
fn a_member_of_the_group_counts_although_its_parent_has_ended() {
    let line = "(sleep 60 & sleep 60 & echo started); exec sleep 60";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(DEADLINE).unwrap();
    eventually("three are left", || {
        Usage::of_group(shell.pid()).unwrap().processes == 3
    });
}

#[test]
fn memory_that_the_processes_of_a_group_share_is_counted_once() {
    let line = "x=$(head -c 16777216 /dev/zero | tr '\\0' x); \
                (sleep 60; : $x) & (sleep 60; : $x) & (sleep 60; : $x) & echo forked; wait";
    let mut shell = spawn("sh", &["-c", line]);
    shell.ready_line(DEADLINE).unwrap();
    let usage = Usage::of_group(shell.pid()).unwrap();
    assert!(usage.processes >= 4, "{usage:?}");
    let Some(proportional) = usage.proportional else {
        skip("this system does not report proportional memory");
        return;
    };
    assert!(usage.resident >= 4 * (16 << 20), "{usage:?}");
    assert!((16 << 20..48 << 20).contains(&proportional), "{usage:?}");
}

#[test]
fn a_process_that_has_exited_has_no_usage() {
    let mut brief = spawn("true", &[]);
    eventually("it has exited", || brief.early_exit().is_some());
    let pid = brief.pid();
    assert!(Usage::of(pid).is_err(), "exited, but not reaped");
    brief.terminate();
    assert!(Usage::of(pid).is_err(), "reaped");
    assert!(Usage::of_group(pid).is_err(), "so is its group");
}

#[test]
fn pinning_a_child_leaves_our_own_affinity_alone() {
    let before = cores::allowed();
    let core = *before.last().unwrap();
    let command = CommandLine::new("sleep", ["60"]);
    let child = Child::spawn(&command, Some(&[core])).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.pid())).unwrap();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    assert_eq!(list.unwrap().trim(), core.to_string());
    assert_eq!(cores::allowed(), before);
}

#[test]
fn a_core_that_does_not_exist_starts_no_process() {
    let command = CommandLine::new("sleep", ["60"]);
    assert!(Child::spawn(&command, Some(&[1023])).is_err());
}

#[test]
fn perf_counts_the_calls_of_a_server() {
    // It may be missing, or not permitted in a container.
    calls_are_counted_with(Tool::Perf);
}

#[test]
fn strace_counts_the_calls_of_a_server_by_name() {
    if !tool_or_skip("strace") {
        return;
    }
    let Some(count) = calls_are_counted_with(Tool::Strace) else {
        return;
    };
    let of = |names: [&str; 2]| -> u64 {
        let counts = names.iter().filter_map(|name| count.by_name.get(*name));
        counts.sum()
    };
    assert!(
        of(["sendto", "write"]).abs_diff(MESSAGES) <= EDGE,
        "{count:?}"
    );
    assert!(of(["recvfrom", "read"]) + EDGE >= MESSAGES, "{count:?}");
}

#[test]
fn a_count_that_fails_reports_the_reason() {
    if !tool_or_skip("strace") {
        return;
    }
    // No process ID is that high (PID_MAX_LIMIT, proc_sys_kernel(5)).
    let error = SyscallCounter::start_with(Tool::Strace, 1 << 30).unwrap_err();
    assert!(matches!(error, ToolError::Failed(Tool::Strace, ..)));
    let line = error.to_string();
    assert!(line.starts_with("strace: exited with status 1"), "{line}");
    let error = SyscallCounter::start(1 << 30).unwrap_err().to_string();
    assert!(
        error.starts_with("no tool can count system calls; "),
        "{error}"
    );
}

/// The calls that a server makes for some messages, one at a time; `None` if it cannot be traced here. It must keep
/// serving afterwards.
fn calls_are_counted_with(tool: Tool) -> Option<SyscallCount> {
    for mode in ["threads", "event-loop"] {
        let (mut server, address) = serving(mode);
        let stream = connect(address);
        echo_roundtrip(&stream, b"hello");
        let counter = match SyscallCounter::start_with(tool, server.pid()) {
            Ok(counter) => counter,
            Err(reason) => {
                skip(&reason.to_string());
                return None;
            }
        };
        for _ in 0..MESSAGES {
            echo_roundtrip(&stream, &[b'x'; 64]);
        }
        let count = counter.finish().unwrap();
        assert_eq!(count.tool, tool);
        assert!(count.total + EDGE >= 2 * MESSAGES, "{mode}: {count:?}");
        assert!(count.total <= 5 * MESSAGES, "{mode}: {count:?}");
        echo_roundtrip(&stream, b"still there");
        assert_eq!(server.early_exit(), None);
        if mode == "event-loop" {
            return Some(count);
        }
    }
    None
}

fn spawn(program: &str, arguments: &[&str]) -> Child {
    let command = CommandLine::new(program, arguments);
    Child::spawn(&command, None).unwrap()
}

fn serving(mode: &str) -> (Child, SocketAddr) {
    let listen = ["serve", "--quiet", "--listen", "127.0.0.1:0"];
    let mut server = spawn(PROGRAM, &[&listen[..], &["--mode", mode]].concat());
    let address = address_in(&server.ready_line(DEADLINE).unwrap());
    (server, address)
}

/// The sum of the times that the shell's `times` prints, such as `0m0.12s`.
fn seconds_in(times: &str) -> f64 {
    let seconds = |time: &str| -> f64 {
        let (minutes, rest) = time.split_once('m').unwrap();
        let minutes: f64 = minutes.parse().unwrap();
        minutes * 60.0 + rest.trim_end_matches('s').parse::<f64>().unwrap()
    };
    times.split_whitespace().map(seconds).sum()
}
