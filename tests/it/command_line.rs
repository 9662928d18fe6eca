//! What the program answers to its arguments: one clear line and an exit code.

use crate::common::process::{Exit, program};
use crate::common::{Child, connect, echo_roundtrip, ipv6_or_skip, skip};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

fn run(arguments: &[&str]) -> Exit {
    Child::spawn(&mut program(arguments)).wait()
}

#[test]
fn a_mistake_is_named_in_the_first_line_and_exits_with_2() {
    for (mistake, named) in [
        (["--listen", "nowhere"], ["nowhere", "HOST:PORT"]),
        (["--listen", "1.2.3.4"], ["1.2.3.4", "HOST:PORT"]),
        (["--listen", "::1:7"], ["::1:7", "brackets"]),
        (["--listen", "localhost:65536"], ["65536", "port"]),
        (["--read-buffer", "0"], ["'0'", "--read-buffer"]),
        (["--read-buffer", "much"], ["much", "64KiB"]),
        (["--max-connections", "0"], ["'0'", "--max-connections"]),
        (["--idle-timeout", "soon"], ["soon", "--idle-timeout"]),
        (["--idle-timeout", "1ms"], ["1ms", "--idle-timeout"]),
        (["--keepalive", "1500ms"], ["1500ms", "seconds"]),
        (["--mode", "fibers"], ["fibers", "--mode"]),
        (["--colour", "blue"], ["--colour", "unexpected"]),
    ] {
        let exit = run(&["serve", mistake[0], mistake[1]]);
        let line = exit.stderr.lines().next().unwrap_or_default();
        for words in named {
            assert!(
                line.contains(words),
                "{mistake:?}: expected {words:?} in {line:?}"
            );
        }
        assert_eq!(exit.code, Some(2), "{mistake:?}");
        assert!(exit.stdout.is_empty(), "{mistake:?}: {:?}", exit.stdout);
    }
}

#[test]
fn no_command_is_a_mistake_that_shows_the_usage() {
    let exit = run(&[]);
    assert_eq!(exit.code, Some(2));
    assert!(exit.stderr.contains("Usage: mio-echo"), "{}", exit.stderr);
}

#[test]
fn help_and_version_are_results() {
    for (arguments, words) in [
        (["--help", "--help"].as_slice(), "Usage: mio-echo"),
        (&["serve", "--help"], "--listen <ADDR>"),
        (
            &["--version"],
            concat!("mio-echo ", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        let exit = run(arguments);
        let stdout = exit.stdout.join("\n");
        assert_eq!(exit.code, Some(0), "{arguments:?}: {}", exit.stderr);
        assert!(
            stdout.contains(words),
            "{arguments:?}: expected {words:?}: {stdout}"
        );
        assert_eq!(exit.stderr, "", "{arguments:?}");
    }
}

#[test]
fn an_address_in_use_is_named_and_nothing_is_announced() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let exit = run(&["serve", "--listen", &address]);
    let expected = format!("mio-echo: cannot bind {address}: address already in use");
    assert_eq!(exit.stderr, expected);
    assert_eq!(exit.code, Some(2));
    assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
}

#[test]
fn a_name_that_nobody_knows_is_named() {
    // Reserved never to exist (RFC 6761, section 6.4).
    let exit = run(&["serve", "--listen", "nobody.invalid:0"]);
    let expected = "mio-echo: cannot resolve nobody.invalid:0: ";
    assert!(exit.stderr.starts_with(expected), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert_eq!(exit.code, Some(2));
}

#[test]
fn every_address_gets_its_ready_line_and_is_served() {
    let (server, first) = Child::serve(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"]);
    let (second, third) = (server.address(), server.address());
    assert_eq!(
        third.ip().to_string(),
        "127.0.0.2",
        "in the order asked for"
    );
    for address in [first, second, third] {
        echo_roundtrip(&connect(address), b"at each of them");
    }
    server.signal("TERM");
    let exit = server.wait();
    assert!(
        exit.stdout.is_empty(),
        "expected no more: {:?}",
        exit.stdout
    );
}

#[test]
fn if_one_address_fails_nothing_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let exit = run(&["serve", "--listen", "127.0.0.1:0", "--listen", &address]);
    assert_eq!(exit.code, Some(2));
    assert!(exit.stderr.contains(&address), "{}", exit.stderr);
    assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
}

#[test]
fn a_name_with_two_addresses_gets_one_port_for_both() {
    if !ipv6_or_skip() {
        return;
    }
    let addresses: Vec<SocketAddr> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    let has_both = [true, false]
        .iter()
        .all(|v4| addresses.iter().any(|address| address.is_ipv4() == *v4));
    if !has_both {
        // Nothing that could be installed would change it, so this skip is never forbidden.
        skip("localhost has no address in one of the families here");
        return;
    }
    let server = Child::spawn(&mut program(&["serve", "--listen", "localhost:0"]));
    let (first, second) = (server.address(), server.address());
    assert_eq!(first.port(), second.port(), "expected one port");
    assert_ne!(first.is_ipv4(), second.is_ipv4(), "expected both families");
    for address in [first, second] {
        echo_roundtrip(&connect(address), b"in both families");
    }
}

#[test]
fn two_processes_share_a_port_only_if_both_ask_for_it() {
    let (_first, address) = Child::serve(&["--reuse-port"]);
    let listen = ["serve", "--listen", &address.to_string()];
    let alone = run(&listen);
    assert_eq!(alone.code, Some(2), "{}", alone.stderr);

    let second = Child::spawn(program(&listen).arg("--reuse-port"));
    assert_eq!(second.address(), address);
    for _ in 0..20 {
        echo_roundtrip(&connect(address), b"whoever answers");
    }
}

#[test]
fn quiet_leaves_only_warnings_and_verbose_tells_of_each_connection() {
    for (flag, connects, summaries) in [("--quiet", 0, 0), ("--verbose", 1, 1)] {
        let (server, address) = Child::serve(&[flag]);
        echo_roundtrip(&connect(address), b"!");
        server.signal("TERM");
        let exit = server.wait();
        let count = |words| exit.stderr.matches(words).count();
        let told = (count(" connected"), count("stopped: "));
        assert_eq!(told, (connects, summaries), "{flag}: {}", exit.stderr);
    }
}
