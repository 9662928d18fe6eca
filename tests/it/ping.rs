//! `mio-echo client --count`: one message again and again, and where the client connects from.

use crate::harness::{
    Child, Exit, PROGRAM, Signal, both_modes, command, ipv6_or_skip, name_of, program, run,
    tool_or_skip,
};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

#[test]
fn each_round_trip_is_printed_and_all_are_summed_up() {
    both_modes(|mode| {
        let (_server, address) = Child::serve(&["--mode", name_of(mode)]);
        let exit = ping(address, &["--count", "3", "--interval", "10ms"], &["ping"]);
        let lines: Vec<&str> = exit.text().lines().collect();
        assert_eq!(lines.len(), 5, "{lines:?}");
        for (number, line) in (1..).zip(&lines[..3]) {
            let start = format!("echo {number} from {address}: ");
            assert!(line.starts_with(&start), "{line}");
        }
        assert_eq!(lines[3], "3 sent, 3 received and verified, 0 lost (0 %)");
        for figure in ["round trip: min ", ", avg ", ", p99 ", ", max "] {
            assert!(lines[4].contains(figure), "{}", lines[4]);
        }
        assert_eq!(exit.stderr, "");
        assert_eq!(exit.code, Some(0));
    });
}

#[test]
fn after_a_lost_echo_the_next_message_takes_another_connection() {
    let address = serve_each(|connection, mut peer| {
        let mut message = [0; 4];
        peer.read_exact(&mut message)?;
        // The second echo of the first connection is late by far more than the timeout, so that it never comes.
        peer.write_all(&message)?;
        if connection > 0 {
            return io::copy(&mut &peer, &mut &peer).map(drop);
        }
        io::copy(&mut &peer, &mut io::sink()).map(drop)
    });
    let options = ["--count", "3", "--interval", "0s", "--timeout", "2s"];
    let exit = ping(address, &options, &["ping"]);
    let lines: Vec<&str> = exit.text().lines().collect();
    let lost = "echo 2 lost: no reply within 2s: 4 bytes did not come back";
    assert_eq!(lines[1], lost);
    assert!(lines[2].starts_with("echo 3 from "), "{lines:?}");
    assert_eq!(lines[3], "3 sent, 2 received and verified, 1 lost (33.3 %)");
    assert_eq!(exit.code, Some(1));
}

#[test]
fn an_echo_that_differs_is_lost() {
    for (echo, reason) in [
        (
            "pong",
            "the echo differs at offset 1: expected 0x69, got 0x6f",
        ),
        ("ping!", "the echo has superfluous bytes, from offset 4 on"),
        (
            "pi",
            "the peer closed the connection early: 2 bytes did not come back",
        ),
    ] {
        let address = serve_each(move |_, mut peer| {
            peer.read_exact(&mut [0; 4])?;
            peer.write_all(echo.as_bytes())
        });
        let exit = ping(address, &["--count", "1"], &["ping"]);
        let expected =
            format!("echo 1 lost: {reason}\n1 sent, 0 received and verified, 1 lost (100 %)");
        assert_eq!(exit.text(), expected);
        assert_eq!(exit.code, Some(1), "{echo}");
    }
}

#[test]
fn a_byte_behind_the_last_echo_is_superfluous_even_if_it_is_urgent() {
    for is_urgent in [false, true] {
        let address = serve_each(move |_, mut peer| {
            let mut message = [0; 4];
            peer.read_exact(&mut message)?;
            peer.write_all(&message)?;
            io::copy(&mut peer, &mut io::sink())?;
            if is_urgent {
                SockRef::from(&peer).send_out_of_band(b"!").map(drop)
            } else {
                peer.write_all(b"!")
            }
        });
        let exit = ping(address, &["--count", "1"], &["ping"]);
        let expected = "echo 1 lost: the echo has superfluous bytes, from offset 4 on\n\
                        1 sent, 0 received and verified, 1 lost (100 %)";
        assert_eq!(exit.text(), expected);
        assert_eq!(exit.code, Some(1));
    }
}

#[test]
fn a_peer_that_does_not_close_has_echoed_all_the_same() {
    let address = serve_each(|_, mut peer| {
        let mut message = [0; 4];
        peer.read_exact(&mut message)?;
        peer.write_all(&message)?;
        io::copy(&mut peer, &mut io::sink())?;
        // Kept open until the end of the test.
        std::mem::forget(peer);
        Ok(())
    });
    let exit = ping(address, &["--count", "1", "--timeout", "10s"], &["ping"]);
    assert_eq!(exit.code, Some(0), "{}", exit.text());
}

