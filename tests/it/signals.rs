//! The program as its shell sees it: signals, exit codes, and pipes that are no longer read.

use crate::harness::child::serve_after;
use crate::harness::{
    Child, DEADLINE, Signal, address_in, assert_same, both_modes, connect, echo_roundtrip,
    eventually, name_of, pattern, program, read_to_eof,
};
use crate::service::{kept_socket, serve_on};
use mio_echo::server::Mode;
#[cfg(all(feature = "trace", target_os = "linux"))]
use rustix::fs::{CWD, FileType, Mode as FileMode, mknodat};
use std::fs;
#[cfg(all(feature = "trace", target_os = "linux"))]
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn serve(mode: Mode) -> (Child, SocketAddr) {
    Child::serve(&["--mode", name_of(mode)])
}

#[test]
fn a_stop_under_load_leaves_every_peer_with_an_exact_echo() {
    const PEERS: usize = 50;
    both_modes(|mode| {
        let (server, address) = serve(mode);
        let started = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..PEERS {
                scope.spawn(|| ping_pong_to_eof(connect(address), &started));
            }
            eventually("every peer has had an echo", || {
                started.load(Ordering::Acquire) == PEERS
            });
            server.signal(Signal::TERM);
        });
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        let summary = format!("stopped: connections {PEERS}, open 0,");
        assert!(
            exit.stderr.contains(&summary),
            "expected {summary:?}: {}",
            exit.stderr
        );
        assert!(exit.stderr.contains("errors none"), "{}", exit.stderr);
    });
}

/// Sends a message whenever the last one has come back, until the server's FIN. The message that is under way when the
/// server finishes may be lost as a whole; nothing else may.
fn ping_pong_to_eof(mut stream: TcpStream, started: &AtomicUsize) {
    let message = pattern(64);
    let start = Instant::now();
    for round in 0.. {
        assert!(start.elapsed() < DEADLINE, "expected our FIN at last");
        stream
            .write_all(&message)
            .expect("no reset should come before the FIN");
        let mut echoed = Vec::new();
        (&stream)
            .take(64)
            .read_to_end(&mut echoed)
            .expect("a FIN should come, and no reset");
        if round == 0 {
            started.fetch_add(1, Ordering::Release);
        }
        if echoed.is_empty() {
            break;
        }
        assert_same(&echoed, &message);
    }
}

#[test]
fn one_signal_of_either_kind_stops_the_server_gracefully() {
    both_modes(|mode| {
        for signal in [Signal::INT, Signal::TERM] {
            let (server, address) = serve(mode);
            echo_roundtrip(&connect(address), b"before");
            server.signal(signal);
            let exit = server.wait();
            assert_eq!(exit.code, Some(0), "{signal:?}: {}", exit.stderr);
        }
    });
}

#[test]
fn a_second_signal_ends_the_server_at_once_but_a_repetition_does_not() {
    both_modes(|mode| {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let (server, address) = serve(mode);
            let holding = connect(address);
            echo_roundtrip(&holding, b"hold");
            server.signal(signal);
            server.wait_for_log("stopping: 1 connections");
            // The same signal again within a second counts as a repetition.
            server.signal(signal);
            thread::sleep(SIGNAL_REPEAT);
            // The server is draining: it has sent its FIN, and waits for ours.
            assert_same(&read_to_eof(&holding), b"");
            server.signal(signal);
            let exit = server.wait();
            assert_eq!(exit.code, Some(code), "{signal:?}: {}", exit.stderr);
        }
    });
}

/// Twice as long as a signal counts as the repetition of the first one: a busy server may note that one late.
const SIGNAL_REPEAT: Duration = Duration::from_secs(2);

#[test]
fn a_hangup_stops_the_server_unless_it_was_ignored_at_start() {
    both_modes(|mode| {
        let (server, address) = serve(mode);
        echo_roundtrip(&connect(address), b"before");
        server.signal(Signal::HUP);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);

        let mut command = serve_after("trap '' HUP", &["--mode", name_of(mode)]);
        let server = Child::spawn(&mut command);
        let address = server.address();
        server.signal(Signal::HUP);
        server.signal(Signal::USR1);
        server.wait_for_log("statistics:");
        assert_eq!(server.log_lines_with("stopping"), 0, "as under nohup");
        echo_roundtrip(&connect(address), b"after a hangup that is ignored");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
    });
}

