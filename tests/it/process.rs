//! Servers that we start: nobody outlives us, and nothing that one of them says or does goes unnoticed.

use crate::common::process::{PROGRAM, address_in};
use crate::common::{DEADLINE, connect, echo_roundtrip, eventually};
#[cfg(target_os = "linux")]
use mio_echo::measure::process::Usage;
use mio_echo::measure::process::{Child, ChildFailure, CommandLine, ExitReason};
use rustix::process::{Pid, test_kill_process};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

#[test]
fn a_server_is_ready_and_can_be_spoken_to() {
    let (mut server, address) = serving();
    server.wait_until_accepting(address, DEADLINE).unwrap();
    echo_roundtrip(&connect(address), b"hello");
    assert_eq!(server.early_exit(), None);
}

#[test]
fn whoever_a_process_has_started_ends_with_it() {
    let line = r#""$0" serve --quiet --listen 127.0.0.1:0 & wait"#;
    let mut shell = spawn("sh", &["-c", line, PROGRAM]);
    let address = ready_at(&mut shell);
    echo_roundtrip(&connect(address), b"hello");
    shell.terminate();
    eventually("nobody listens any more", || {
        TcpStream::connect(address).is_err()
    });
}

#[test]
fn whoever_stays_behind_when_the_first_process_has_ended_ends_too() {
    let line = r#""$0" serve --quiet --listen 127.0.0.1:0 & exit 0"#;
    let mut shell = spawn("sh", &["-c", line, PROGRAM]);
    let address = ready_at(&mut shell);
    eventually("the shell has ended", || shell.early_exit().is_some());
    echo_roundtrip(&connect(address), b"hello");
    shell.terminate();
    eventually("nobody listens any more", || {
        TcpStream::connect(address).is_err()
    });
}

#[test]
fn who_does_not_listen_to_a_polite_word_is_killed() {
    let line = "trap '' TERM; echo ready; while :; do sleep 1; done";
    let mut deaf = spawn("sh", &["-c", line]);
    deaf.ready_line(DEADLINE).unwrap();
    let pid = deaf.pid();
    deaf.terminate();
    assert!(is_gone(pid));
}

#[test]
#[cfg(target_os = "linux")]
fn who_stays_behind_and_does_not_listen_is_killed_too() {
    let line = "(trap '' TERM; while :; do sleep 1; done) & echo $!; exit 0";
    let mut shell = spawn("sh", &["-c", line]);
    let deaf = shell.ready_line(DEADLINE).unwrap().parse().unwrap();
    eventually("the shell has ended", || shell.early_exit().is_some());
    assert!(Usage::of(deaf).is_ok(), "it lives");
    shell.terminate();
    // Whoever adopts it may take his time to reap it.
    eventually("it has ended", || Usage::of(deaf).is_err());
}

#[test]
fn who_listens_ends_in_its_own_way_and_quickly() {
    let (server, _address) = serving();
    let (pid, start) = (server.pid(), Instant::now());
    server.terminate();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "was killed after {took:?}");
    assert!(is_gone(pid));
}

#[test]
fn nobody_is_left_when_we_panic() {
    let mut pid = None;
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let (server, _address) = serving();
        pid = Some(server.pid());
        panic::resume_unwind(Box::new("out of here"));
    }));
    assert!(panicked.is_err());
    assert!(is_gone(pid.unwrap()));
}

#[test]
fn who_has_ended_by_itself_is_reaped() {
    let mut brief = spawn("true", &[]);
    eventually("it has ended", || brief.early_exit().is_some());
    let pid = brief.pid();
    assert!(
        !is_gone(pid),
        "its number must be kept until its group is gone"
    );
    brief.terminate();
    assert!(is_gone(pid));
}

#[test]
fn an_early_death_is_noticed_with_its_reason() {
    let line = "echo first >&2; echo port taken >&2; exit 3";
    let mut server = spawn("sh", &["-c", line]);
    let lost = server.wait_until_accepting(nobody_listens().0, DEADLINE);
    let lost = lost.unwrap_err();
    let stderr = "first\nport taken\n".to_owned();
    let reason = ExitReason::Code(3);
    assert_eq!(lost, ChildFailure::Exited { reason, stderr });
    assert_eq!(lost.to_string(), "exited with status 3: port taken");
}

#[test]
fn a_death_by_signal_is_told_from_an_exit() {
    let mut server = spawn("sh", &["-c", "kill -KILL $$"]);
    let lost = server.ready_line(DEADLINE).unwrap_err();
    let reason = ExitReason::Signal(9);
    assert!(matches!(lost, ChildFailure::Exited { reason: it, .. } if it == reason));
}

#[test]
fn who_never_gets_ready_is_given_up() {
    const PATIENCE: Duration = Duration::from_millis(300);
    let mut silent = spawn("sh", &["-c", "echo still loading >&2; exec sleep 60"]);
    eventually("its complaint has arrived", || {
        let lost = silent.ready_line(Duration::ZERO).unwrap_err();
        lost.last_stderr_line().is_some()
    });
    let (address, _taken) = nobody_listens();
    let lost = [
        silent.ready_line(PATIENCE).unwrap_err(),
        silent.wait_until_accepting(address, PATIENCE).unwrap_err(),
    ];
    for lost in lost {
        assert!(matches!(
            lost,
            ChildFailure::NotReady {
                waited: PATIENCE,
                ..
            }
        ));
        assert_eq!(lost.last_stderr_line(), Some("still loading"));
    }
}

#[test]
fn a_talkative_server_is_never_made_to_wait() {
    // Far more than a pipe holds, on both streams; then it ends by itself.
    let line = "echo ready; yes | head -c 5000000; yes | head -c 5000000 >&2; \
                echo the end >&2; exit 7";
    let mut server = spawn("sh", &["-c", line]);
    assert_eq!(server.ready_line(DEADLINE).unwrap(), "ready");
    eventually("it has said everything", || server.early_exit().is_some());
    let lost = server.early_exit().unwrap();
    assert_eq!(lost.last_stderr_line(), Some("the end"));
    let ChildFailure::Exited { reason, stderr } = lost else {
        panic!("{lost:?}");
    };
    assert_eq!(reason, ExitReason::Code(7));
    assert_eq!(stderr.len(), 16 * 1024, "only the end is kept");
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let missing = CommandLine::new("/no/such/program", [""; 0]);
    let error = Child::spawn(&missing, None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

fn spawn(program: &str, arguments: &[&str]) -> Child {
    let command = CommandLine::new(program, arguments);
    Child::spawn(&command, None).unwrap()
}

/// Our own server, with where it listens.
fn serving() -> (Child, SocketAddr) {
    let mut server = spawn(PROGRAM, &["serve", "--quiet", "--listen", "127.0.0.1:0"]);
    let address = ready_at(&mut server);
    (server, address)
}

fn ready_at(child: &mut Child) -> SocketAddr {
    address_in(&child.ready_line(DEADLINE).unwrap())
}

/// An address that refuses connections for as long as the second value lives: the port is taken, by a
/// socket that is connected elsewhere.
fn nobody_listens() -> (SocketAddr, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (stream.local_addr().unwrap(), stream)
}

/// Whether no process has this number, not even one that has ended and was not reaped.
fn is_gone(pid: u32) -> bool {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    test_kill_process(pid).is_err()
}
