//! When the system is out of descriptors, threads or memory, the server neither ends nor spins: open connections are
//! served, waiting ones are served when there is room again, and the log has one line about it.

use crate::harness::child::serve_after;
use crate::harness::peer::has_echo;
use crate::harness::{
    Child, PROGRAM, Signal, both_modes, command, connect, echo_roundtrip, eventually,
    more_than_buffers_hold, name_of, run, tool_or_skip,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

/// The server's limit on descriptors; some of them are not for connections.
const DESCRIPTORS: usize = 40;
/// More connections than it can have open at once, but not more than twice as many.
const PEERS: usize = 45;

#[test]
fn out_of_descriptors_open_connections_are_served_and_waiting_ones_later() {
    both_modes(|mode| {
        if !tool_or_skip("prlimit") {
            return;
        }
        let (server, address) =
            Child::serve(&["--mode", name_of(mode), "--max-connections", "1000"]);
        let limit = format!("--nofile={DESCRIPTORS}:");
        prlimit(&server, &mut command("prlimit"), &[&limit]);
        for episode in 1..=2 {
            let (inside, waiting) = overrun(&server, address, episode);
            assert!(inside.len() < DESCRIPTORS && !waiting.is_empty());
            #[cfg(target_os = "linux")]
            assert_idle_for_a_second(&server);
            drop(inside);
            // Each leaves when it has been served: on a busy machine some of the accepted ones have no echo yet and
            // count as waiting, and then there is no room for all of these at once.
            for stream in waiting {
                eventually("a waiting peer is served", || has_echo(&stream));
            }
            let lines = server.log_lines_with("accept: ");
            assert_eq!(
                lines,
                episode,
                "expected a line each episode: {}",
                server.log()
            );
        }
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

#[test]
fn more_connections_than_the_descriptors_allow_are_a_warning_and_a_lower_limit() {
    both_modes(|mode| {
        let arguments = ["--mode", name_of(mode), "--max-connections", "1000"];
        let server = Child::spawn(&mut serve_after("ulimit -n 50", &arguments));
        let address = server.address();
        server.wait_for_log("--max-connections 1000 is reduced to 18");
        let peers: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
        for peer in &peers[..18] {
            echo_roundtrip(peer, b"within the limit");
        }
        assert_eq!(server.log_lines_with("accept: "), 0, "{}", server.log());
    });
}

/// A thread that cannot map memory for its signal stack ends the whole process, and so does a small allocation that fails.
#[cfg(target_os = "linux")]
#[test]
fn with_little_memory_there_are_fewer_threads_and_smaller_buffers_and_no_abort() {
    for limit in ["ulimit -v 200000", "ulimit -d 50000"] {
        let server = Child::spawn(&mut serve_after(limit, &["--mode", "threads"]));
        let address = server.address();
        let first = connect(address);
        echo_roundtrip(&first, b"before");
        // The second time, the C library still has what the threads of the first time have freed.
        for _ in 0..2 {
            let mut peers: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
            eventually("there was no memory for one more thread", || {
                peers.extend((0..20).map(|_| connect(address)));
                server.log_lines_with("accept: cannot allocate memory") > 0
            });
            stream_without_blocking(&peers);
            echo_roundtrip(&first, b"meanwhile");
            drop(peers);
            echo_roundtrip(&connect(address), b"a new peer, when the others have left");
        }
        server.signal(Signal::TERM);
        drop(first);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{limit}: {}", exit.stderr);
    }
}

/// Sends much on each connection, so that its buffer becomes large if it may, and reads what has come back. A peer that
/// waits for its thread has its bytes in the kernel.
#[cfg(target_os = "linux")]
fn stream_without_blocking(peers: &[TcpStream]) {
    let mut echo = [0; 16 << 10];
    for _ in 0..5 {
        for mut peer in peers {
            peer.set_nonblocking(true).unwrap();
            let _taken = peer.write(&[0; 16 << 10]);
        }
        for mut peer in peers {
            let _echoed = peer.read(&mut echo);
        }
    }
}

/// The event loop needs no threads, and starts.
#[cfg(target_os = "linux")]
#[test]
fn with_too_little_memory_for_threads_the_server_does_not_start() {
    let start = |mode| Child::spawn(&mut serve_after("ulimit -d 6000", &["--mode", mode]));
    let exit = start("threads").wait();
    assert_eq!(exit.code, Some(2), "{}", exit.stderr);
    let reason = "cannot start a thread within the limits on memory: cannot allocate memory";
    assert_eq!(exit.stderr, format!("mio-echo: {reason}"));
    let server = start("event-loop");
    echo_roundtrip(&connect(server.address()), b"no threads");
}

/// The event loop keeps a copy of what a peer does not read; a thread keeps it in its read buffer.
#[cfg(target_os = "linux")]
#[test]
fn without_memory_for_pending_bytes_one_connection_ends_and_the_others_do_not() {
    /// Far less than these peers leave pending, far more than the rest of the server needs.
    const ROOM: u64 = 1 << 20;
    if !tool_or_skip("prlimit") {
        return;
    }
    let (server, address) = Child::serve(&["-v", "--read-buffer", "4MiB"]);
    let polite = connect(address);
    echo_roundtrip(&polite, b"before");
    let limit = format!("--as={}", server.address_space() + ROOM);
    prlimit(&server, &mut command("prlimit"), &[&limit]);
    let mut stalled = Vec::new();
    eventually("a connection ends for lack of memory", || {
        stalled.push(send_until_blocked_or_reset(address));
        server.log_lines_with("out of memory") > 0
    });
    echo_roundtrip(&polite, b"an open connection is served");
    echo_roundtrip(&connect(address), b"and so is a new one");
    drop(stalled);
    server.signal(Signal::TERM);
    drop(polite);
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

/// The table of connections grows with them, by doubling.
#[cfg(target_os = "linux")]
#[test]
fn without_memory_for_more_connections_they_wait_in_the_backlog() {
    if !tool_or_skip("prlimit") {
        return;
    }
    let (server, address) = Child::serve(&[]);
    let first: Vec<TcpStream> = (0..100).map(|_| connect(address)).collect();
    for peer in &first {
        echo_roundtrip(peer, b"before");
    }
    let limit = format!("--as={}:", server.address_space());
    prlimit(&server, &mut command("prlimit"), &[&limit]);
    let more: Vec<TcpStream> = (0..2000).map(|_| connect(address)).collect();
    server.wait_for_log("accept: ");
    for peer in &first {
        echo_roundtrip(peer, b"meanwhile");
    }
    prlimit(&server, &mut command("prlimit"), &["--as=unlimited:"]);
    for peer in &more {
        echo_roundtrip(peer, b"afterwards");
    }
    server.signal(Signal::TERM);
    drop((first, more));
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

/// Sends more than the buffers of both ends hold, and reads nothing.
#[cfg(target_os = "linux")]
fn send_until_blocked_or_reset(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    let timeout = std::time::Duration::from_millis(100);
    stream.set_write_timeout(Some(timeout)).unwrap();
    let blocked_or_reset = stream.write_all(more_than_buffers_hold());
    assert!(blocked_or_reset.is_err());
    stream
}

#[test]
fn the_soft_limit_on_descriptors_is_raised_at_start() {
    let mut command = serve_after("ulimit -S -n 40", &[]);
    let server = Child::spawn(&mut command);
    let address = server.address();
    let peers: Vec<TcpStream> = (0..100).map(|_| connect(address)).collect();
    for peer in &peers {
        echo_roundtrip(peer, b"more than forty");
    }
    assert_eq!(server.log_lines_with("accept: "), 0, "{}", server.log());
}

/// Connects more peers than fit, each of which sends a byte. Once the server has logged that it can accept no more,
/// returns the peers that have their echo, and those that have not.
fn overrun(
    server: &Child,
    address: SocketAddr,
    episode: usize,
) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(address)).collect();
    for mut peer in &peers {
        peer.write_all(b"!").unwrap();
    }
    eventually("the server logs that it can accept no more", || {
        server.log_lines_with("accept: ") == episode
    });
    // They are accepted in the order of their arrival: once the last of the first ones has its echo, the others have
    // been refused a descriptor.
    eventually("half of those that fit are served", || {
        peers[..DESCRIPTORS / 4].iter().all(has_echo)
    });
    peers.into_iter().partition(has_echo)
}

/// The retry on a timer costs next to nothing; a server that spins uses up to a hundred ticks.
#[cfg(target_os = "linux")]
fn assert_idle_for_a_second(server: &Child) {
    let before = server.cpu_ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let used = server.cpu_ticks() - before;
    assert!(used < 20, "expected an idle processor, used {used} ticks");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_without_a_thread_waits_for_one_and_the_server_goes_on() {
    if !tool_or_skip("prlimit") || !tool_or_skip("setpriv") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let server = start_unprivileged(directory.path());
    let address = server.address();
    let limit_threads =
        |arguments: &[&str]| prlimit(&server, &mut unprivileged("prlimit"), arguments);
    let usual = limit_threads(&["--nproc", "--output=SOFT", "--raw", "--noheadings"]);
    let inside = connect(address);
    echo_roundtrip(&inside, b"before");

    // Fewer than it has already.
    limit_threads(&["--nproc=1:"]);
    let waiting: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
    for mut stream in &waiting {
        stream.write_all(b"!").unwrap();
    }
    server.wait_for_log("accept: ");
    echo_roundtrip(&inside, b"an open connection is served");
    assert!(!waiting.iter().any(has_echo), "there is no thread for it");

    limit_threads(&[&format!("--nproc={usual}:")]);
    for stream in &waiting {
        eventually("a connection that waited is served", || has_echo(stream));
    }
    let lines = server.log_lines_with("accept: ");
    assert_eq!(lines, 1, "expected one line: {}", server.log());

    drop((inside, waiting));
    server.signal(Signal::TERM);
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let summary = ", open 0,";
    assert!(
        exit.stderr.contains(summary),
        "expected {summary}: {}",
        exit.stderr
    );
}

/// Starts the server as a user for whom the limit on threads holds (setrlimit(2), `RLIMIT_NPROC`), from a directory
/// that this user can enter.
#[cfg(target_os = "linux")]
fn start_unprivileged(directory: &std::path::Path) -> Child {
    use std::os::unix::fs::PermissionsExt;
    let copy = directory.join("mio-echo");
    // By cp(1): a file that this process has open for writing, if only to fork, cannot be executed (execve(2), ETXTBSY).
    let copied = run(command("cp").args([PROGRAM.as_ref(), copy.as_os_str()]));
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = unprivileged(copy.to_str().unwrap());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--mode", "threads"])
        .env_remove("RUST_LOG");
    Child::spawn(&mut command)
}

/// A command of a user for whom the limit on threads holds: root is exempt from it, and changes to an unused user.
#[cfg(target_os = "linux")]
fn unprivileged(program: &str) -> Command {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return command(program);
    }
    let mut setpriv = command("setpriv");
    // A change of the user clears the death signal of [`command`], so it is set once more.
    setpriv.args(["--reuid=61234", "--regid=61234", "--clear-groups"]);
    setpriv.args(["--pdeathsig=KILL", program]);
    setpriv
}

/// Reads a limit of the running server, or changes it. Returns the output of prlimit(1).
fn prlimit(server: &Child, prlimit: &mut Command, arguments: &[&str]) -> String {
    let exit = run(prlimit.args(["--pid", &server.id()]).args(arguments));
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    exit.text().trim().to_owned()
}
