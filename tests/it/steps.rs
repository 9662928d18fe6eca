//! The programs of the course, `examples/step1_blocking.rs` to `examples/step6_server.rs`: each keeps the promises of
//! its level and of those below it, and breaks the one that the next step is about.
//!
//! One promise of a level is tested here; `mio-echo check --level N` tests all of them.

#![cfg(target_os = "linux")]

use crate::cost::may_trace;
use crate::harness::{
    Child, Signal, assert_same, command, connect, echo_roundtrip, eventually, fill_until_blocked,
    more_than_buffers_hold, pattern, peer, read, read_to_eof, tool_or_skip,
};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The steps, in the order of the course.
pub(crate) const STEPS: [&str; 6] = [
    "step1_blocking",
    "step2_spinning",
    "step3_poll",
    "step4_level",
    "step5_edge",
    "step6_server",
];

/// The most lines that a step may have, its comments included.
const LONGEST_STEP: usize = 120;

/// Long enough for an echo that is due to arrive. That none comes can only be seen by waiting.
pub(crate) const A_WHILE: Duration = Duration::from_millis(200);

#[test]
fn every_step_is_a_short_program_without_this_library_and_without_unsafe() {
    for step in STEPS {
        let text = fs::read_to_string(source_of(step)).unwrap();
        let lines = text.lines().count();
        assert!(lines <= LONGEST_STEP, "{step} has {lines} lines");
        for forbidden in ["mio_echo", "unsafe", "unwrap()", "expect("] {
            let code = text.lines().filter(|line| !line.starts_with("//"));
            let found = code.filter(|line| line.contains(forbidden)).count();
            assert_eq!(found, 0, "{step} contains {forbidden}");
        }
    }
}

#[test]
fn level_1_every_step_echoes_exactly_and_survives_the_errors_of_its_peers() {
    from_step(1, |step| {
        let (_server, address) = start(step);
        echo_roundtrip(&connect(address), &pattern(1 << 20));

        // A FIN before the echo is read, and a peer that leaves without a byte.
        let half_closed = connect(address);
        (&half_closed).write_all(&pattern(100_000)).unwrap();
        half_closed.shutdown(Shutdown::Write).unwrap();
        assert_same(&read_to_eof(&half_closed), &pattern(100_000));
        drop(connect(address));

        peer::reset(connect(address));
        let awaiting = connect(address);
        (&awaiting).write_all(&pattern(100_000)).unwrap();
        peer::reset(awaiting);
        echo_roundtrip(&connect(address), b"still there");
    });
}

#[test]
fn level_2_a_silent_peer_delays_no_other_from_step_2_on() {
    from_step(2, |step| {
        let (_server, address) = start(step);
        let silent = connect(address);
        echo_roundtrip(&silent, b"and then silence");
        echo_roundtrip(&connect(address), b"beside it");
    });

    let (_server, address) = start("step1_blocking");
    let silent = connect(address);
    echo_roundtrip(&silent, b"and then silence");
    let other = connect(address);
    (&other).write_all(b"beside it").unwrap();
    thread::sleep(A_WHILE);
    assert!(!peer::has_echo(&other), "step 1 serves one peer at a time");
    drop(silent);
    other.set_nonblocking(false).unwrap();
    assert_eq!(read(&other, 9), b"beside it");
}

#[test]
fn level_3_silent_peers_cost_no_processor_time_from_step_3_on() {
    from_step(3, |step| {
        let (server, address) = start(step);
        let silent = connect(address);
        echo_roundtrip(&silent, b"and then silence");
        assert_rests(step, &server);
    });

    let (server, address) = start("step2_spinning");
    echo_roundtrip(&connect(address), b"and then silence");
    let before = server.cpu_ticks();
    eventually("step 2 spins", || server.cpu_ticks() > before + 5);
}

