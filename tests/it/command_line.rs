//! The arguments of the program: errors in one clear line, exit codes, log levels.

use crate::harness::{
    Child, Exit, Signal, both_modes, connect, echo_roundtrip, ipv6_or_skip, name_of, program, skip,
};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

fn run(arguments: &[&str]) -> Exit {
    Child::spawn(&mut program(arguments)).wait()
}

#[test]
fn a_wrong_argument_is_named_in_the_first_line_and_exits_with_2() {
    for (arguments, named) in [
        (["--listen", "no where"], ["no where", "HOST:PORT"]),
        (["--listen", "65536"], ["65536", "not a port"]),
        (["--listen", "::1:7"], ["::1:7", "brackets"]),
        (["--listen", "localhost:65536"], ["65536", "port"]),
        (["--read-buffer", "0"], ["'0'", "--read-buffer"]),
        (["--read-buffer", "much"], ["much", "64KiB"]),
        (["--max-connections", "0"], ["'0'", "at least 1"]),
        (["--max-connections", "many"], ["many", "whole number"]),
        (["--backlog", "70000"], ["70000", "at most 65535"]),
        (["--drain-timeout", "10"], ["'10'", "as in 10s"]),
        (["--drain-timeout", "1000years"], ["1000years", "too long"]),
        (["--idle-timeout", "soon"], ["soon", "or `never`"]),
        (["--idle-timeout", "1ms"], ["1ms", "at least"]),
        (["--keepalive", "1500ms"], ["1500ms", "seconds"]),
        (["--mode", "fibers"], ["fibers", "--mode"]),
        (["--colour", "blue"], ["--colour", "unexpected"]),
    ] {
        let exit = run(&["serve", arguments[0], arguments[1]]);
        let line = exit.stderr.lines().next().unwrap_or_default();
        for part in named {
            assert!(
                line.contains(part),
                "{arguments:?}: expected {part:?} in {line:?}"
            );
        }
        assert_eq!(exit.code, Some(2), "{arguments:?}");
        assert!(exit.stdout.is_empty(), "{arguments:?}: {:?}", exit.stdout);
    }
}