/// Held back by SIGSTOP, the server finds the connections, their bytes and the signal all at once.
#[test]
fn all_peers_in_the_backlogs_get_their_echo_before_a_stop() {
    both_modes(|mode| {
        let (server, first) = Child::serve(&[
            "--backlog",
            "2",
            "--mode",
            name_of(mode),
            "--listen",
            "127.0.0.1:0",
        ]);
        let second = server.address();
        server.suspend();
        let peers: Vec<TcpStream> = [first, second, first, second, first, second]
            .into_iter()
            .map(connect)
            .collect();
        for mut peer in &peers {
            peer.write_all(b"before the stop").unwrap();
        }
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        for peer in &peers {
            assert_same(&read_to_eof(peer), b"before the stop");
        }
        drop(peers);
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn a_request_for_statistics_is_answered_and_the_server_goes_on() {
    both_modes(|mode| {
        // At every log level, because they were requested.
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--quiet"]);
        let stream = connect(address);
        echo_roundtrip(&stream, b"seven b");
        server.signal(Signal::USR1);
        server.wait_for_log("statistics: connections 1, open 1, bytes in 7,");
        echo_roundtrip(&stream, b"still here");
        drop(stream);
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn closing_the_reader_of_standard_output_does_not_end_the_server() {
    both_modes(|mode| {
        let (reader, stdout) = io::pipe().unwrap();
        let server = Child::spawn(serve_verbosely(mode).stdout(stdout));
        let mut ready = String::new();
        let mut reader = BufReader::new(reader);
        reader.read_line(&mut ready).unwrap();
        drop(reader);
        echo_roundtrip(
            &connect(address_in(&ready)),
            b"the pipe of the ready line is closed",
        );
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

#[test]
fn closing_the_reader_of_standard_error_does_not_end_the_server() {
    both_modes(|mode| {
        let (reader, stderr) = io::pipe().unwrap();
        let server = Child::spawn(serve_verbosely(mode).stderr(stderr));
        let address = server.address();
        drop(reader);
        for _ in 0..5 {
            echo_roundtrip(&connect(address), b"each connection is logged");
        }
        server.signal(Signal::USR1);
        echo_roundtrip(&connect(address), b"statistics are not read either");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
    });
}

/// A server that logs every connection.
fn serve_verbosely(mode: Mode) -> Command {
    program(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "-vv",
        "--mode",
        name_of(mode),
    ])
}

#[test]
fn a_server_whose_ready_line_cannot_be_written_serves_all_the_same() {
    both_modes(|mode| {
        let (reader, stdout) = io::pipe().unwrap();
        drop(reader);
        // A socket that is passed: without a ready line, the server cannot announce a port that it chose.
        let (socket, address) = kept_socket();
        let mut command = serve_on(socket, &["--mode", name_of(mode)]);
        let server = Child::spawn(command.stdout(stdout));
        echo_roundtrip(&connect(address), b"without a ready line");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

/// A pipe of which not one more byte can be written, and its reader.
fn full_pipe() -> (UnixStream, UnixStream) {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    while writer.write(b"\n").is_ok() {}
    writer.set_nonblocking(false).unwrap();
    (reader, writer)
}

#[test]
fn a_server_whose_ready_line_is_not_read_serves_and_stops_all_the_same() {
    both_modes(|mode| {
        let (unread, stdout) = full_pipe();
        let (socket, address) = kept_socket();
        let mut command = serve_on(socket, &["--mode", name_of(mode)]);
        let server = Child::spawn(command.stdout(OwnedFd::from(stdout)));
        echo_roundtrip(&connect(address), b"before the ready line");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
        drop(unread);
    });
}

#[cfg(all(feature = "trace", target_os = "linux"))]
#[test]
fn a_signal_ends_a_server_that_cannot_finish_its_trace() {
    both_modes(|mode| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("unread.html");
        mknodat(
            CWD,
            &path,
            FileType::Fifo,
            FileMode::RUSR | FileMode::WUSR,
            0,
        )
        .unwrap();
        // Open for both, so that it waits for nothing. A page is longer than a pipe.
        let _unread = File::options().read(true).write(true).open(&path).unwrap();
        let trace = format!("--trace={}", path.display());
        let (mut server, _) = Child::serve(&["--mode", name_of(mode), &trace]);
        server.signal(Signal::TERM);
        server.wait_for_log("stopped:");
        // Within the first second, these are repetitions.
        eventually("a further signal ends it", || {
            let is_running = server.is_running();
            if is_running {
                server.signal(Signal::TERM);
            }
            !is_running
        });
        assert_eq!(server.wait().code, Some(143));
    });
}

/// A read with a timeout is not resumed after the process was stopped (signal(7)): it fails with EINTR.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_was_suspended_goes_on() {
    let (received, is_received) = mpsc::channel();
    let (resume, is_resumed) = mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0]).unwrap();
        received.send(()).unwrap();
        is_resumed.recv().unwrap();
        peer.write_all(b"a").unwrap();
    });
    let client = Child::spawn(&mut program(&["client", &server, "a"]));
    is_received.recv_timeout(DEADLINE).unwrap();
    // proc(5): the state of the main thread, which reads, follows the name of the program.
    let stat = format!("/proc/{}/stat", client.id());
    let is_in_state = |state| fs::read_to_string(&stat).unwrap().contains(state);
    eventually("it waits in a read", || is_in_state(") S "));
    client.suspend();
    eventually("it is stopped", || is_in_state(") T "));
    client.signal(Signal::CONT);
    resume.send(()).unwrap();
    let exit = client.wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}
