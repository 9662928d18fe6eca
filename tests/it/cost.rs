//! What a message costs: two system calls, and nothing else that grows with the number of messages. What silence costs:
//! nothing.
//!
//! The calls are counted from outside, by strace(1) and by the kernel, not by the server itself.

#![cfg(target_os = "linux")]

use crate::harness::{
    Child, PROGRAM, Signal, both_modes, command, connect, echo_roundtrip, eventually, name_of,
    read_to_eof, skip, tool_or_skip,
};
use mio_echo::server::Mode;
use std::fs;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

const MESSAGES: usize = 200;

/// What a server does with a socket, how it waits, and how it allocates memory.
const CALLS: &str = "trace=network,epoll_ctl,epoll_wait,epoll_pwait,poll,ppoll,read,write,readv,writev,close,\
                     fcntl,ioctl,dup,mmap,munmap,brk";

#[test]
fn a_ping_pong_costs_two_calls_and_a_connection_five_more() {
    if !tool_or_skip("strace") || !may_trace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let calls = calls_of_one_connection(Mode::EventLoop, &trace);

    calls.expect(
        "recvfrom(",
        MESSAGES + 1,
        "one a message, and one for the FIN",
    );
    calls.expect("sendto(", MESSAGES, "one a message");
    calls.expect(
        "accept4(",
        2,
        "one for the peer, one to find the backlog empty",
    );
    calls.expect("epoll_ctl(", 1, "registered once, for everything");
    calls.expect("close(", 1, "which sends our FIN: no shutdown");
    // Besides the messages: for the peer, for the new socket that is writable, for the FIN; and the one in which the
    // server sleeps when the trace is read.
    let most = MESSAGES + 4;
    let waits = calls.count("epoll_wait(");
    assert!(waits <= most, "expected {most} waits at most, got {waits}");
    let all = 2 * MESSAGES + 5 + waits;
    assert_eq!(calls.0.len(), all, "expected no other call: {calls:#?}");
}

#[test]
fn a_busy_thread_needs_two_calls_a_message_too() {
    if !tool_or_skip("strace") || !may_trace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    let calls = calls_of_one_connection(Mode::Threads, &trace);

    // On a busy machine the peer may be late by more than the timeout of the blocking call; then the thread parks.
    let parked = calls.count("poll(") + calls.count("ppoll(");
    let most = MESSAGES / 10;
    assert!(
        parked <= most,
        "expected it to park {most} times at most: {calls:#?}"
    );
    calls.expect(
        "recvfrom(",
        MESSAGES + 1 + parked,
        "one a message, one for the FIN, and one that times out before each time it parks",
    );
    calls.expect("sendto(", MESSAGES, "one a message");
}

#[test]
fn a_silent_peer_costs_nothing() {
    /// Longer than a thread blocks before it parks.
    const TO_PARK: Duration = Duration::from_millis(200);
    /// Many times as long as any timer of a server without an idle timeout.
    const A_WHILE: Duration = Duration::from_millis(2500);
    both_modes(|mode| {
        let (server, address) = Child::serve(&["--mode", name_of(mode)]);
        let peers: Vec<TcpStream> = (0..8).map(|_| connect(address)).collect();
        for peer in &peers {
            echo_roundtrip(peer, b"and then silence");
        }
        // At first a thread may still be on its way to sleep, and on a busy machine that may take its time.
        eventually("all threads have parked", || {
            are_asleep_for(TO_PARK, &server)
        });
        eventually("no thread wakes for a while", || {
            are_asleep_for(A_WHILE, &server)
        });
        for peer in &peers {
            echo_roundtrip(peer, b"and each still gets its echo");
        }
    });
}

/// Whether no thread of the server wakes for this long.
fn are_asleep_for(time: Duration, server: &Child) -> bool {
    let before = times_slept(server);
    thread::sleep(time);
    times_slept(server) == before
}

/// How often each thread of the server has gone to sleep (proc(5), `/proc/PID/task/TID/status`).
fn times_slept(server: &Child) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let counts = threads.map(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let count = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        count.unwrap().to_owned()
    });
    counts.collect()
}

/// Whether processes may be traced here; some containers forbid it.
pub(crate) fn may_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status();
    traced.is_ok_and(|status| status.success()) || skip("processes may not be traced here")
}

/// One connection: this many messages, each of which comes back before the next, then both FINs.
fn ping_pong(address: SocketAddr, messages: usize) {
    let stream = connect(address);
    for _ in 0..messages {
        echo_roundtrip(&stream, &[b'x'; 64]);
    }
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_eof(&stream);
}

/// The system calls of a server for one connection of [`MESSAGES`].
fn calls_of_one_connection(mode: Mode, trace: &Path) -> Calls {
    let (server, address) = serve_under_strace(mode, trace);
    // What is allocated once is allocated for the first connection.
    ping_pong(address, 1);
    wait_for_closings(trace, 1);
    ping_pong(address, MESSAGES);
    wait_for_closings(trace, 2);
    let calls = Calls::of_the_second_connection(trace);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    calls
}

/// The server, traced. With `-D` the child is the server, and strace(1) is a process beside it. It is quiet, because
/// the log is written by a thread of its own, at a time of its own.
fn serve_under_strace(mode: Mode, trace: &Path) -> (Child, SocketAddr) {
    let mut command = command("strace");
    command
        .args(["-D", "-f", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(trace)
        .args([PROGRAM, "serve", "--quiet", "--listen", "127.0.0.1:0"])
        .arg("--mode")
        .arg(name_of(mode))
        .env_remove("RUST_LOG");
    let server = Child::spawn(&mut command);
    let address = server.address();
    (server, address)
}

/// Waits until the server has closed this many connections: a peer may see the FIN before strace(1) has written the
/// call.
fn wait_for_closings(trace: &Path, connections: usize) {
    eventually(&format!("{connections} closed connections"), || {
        let calls = calls_since_ready(trace);
        let closings = calls.iter().filter(|call| call.starts_with("close("));
        closings.count() == connections
    });
}

/// The calls after the one that announced the address, without the process identifier.
fn calls_since_ready(trace: &Path) -> Vec<String> {
    let text = fs::read_to_string(trace).unwrap();
    let is_ready_line = |line: &&str| line.contains("write(1, ") && line.contains("listening on");
    text.lines()
        .skip_while(|line| !is_ready_line(line))
        .skip(1)
        .filter_map(|line| line.split_once(' '))
        .map(|(_process, call)| call.trim_start().to_owned())
        // In debug builds std checks that a descriptor is open before it closes it.
        .filter(|call| !(cfg!(debug_assertions) && call.contains("F_GETFD")))
        .collect()
}

/// System calls in their order, each as strace(1) prints it.
#[derive(Debug)]
struct Calls(Vec<String>);

impl Calls {
    fn of_the_second_connection(trace: &Path) -> Self {
        let mut calls = calls_since_ready(trace).into_iter();
        let _closing = calls.find(|call| call.starts_with("close("));
        Self(calls.collect())
    }

    fn count(&self, name: &str) -> usize {
        let named = self.0.iter().filter(|call| call.starts_with(name));
        named.count()
    }

    fn expect(&self, name: &str, times: usize, why: &str) {
        let found = self.count(name);
        assert_eq!(found, times, "{name}): {why}; the calls were {self:#?}");
    }
}
