//! Child processes: none outlives the test, each failure is noticed, and none is blocked by its output.

#[cfg(target_os = "linux")]
use crate::harness::{
    DEADLINE, PROGRAM, address_in, connect, echo_roundtrip, eventually, in_some_attempt,
};
use mio_echo::measure::process::Usage;
use mio_echo::measure::process::{Child, ChildFailure, CommandLine, ExitReason};
use rustix::process::{Pid, test_kill_process};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

#[test]
fn a_server_that_is_ready_accepts_connections() {
    let (mut server, address) = serving();
    server.wait_until_accepting(address, DEADLINE).unwrap();
    echo_roundtrip(&connect(address), b"hello");
    assert_eq!(server.early_exit(), None);
}

#[test]
fn descendants_are_terminated_with_their_parent() {
    let line = r#""$0" serve --quiet --listen 127.0.0.1:0 & wait"#;
    let mut shell = spawn("sh", &["-c", line, PROGRAM]);
    let address = ready_at(&mut shell);
    echo_roundtrip(&connect(address), b"hello");
    shell.terminate();
    eventually("no socket listens any more", || {
        TcpStream::connect(address).is_err()
    });
}

#[test]
fn descendants_of_a_process_that_has_exited_are_terminated_too() {
    let line = r#""$0" serve --quiet --listen 127.0.0.1:0 & exit 0"#;
    let mut shell = spawn("sh", &["-c", line, PROGRAM]);
    let address = ready_at(&mut shell);
    eventually("the shell has exited", || shell.early_exit().is_some());
    echo_roundtrip(&connect(address), b"hello");
    shell.terminate();
    eventually("no socket listens any more", || {
        TcpStream::connect(address).is_err()
    });
}

#[test]
fn a_process_that_ignores_sigterm_is_killed() {
    let line = "trap '' TERM; echo ready; while :; do sleep 1; done";
    let mut stubborn = spawn("sh", &["-c", line]);
    stubborn.ready_line(DEADLINE).unwrap();
    let pid = stubborn.pid();
    stubborn.terminate();
    assert!(is_gone(pid));
}

#[test]
#[cfg(target_os = "linux")]
fn a_descendant_that_ignores_sigterm_is_killed_too() {
    let line = "(trap '' TERM; while :; do sleep 1; done) & echo $!; exit 0";
    let mut shell = spawn("sh", &["-c", line]);
    let stubborn = shell.ready_line(DEADLINE).unwrap().parse().unwrap();
    eventually("the shell has exited", || shell.early_exit().is_some());
    assert!(Usage::of(stubborn).is_ok(), "it is running");
    shell.terminate();
    // The process that adopts it may reap it late.
    eventually("it has ended", || Usage::of(stubborn).is_err());
}

#[test]
fn a_process_that_handles_sigterm_exits_by_itself() {
    // Longer than that, and it would be killed.
    const GRACE: Duration = Duration::from_secs(2);
    in_some_attempt(|| {
        let (server, _address) = serving();
        let (pid, start) = (server.pid(), Instant::now());
        server.terminate();
        let took = start.elapsed();
        assert!(is_gone(pid));
        if took < GRACE {
            Ok(())
        } else {
            Err(format!("terminated only after {took:?}"))
        }
    });
}

#[test]
fn a_panic_terminates_the_children() {
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
fn a_process_that_has_exited_is_reaped_with_its_group() {
    let mut brief = spawn("true", &[]);
    eventually("it has exited", || brief.early_exit().is_some());
    let pid = brief.pid();
    assert!(
        !is_gone(pid),
        "its number must stay reserved until its group is gone"
    );
    brief.terminate();
    assert!(is_gone(pid));
}

#[test]
fn an_early_exit_is_reported_with_its_cause() {
    let line = "echo first >&2; echo port taken >&2; exit 3";
    let mut server = spawn("sh", &["-c", line]);
    let (address, _port_taken) = address_without_listener();
    let result = server.wait_until_accepting(address, DEADLINE);
    let failure = result.unwrap_err();
    let stderr = "first\nport taken\n".to_owned();
    let reason = ExitReason::Code(3);
    assert_eq!(failure, ChildFailure::Exited { reason, stderr });
    assert_eq!(failure.to_string(), "exited with status 3: port taken");
}

#[test]
fn a_fatal_signal_is_distinguished_from_an_exit() {
    let mut server = spawn("sh", &["-c", "kill -KILL $$"]);
    let failure = server.ready_line(DEADLINE).unwrap_err();
    let reason = ExitReason::Signal(9);
    assert!(matches!(failure, ChildFailure::Exited { reason: it, .. } if it == reason));
}

#[test]
fn a_process_that_is_not_ready_in_time_is_reported() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let mut loading = spawn("sh", &["-c", "echo still loading >&2; exec sleep 60"]);
    eventually("its message has arrived", || {
        let failure = loading.ready_line(Duration::ZERO).unwrap_err();
        failure.last_stderr_line().is_some()
    });
    let (address, _port_taken) = address_without_listener();
    let failures = [
        loading.ready_line(TIMEOUT).unwrap_err(),
        loading.wait_until_accepting(address, TIMEOUT).unwrap_err(),
    ];
    for failure in failures {
        assert!(matches!(
            failure,
            ChildFailure::NotReady {
                waited: TIMEOUT,
                ..
            }
        ));
        assert_eq!(failure.last_stderr_line().as_deref(), Some("still loading"));
    }
}

#[test]
fn a_process_is_never_blocked_by_its_output() {
    // Far more than a pipe can hold, on both streams; then it exits.
    let line = "echo ready; yes | head -c 5000000; yes | head -c 5000000 >&2; \
                echo the end >&2; exit 7";
    let mut server = spawn("sh", &["-c", line]);
    assert_eq!(server.ready_line(DEADLINE).unwrap(), "ready");
    eventually("it has written everything", || {
        server.early_exit().is_some()
    });
    let failure = server.early_exit().unwrap();
    assert_eq!(failure.last_stderr_line().as_deref(), Some("the end"));
    let ChildFailure::Exited { reason, stderr } = failure else {
        panic!("{failure:?}");
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

/// Our own server, and the address it listens on.
fn serving() -> (Child, SocketAddr) {
    let mut server = spawn(PROGRAM, &["serve", "--quiet", "--listen", "127.0.0.1:0"]);
    let address = ready_at(&mut server);
    (server, address)
}

fn ready_at(child: &mut Child) -> SocketAddr {
    address_in(&child.ready_line(DEADLINE).unwrap())
}

/// An address that refuses connections as long as the second value lives: the port is in use by a socket that is
/// connected elsewhere.
fn address_without_listener() -> (SocketAddr, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (stream.local_addr().unwrap(), stream)
}

/// Whether no process has this number, not even a zombie.
fn is_gone(pid: u32) -> bool {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    test_kill_process(pid).is_err()
}