#[test]
fn level_4_a_peer_that_does_not_read_delays_no_other_from_step_4_on() {
    from_step(4, |step| {
        let (server, address) = start(step);
        let (slow, sent) = peer_that_does_not_read(address);
        echo_roundtrip(&connect(address), &pattern(100_000));
        assert_rests(step, &server);
        assert_same(&read(&slow, sent), &more_than_buffers_hold()[..sent]);
    });

    // Two ways to insist.
    for step in ["step2_spinning", "step3_poll"] {
        let (_server, address) = start(step);
        let (slow, mut sent) = peer_that_does_not_read(address);
        let other = connect(address);
        // On a busy machine, the buffers may not have been full yet.
        eventually("only the slow peer is served", || {
            sent += fill_until_blocked(&slow, &more_than_buffers_hold()[sent..]);
            read_all_of_the_echo(&other);
            (&other).write_all(b"beside it").unwrap();
            thread::sleep(A_WHILE);
            !peer::has_echo(&other)
        });
        slow.set_nonblocking(false).unwrap();
        assert_same(&read(&slow, sent), &more_than_buffers_hold()[..sent]);
        other.set_nonblocking(false).unwrap();
        assert_eq!(read(&other, 9), b"beside it");
    }
}

/// Reads what can be read now. Leaves the stream non-blocking.
fn read_all_of_the_echo(mut peer: &TcpStream) {
    peer.set_nonblocking(true).unwrap();
    while matches!(peer.read(&mut [0; 64]), Ok(1..)) {}
}

/// Step 4 keeps all promises of level 5: level triggering is the more forgiving one. What edges save are calls.
#[test]
fn level_5_nothing_is_registered_twice_from_step_5_on() {
    if !tool_or_skip("strace") || !may_trace() {
        return;
    }
    from_step(5, |step| {
        let calls = calls_for_a_late_reader(step);
        assert_eq!(count(&calls, "EPOLL_CTL_MOD"), 0, "{step}: {calls:#?}");
    });

    let calls = calls_for_a_late_reader("step4_level");
    assert!(count(&calls, "EPOLL_CTL_MOD") >= 2, "{calls:#?}");
}

#[test]
fn level_6_one_read_is_a_turn_in_step_6() {
    if !tool_or_skip("strace") || !may_trace() {
        return;
    }
    let reads = reads_before_the_other_peer;
    let (edge, server) = (reads("step5_edge"), reads("step6_server"));
    assert!(
        edge > 2,
        "step 5 serves a peer until nothing is left: {edge}"
    );
    assert_eq!(server, 1);
}

#[test]
fn level_6_step_6_survives_a_lack_of_descriptors() {
    let limited = |step| {
        let mut shell = command("sh");
        shell.args(["-c", "ulimit -n 16; exec \"$0\" 127.0.0.1:0"]);
        let server = Child::spawn(shell.arg(built_example(step)));
        let address = server.address();
        (server, address)
    };

    let (server, address) = limited("step6_server");
    let mut peers: Vec<TcpStream> = (0..16).map(|_| connect(address)).collect();
    for peer in &peers[..4] {
        echo_roundtrip(peer, b"served");
    }
    let last = peers.pop().unwrap();
    (&last).write_all(b"waits in the backlog").unwrap();
    assert_rests("step6_server", &server);
    assert!(!peer::has_echo(&last));
    drop(peers);
    last.set_nonblocking(false).unwrap();
    assert_eq!(read(&last, 20), b"waits in the backlog");

    let (server, address) = limited("step5_edge");
    // It may end while they still connect.
    let _peers: Vec<_> = (0..16).map(|_| TcpStream::connect(address)).collect();
    assert_eq!(server.wait().code, Some(1), "step 5 ends");
}

#[test]
fn level_6_a_stop_loses_nothing_in_step_6() {
    let stop = |step| {
        let (server, address) = start(step);
        let peer = connect(address);
        echo_roundtrip(&peer, b"first words");
        // The bytes and the signal meet the server at the same moment.
        server.suspend();
        (&peer).write_all(b"last words").unwrap();
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        (server, peer)
    };

    let (server, peer) = stop("step6_server");
    assert_eq!(read_to_eof(&peer), b"last words", "and then the FIN");
    // What comes after the FIN is discarded, not reset.
    (&peer).write_all(b"too late").unwrap();
    drop(peer);
    assert_eq!(server.wait().code, Some(0));

    let (server, peer) = stop("step5_edge");
    assert_eq!(server.wait().code, None, "step 5 is killed");
    assert!(!peer::has_echo(&peer));
}

