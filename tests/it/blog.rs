//! The Python server and client that this project started from. Our client talks to that server, and our server to that
//! client.

use crate::harness::{Child, command, program, run, skip, tool_or_skip};
use std::net::TcpListener;
use std::process::Command;

const MESSAGES: [&str; 2] = ["Hello, world", "汉语/漢語 Hànyǔ"];
const ECHO: &str = "Hello, world\n汉语/漢語 Hànyǔ\n";

#[test]
fn the_python_client_is_served_by_the_event_loop() {
    the_python_client_is_served_in_mode("event-loop");
}

#[test]
fn the_python_client_is_served_by_the_threads() {
    the_python_client_is_served_in_mode("threads");
}

fn the_python_client_is_served_in_mode(mode: &str) {
    if !tool_or_skip("python3") {
        return;
    }
    for host in hosts() {
        let listen = format!("{}:0", in_brackets(host));
        let server = Child::spawn(&mut program(&[
            "serve", "--mode", mode, "--listen", &listen,
        ]));
        let ready = server.next_line();
        let (_, port) = ready.rsplit_once(':').unwrap();

        let client = run(&mut python("client.py", host, port));
        assert_eq!(String::from_utf8_lossy(&client.stdout), ECHO, "{client:?}");
        assert_eq!(client.code, Some(0), "{client:?}");
    }
}

#[test]
fn the_python_server_serves_our_client() {
    if !tool_or_skip("python3") {
        return;
    }
    for host in hosts() {
        let server = Child::spawn(&mut python("server.py", host, "0"));
        let address = format!("{}:{}", in_brackets(host), server.next_line());

        let client = run(program(&["client", &address]).args(MESSAGES));
        assert_eq!(String::from_utf8_lossy(&client.stdout), ECHO, "{client:?}");
        assert_eq!(client.code, Some(0), "{client:?}");
    }
}

/// The loopback addresses that this machine has, in both families.
fn hosts() -> Vec<&'static str> {
    let exists = |host: &&str| {
        let bound = TcpListener::bind((*host, 0));
        bound.is_ok() || skip(&format!("there is no {host} here"))
    };
    ["127.0.0.1", "::1"].into_iter().filter(exists).collect()
}

fn in_brackets(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn python(script: &str, host: &str, port: &str) -> Command {
    let mut command = command("python3");
    // The encoding of the output must not depend on the locale.
    command.env("PYTHONUTF8", "1");
    command.arg(format!(
        "{}/tests/blog/{script}",
        env!("CARGO_MANIFEST_DIR")
    ));
    command.args([host, port]);
    command
}
