//! When the machine has no more to give, the server neither dies nor spins: who is in is served, who
//! waits is served when there is room again, and it is told once.

use crate::common::peer::has_answer;
use crate::common::process::{PROGRAM, serve_after};
use crate::common::{
    Child, both_modes, connect, echo_roundtrip, eventually, name_of, tool_or_skip,
};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

/// Descriptors that the server may have; some of them are not for connections.
const DESCRIPTORS: usize = 40;
/// More than it can have open at once, but not more than twice as many.
const PEERS: usize = 45;

#[test]
fn out_of_descriptors_the_server_serves_who_is_in_and_later_who_waits() {
    both_modes(|mode| {
        if !tool_or_skip("prlimit") {
            return;
        }
        let (server, address) =
            Child::serve(&["--mode", name_of(mode), "--max-connections", "1000"]);
        set_limit(
            &server,
            Command::new("prlimit"),
            &[&format!("--nofile={DESCRIPTORS}:")],
        );
        for episode in 1..=2 {
            let (inside, waiting) = overrun(&server, address, episode);
            assert!(inside.len() < DESCRIPTORS && !waiting.is_empty());
            #[cfg(target_os = "linux")]
            assert_idle_for_a_second(&server);
            drop(inside);
            // Each leaves when it has been served: on a busy machine some of those who fit have no answer
            // yet and count as waiting, and then there is no room for all of these at once.
            for stream in waiting {
                eventually("who waited is served", || has_answer(&stream));
            }
            let told = server.times_said("accept: ");
            assert_eq!(
                told,
                episode,
                "expected a line each episode: {}",
                server.said()
            );
        }
        server.signal("TERM");
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
        server.wait_until_said("--max-connections 1000 is reduced to 18");
        let peers: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
        for peer in &peers[..18] {
            echo_roundtrip(peer, b"within the limit");
        }
        assert_eq!(server.times_said("accept: "), 0, "{}", server.said());
    });
}

/// A thread that cannot map memory for its signal stack ends the whole process, so none may start without room.
#[cfg(target_os = "linux")]
#[test]
fn with_little_address_space_there_are_fewer_threads_and_no_abort() {
    let server = Child::spawn(&mut serve_after("ulimit -v 200000", &["--mode", "threads"]));
    let address = server.address();
    let peers: Vec<TcpStream> = (0..2000).map(|_| connect(address)).collect();
    server.wait_until_said("accept: cannot allocate memory");
    echo_roundtrip(&peers[0], b"alive");
    drop(peers);
    eventually("a peer is served after the storm", || {
        let mut peer = connect(address);
        peer.write_all(b"!").unwrap();
        has_answer(&peer)
    });
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
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
    assert_eq!(server.times_said("accept: "), 0, "{}", server.said());
}

/// Connects more peers than fit, each of which sends a byte. Returns those who are served, and those who
/// are not, once the server has said that it can take no more.
fn overrun(
    server: &Child,
    address: SocketAddr,
    episode: usize,
) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(address)).collect();
    for mut peer in &peers {
        peer.write_all(b"!").unwrap();
    }
    eventually("the server says that it can take no more", || {
        server.times_said("accept: ") == episode
    });
    // In the order of their arrival: the first are in, and once the last of them has its answer, the
    // others have been refused a descriptor.
    eventually("half of those who fit are served", || {
        peers[..DESCRIPTORS / 4].iter().all(has_answer)
    });
    peers.into_iter().partition(has_answer)
}

/// The retry on a timer costs next to nothing; a server that spun would use up to a hundred ticks.
#[cfg(target_os = "linux")]
fn assert_idle_for_a_second(server: &Child) {
    let before = server.cpu_ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let used = server.cpu_ticks() - before;
    assert!(used < 20, "expected an idle processor, used {used} ticks");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_without_a_thread_waits_for_one_and_the_server_lives() {
    if !tool_or_skip("prlimit") || !tool_or_skip("setpriv") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let server = start_as_somebody(directory.path());
    let address = server.address();
    let usual = set_limit(
        &server,
        as_somebody("prlimit"),
        &["--nproc", "--output=SOFT", "--raw", "--noheadings"],
    );
    let inside = connect(address);
    echo_roundtrip(&inside, b"before");

    // Fewer than it has.
    set_limit(&server, as_somebody("prlimit"), &["--nproc=1:"]);
    let waiting: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
    for mut stream in &waiting {
        stream.write_all(b"!").unwrap();
    }
    server.wait_until_said("accept: ");
    echo_roundtrip(&inside, b"an open connection is served");
    assert!(!waiting.iter().any(has_answer), "there is no thread for it");

    set_limit(
        &server,
        as_somebody("prlimit"),
        &[&format!("--nproc={usual}:")],
    );
    for stream in &waiting {
        eventually("a connection that waited is served", || has_answer(stream));
    }
    let told = server.times_said("accept: ");
    assert_eq!(told, 1, "expected one line: {}", server.said());

    drop((inside, waiting));
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let summary = ", open 0,";
    assert!(
        exit.stderr.contains(summary),
        "expected {summary}: {}",
        exit.stderr
    );
}

/// Starts the server as a user for whom the limit on threads holds (setrlimit(2), `RLIMIT_NPROC`), from a
/// directory which that user can enter.
#[cfg(target_os = "linux")]
fn start_as_somebody(directory: &std::path::Path) -> Child {
    use std::os::unix::fs::PermissionsExt;
    let copy = directory.join("mio-echo");
    std::fs::copy(PROGRAM, &copy).unwrap();
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = as_somebody(copy.to_str().unwrap());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--mode", "threads"])
        .env_remove("RUST_LOG");
    Child::spawn(&mut command)
}

/// Root is exempt from the limit on threads, and becomes a user that nobody is; others stay who they are.
#[cfg(target_os = "linux")]
fn as_somebody(program: &str) -> Command {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=61234", "--regid=61234", "--clear-groups", program]);
    command
}

/// Asks for the limit on threads of the running server, or changes it. Returns what prlimit(1) says.
#[cfg(target_os = "linux")]
fn set_limit(server: &Child, mut prlimit: Command, arguments: &[&str]) -> String {
    let output = prlimit.args(["--pid", &server.id()]).args(arguments);
    let output = output.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
