//! The program as its shell sees it: signals, exit codes, and pipes whose reader has gone.

use crate::common::process::{address_in, program, serve_after};
use crate::common::{
    Child, DEADLINE, assert_same, both_modes, connect, echo_roundtrip, eventually, name_of,
    pattern, read_to_eof,
};
use mio_echo::server::Mode;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
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
            server.signal("TERM");
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

/// Sends a message whenever the last one has come back, until the server's FIN. The message on its way
/// when the server has finished may be lost as a whole; nothing else may.
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
fn one_signal_of_either_kind_stops_the_server_in_peace() {
    both_modes(|mode| {
        for signal in ["INT", "TERM"] {
            let (server, address) = serve(mode);
            echo_roundtrip(&connect(address), b"before");
            server.signal(signal);
            let exit = server.wait();
            assert_eq!(exit.code, Some(0), "SIG{signal}: {}", exit.stderr);
        }
    });
}

#[test]
fn a_second_signal_ends_the_server_at_once_but_a_repetition_does_not() {
    both_modes(|mode| {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let (server, address) = serve(mode);
            let holding = connect(address);
            echo_roundtrip(&holding, b"hold");
            server.signal(signal);
            server.wait_until_said("stopping: 1 connections");
            // The same signal again within a second is taken for a repetition.
            server.signal(signal);
            thread::sleep(SIGNAL_REPEAT);
            echo_ends(&holding);
            server.signal(signal);
            let exit = server.wait();
            assert_eq!(exit.code, Some(code), "SIG{signal}: {}", exit.stderr);
        }
    });
}

/// For how long a signal counts as the repetition of the first one.
const SIGNAL_REPEAT: Duration = Duration::from_millis(1100);

/// The server is draining: our end of the connection has met its FIN, and it has not closed yet.
fn echo_ends(stream: &TcpStream) {
    assert_same(&read_to_eof(stream), b"");
}

#[test]
fn a_hangup_stops_the_server_unless_it_is_ignored_at_start() {
    both_modes(|mode| {
        let (server, address) = serve(mode);
        echo_roundtrip(&connect(address), b"before");
        server.signal("HUP");
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);

        let mut command = serve_after("trap '' HUP", &["--mode", name_of(mode)]);
        let server = Child::spawn(&mut command);
        let address = server.address();
        server.signal("HUP");
        echo_roundtrip(&connect(address), b"a hangup that nohup ignores");
        server.signal("TERM");
        assert_eq!(server.wait().code, Some(0));
    });
}

/// Held back by SIGSTOP, the server finds the peers, their bytes and the signal all at once.
#[test]
fn all_who_wait_in_the_backlogs_are_echoed_before_a_stop() {
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
        server.signal("STOP");
        let peers: Vec<TcpStream> = [first, second, first, second, first, second]
            .into_iter()
            .map(connect)
            .collect();
        for mut peer in &peers {
            peer.write_all(b"before the stop").unwrap();
        }
        server.signal("TERM");
        server.signal("CONT");
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
        // Whatever the log level: somebody has asked.
        let (server, address) = Child::serve(&["--mode", name_of(mode), "--quiet"]);
        let stream = connect(address);
        echo_roundtrip(&stream, b"seven b");
        server.signal("USR1");
        server.wait_until_said("statistics: connections 1, open 1, bytes in 7,");
        echo_roundtrip(&stream, b"still here");
        drop(stream);
        server.signal("TERM");
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn a_reader_of_standard_output_that_leaves_does_not_end_the_server() {
    both_modes(|mode| {
        let (server, address) = serve_and_close(mode, Close::Stdout);
        echo_roundtrip(&connect(address), b"nobody reads the ready line's pipe");
        server.signal("TERM");
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

#[test]
fn a_reader_of_standard_error_that_leaves_does_not_end_the_server() {
    both_modes(|mode| {
        let (server, address) = serve_and_close(mode, Close::Stderr);
        for _ in 0..5 {
            echo_roundtrip(&connect(address), b"every connect would be logged");
        }
        server.signal("USR1");
        echo_roundtrip(&connect(address), b"statistics have no reader either");
        server.signal("TERM");
        assert_eq!(server.wait().code, Some(0));
    });
}

#[derive(Clone, Copy)]
enum Close {
    Stdout,
    Stderr,
}

/// A server that has announced its address, and one of its pipes closed since.
fn serve_and_close(mode: Mode, close: Close) -> (Child, SocketAddr) {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "-vv", "--mode"];
    let mut process = program(&arguments)
        .arg(name_of(mode))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    match close {
        Close::Stdout => drop(stdout),
        Close::Stderr => {
            process.stdout = Some(stdout.into_inner());
            drop(process.stderr.take());
        }
    }
    (Child::watch(process), address_in(&ready))
}

#[test]
fn a_server_whose_ready_line_nobody_will_read_serves_all_the_same() {
    both_modes(|mode| {
        let (unread, output) = std::io::pipe().unwrap();
        drop(unread);
        let address = free_address();
        let process = program(&["serve", "--mode", name_of(mode)])
            .args(["--listen", &address.to_string()])
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let server = Child::watch(process);
        eventually("the server listens", || TcpStream::connect(address).is_ok());
        echo_roundtrip(&connect(address), b"nobody knows my address");
        server.signal("TERM");
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

/// An address that was free a moment ago: without a ready line, the server cannot tell what it got.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