#[test]
fn an_interrupt_ends_the_ping_with_the_summary() {
    let (_server, address) = Child::serve(&[]);
    let address = address.to_string();
    let child = Child::spawn(&mut program(&["client", "--interval", "1h", &address]));
    let line = child.next_line();
    assert!(line.starts_with("echo 1 from "), "{line}");
    child.signal(Signal::INT);
    let exit = child.wait();
    let summary = "1 sent, 1 received and verified, 0 lost (0 %)\nround trip: ";
    assert!(exit.text().starts_with(summary), "{}", exit.text());
    assert_eq!(exit.code, Some(0));
}

#[test]
fn an_interrupt_does_not_wait_for_an_echo() {
    let (connected, is_connected) = std::sync::mpsc::channel();
    let address = serve_each(move |_, mut peer| {
        peer.read_exact(&mut [0])?;
        let _test_is_over = connected.send(());
        io::copy(&mut peer, &mut io::sink()).map(drop)
    });
    let address = address.to_string();
    let child = Child::spawn(&mut program(&[
        "client",
        "--count",
        "1",
        "--timeout",
        "1h",
        &address,
    ]));
    is_connected.recv().unwrap();
    child.signal(Signal::INT);
    let exit = child.wait();
    assert_eq!(exit.text(), "0 sent, 0 received and verified, 0 lost (0 %)");
    assert_eq!(exit.code, Some(0));
}

#[test]
fn what_no_ping_can_do_is_refused_with_exit_code_2() {
    for (arguments, reason) in [
        (
            ["--count", "2", "127.0.0.1:1", "a", "b"].as_slice(),
            "one message",
        ),
        (&["--interval", "1s", "127.0.0.1:1", ""], "not empty"),
        (&["--count", "0", "127.0.0.1:1"], "at least 1"),
        (&["--count", "1", "127.0.0.1:1"], "connection refused"),
        (&["-4", "-6", "127.0.0.1:1"], "cannot be used with"),
        (&["-6", "127.0.0.1:1", "a"], "no address of the family"),
        (
            &["--bind", "here", "127.0.0.1:1"],
            "IP address of this machine",
        ),
        // TEST-NET-1 (RFC 5737) is no address of this machine.
        (
            &["--bind", "192.0.2.1", "127.0.0.1:1", "a"],
            "(from 192.0.2.1: ",
        ),
    ] {
        let exit = run(program(&["client"]).args(arguments));
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
        assert_eq!(exit.code, Some(2), "{arguments:?}");
    }
}

#[test]
fn the_client_connects_from_the_address_it_is_told() {
    let (server, address) = Child::serve(&["-v"]);
    let exit = ping(address, &["--bind", "127.0.0.2"], &["hi"]);
    assert_eq!(exit.text(), "hi", "{}", exit.stderr);
    server.wait_for_log("#1 127.0.0.2:");
}

#[test]
fn one_family_of_a_name_can_be_asked_for() {
    if !ipv6_or_skip() {
        return;
    }
    let server = Child::spawn(&mut program(&["serve", "--listen", "*:0"]));
    let port = server.address().port();
    for (option, host) in [("-4", "127.0.0.1"), ("--ipv4", "127.0.0.1")] {
        let name = format!("localhost:{port}");
        let exit = run(&mut program(&["client", option, "--count", "1", &name]));
        let start = format!("echo 1 from {host}:{port}: ");
        assert!(exit.text().starts_with(&start), "{}", exit.text());
    }
}

#[test]
fn the_connection_is_announced_at_a_terminal_only() {
    let (_server, address) = Child::serve(&[]);
    let exit = run(&mut program(&["client", &address.to_string()]));
    assert_eq!(exit.stderr, "", "no terminal");
    if !tool_or_skip("script") {
        return;
    }
    let client = format!("exec {PROGRAM} client {address}");
    let mut script = command("script");
    let script = script.args(["--quiet", "--command", &client, "/dev/null"]);
    let terminal = Child::spawn_with_input(script);
    let line = terminal.next_line();
    assert_eq!(line.trim_end(), format!("connected to {address}"));
}

fn ping(address: SocketAddr, options: &[&str], messages: &[&str]) -> Exit {
    let mut client = program(&["client"]);
    run(client.args(options).arg(address.to_string()).args(messages))
}

/// A server for any number of connections, one after another; `serve` gets the number of each, from 0.
fn serve_each(serve: impl Fn(usize, TcpStream) -> io::Result<()> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, peer) in listener.incoming().map_while(Result::ok).enumerate() {
            let _ended_by_the_peer = serve(number, peer);
        }
    });
    address
}