#[test]
fn a_missing_command_shows_the_usage_and_exits_with_2() {
    let exit = run(&[]);
    assert_eq!(exit.code, Some(2));
    assert!(exit.stderr.contains("Usage: mio-echo"), "{}", exit.stderr);
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (arguments, text) in [
        (["--help", "--help"].as_slice(), "Usage: mio-echo"),
        (&["serve", "--help"], "--listen <ADDR>"),
        (
            &["--version"],
            concat!("mio-echo ", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        let exit = run(arguments);
        let stdout = exit.text();
        assert_eq!(exit.code, Some(0), "{arguments:?}: {}", exit.stderr);
        assert!(
            stdout.contains(text),
            "{arguments:?}: expected {text:?}: {stdout}"
        );
        assert_eq!(exit.stderr, "", "{arguments:?}");
    }
}

#[test]
fn the_version_names_the_target_that_the_program_is_built_for() {
    let exit = run(&["--version"]);
    let version = exit.text();
    assert!(version.contains(std::env::consts::ARCH), "{version}");
    assert_eq!(version.trim_end().lines().count(), 1, "{version}");
}

#[test]
fn an_address_in_use_is_named_and_no_ready_line_is_printed() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let exit = run(&["serve", "--listen", &address]);
    let expected = format!("mio-echo: cannot bind {address}: address already in use");
    assert_eq!(exit.stderr, expected);
    assert_eq!(exit.code, Some(2));
    assert!(exit.stdout.is_empty(), "{:?}", exit.stdout);
}

#[test]
fn an_unknown_host_is_named() {
    // The domain `invalid` never resolves (RFC 6761, section 6.4).
    let exit = run(&["serve", "--listen", "unknown.invalid:0"]);
    let expected = "mio-echo: cannot resolve unknown.invalid:0: ";
    assert!(exit.stderr.starts_with(expected), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert_eq!(exit.code, Some(2));
}

#[test]
fn a_message_where_the_client_expects_the_address_gets_a_hint() {
    for message in ["Hello, world", "hi-mio-echo"] {
        let exit = run(&["client", message]);
        let line = exit.stderr.lines().next().unwrap_or_default();
        assert!(line.contains(message), "{line}");
        assert!(line.contains("client localhost 'Hello, world'"), "{line}");
        assert_eq!(exit.code, Some(2), "{line}");
    }
}

#[test]
fn a_client_cannot_connect_to_every_address() {
    let exit = run(&["client", "*:7", "message"]);
    let expected = "mio-echo: cannot resolve *:7: `*` is for servers, a client needs one address";
    assert_eq!(exit.stderr, expected);
    assert_eq!(exit.code, Some(2));
}

#[test]
fn a_port_alone_is_that_port_of_localhost_for_server_and_client() {
    both_modes(|mode| {
        for listen in ["0", ":0"] {
            let arguments = ["serve", "--mode", name_of(mode), "--listen", listen];
            let server = Child::spawn(&mut program(&arguments));
            let address = server.address();
            assert!(address.ip().is_loopback(), "{address}");
            let port = address.port().to_string();
            for typed in [&port, &format!(":{port}"), &format!("localhost:{port}")] {
                let client = run(&["client", typed, "to localhost"]);
                assert_eq!(client.text(), "to localhost", "{typed}: {}", client.stderr);
            }
        }
    });
}

#[test]
fn a_star_listens_on_every_address_of_both_families_on_one_port() {
    if !ipv6_or_skip() {
        return;
    }
    both_modes(|mode| {
        let arguments = ["serve", "--mode", name_of(mode), "--listen", "*:0"];
        let server = Child::spawn(&mut program(&arguments));
        let (first, second) = (server.address(), server.address());
        assert_eq!(first.to_string(), format!("0.0.0.0:{}", first.port()));
        assert_eq!(second.to_string(), format!("[::]:{}", first.port()));
        for host in ["127.0.0.1", "127.0.0.2", "[::1]"] {
            let address = format!("{host}:{}", first.port());
            let client = run(&["client", &address, "to every address"]);
            assert_eq!(client.text(), "to every address", "{}", client.stderr);
        }
    });
}

#[test]
fn a_time_limit_that_is_switched_off_is_not_warned_about() {
    let (server, address) = Child::serve(&[
        "--listen",
        "*:0",
        "--idle-timeout",
        "off",
        "--keepalive",
        "none",
    ]);
    echo_roundtrip(&connect(address), b"never");
    server.signal(Signal::TERM);
    let exit = server.wait();
    assert!(!exit.stderr.contains("--idle-timeout"), "{}", exit.stderr);
    assert_eq!(exit.code, Some(0));
}

#[test]
fn an_address_may_stand_alone_as_for_every_other_command_and_beside_an_option() {
    let arguments = ["serve", "127.0.0.1:0", "--listen", "127.0.0.2:0"];
    let server = Child::spawn(&mut program(&arguments));
    let (first, second) = (server.address(), server.address());
    assert_eq!(first.ip().to_string(), "127.0.0.1");
    assert_eq!(second.ip().to_string(), "127.0.0.2");
    for address in [first, second] {
        echo_roundtrip(&connect(address), b"alone");
    }
}

#[test]
fn each_address_has_a_ready_line_and_is_served() {
    let (server, first) = Child::serve(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"]);
    let (second, third) = (server.address(), server.address());
    assert_eq!(
        third.ip().to_string(),
        "127.0.0.2",
        "in the order of the arguments"
    );
    for address in [first, second, third] {
        echo_roundtrip(&connect(address), b"to each address");
    }
    server.signal(Signal::TERM);
    let exit = server.wait();
    assert!(
        exit.stdout.is_empty(),
        "expected no further line: {:?}",
        exit.stdout
    );
}

#[test]
fn if_one_address_fails_none_is_served() {
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
        // No package that could be installed would change this, so the skip is always allowed.
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
        echo_roundtrip(&connect(address), b"to either process");
    }
}

#[test]
fn quiet_logs_only_warnings_and_verbose_logs_each_connection() {
    for (flag, connects, summaries) in [("--quiet", 0, 0), ("--verbose", 1, 1)] {
        let (server, address) = Child::serve(&[flag]);
        echo_roundtrip(&connect(address), b"!");
        server.signal(Signal::TERM);
        let exit = server.wait();
        let count = |text| exit.stderr.matches(text).count();
        let logged = (count(" connected"), count("stopped: "));
        assert_eq!(logged, (connects, summaries), "{flag}: {}", exit.stderr);
    }
}

#[test]
fn listening_beyond_loopback_without_an_idle_timeout_is_worth_a_warning() {
    let warning = "without --idle-timeout a peer from elsewhere can hold a connection";
    for (arguments, expected) in [
        (&["--listen", "0.0.0.0:0"][..], 1),
        (&["--listen", "0.0.0.0:0", "--idle-timeout", "1m"], 0),
        (&[], 0),
    ] {
        let mut command = program(&["serve"]);
        if arguments.is_empty() {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(arguments);
        let server = Child::spawn(&mut command);
        server.address();
        server.wait_for_log("serving up to");
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0));
        assert_eq!(
            exit.stderr.matches(warning).count(),
            expected,
            "{arguments:?}"
        );
    }
}