/// Runs a body for this step and all later ones, side by side, and names the step in which it failed.
fn from_step(number: usize, body: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for step in &STEPS[number - 1..] {
            let body = &body;
            thread::Builder::new()
                .name((*step).to_owned())
                .spawn_scoped(scope, || body(step))
                .unwrap();
        }
    });
}

/// Starts an example on a port of the system's choice.
pub(crate) fn start(example: &str) -> (Child, SocketAddr) {
    let server = Child::spawn(command(built_example(example)).arg("127.0.0.1:0"));
    let address = server.address();
    (server, address)
}

/// The program that cargo has built from an example, beside the test program.
///
/// # Panics
///
/// There is none, or it is older than its source: `cargo test` builds the examples, `cargo test --test it` does not.
pub(crate) fn built_example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let built = modified(&program);
    assert!(
        built.is_some() && built >= modified(&source_of(name)),
        "{} is missing or out of date: run `cargo build --examples`",
        program.display()
    );
    program
}

/// The file of an example: the one that `Cargo.toml` names, or else the one in `examples/`.
pub(crate) fn source_of(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let listed = manifest
        .split_once(&format!("name = \"{name}\"\npath = \""))
        .and_then(|(_, rest)| rest.split_once('"'));
    match listed {
        Some((path, _)) => root.join(path),
        None => root.join(format!("examples/{name}.rs")),
    }
}

/// Asserts that it uses no more than a clock tick of processor time for a while.
fn assert_rests(step: &str, server: &Child) {
    // It may still be on its way to sleep.
    eventually(&format!("{step} comes to rest"), || {
        let before = server.cpu_ticks();
        thread::sleep(A_WHILE);
        server.cpu_ticks() <= before
    });
}

/// A peer that sends all that it can and reads nothing, and how much it sent. Blocking.
fn peer_that_does_not_read(address: SocketAddr) -> (TcpStream, usize) {
    let slow = connect(address);
    let sent = fill_until_blocked(&slow, more_than_buffers_hold());
    slow.set_nonblocking(false).unwrap();
    (slow, sent)
}

/// The calls of a step, which serves a peer that reads late.
fn calls_for_a_late_reader(step: &str) -> Vec<String> {
    traced(step, "trace=epoll_ctl", |_server, address| {
        let (slow, sent) = peer_that_does_not_read(address);
        assert_same(&read(&slow, sent), &more_than_buffers_hold()[..sent]);
        slow.shutdown(Shutdown::Write).unwrap();
        read_to_eof(&slow);
    })
}

/// How often a step reads from a peer that has sent many full buffers before it reads from the one behind it.
fn reads_before_the_other_peer(step: &str) -> usize {
    let calls = traced(step, "trace=recvfrom", |server, address| {
        let (flood, other) = (connect(address), connect(address));
        echo_roundtrip(&flood, b"accepted first");
        echo_roundtrip(&other, b"accepted second");
        // It has found both of them exhausted when it serves a third one.
        echo_roundtrip(&connect(address), b"accepted third");
        // Both have sent when it looks again.
        server.suspend();
        (&flood).write_all(&pattern(60_000)).unwrap();
        (&other).write_all(b"behind the flood").unwrap();
        peer::wait_until_received(&[flood.try_clone().unwrap(), other.try_clone().unwrap()]);
        server.signal(Signal::CONT);
        read(&other, 16);
        read(&flood, 60_000);
    });
    let other = calls.iter().position(|call| call.ends_with(" = 16"));
    count(&calls[..other.unwrap()], " = 16384")
}

/// The system calls of a step that serves `body`, as strace(1) prints them. With `-D` the child is the server.
fn traced(step: &str, calls: &str, body: impl FnOnce(&Child, SocketAddr)) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let trace = || fs::read_to_string(file.path()).unwrap();
    let mut strace = command("strace");
    strace.args(["-D", "-e", calls, "-o"]);
    strace.arg(file.path()).arg(built_example(step));
    let server = Child::spawn(strace.arg("127.0.0.1:0"));
    body(&server, server.address());
    server.signal(Signal::KILL);
    eventually("strace has written all", || trace().contains("+++ killed"));
    trace().lines().map(str::to_owned).collect()
}

fn count(calls: &[String], words: &str) -> usize {
    calls.iter().filter(|call| call.contains(words)).count()
}
