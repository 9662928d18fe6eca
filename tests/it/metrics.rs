//! `serve --metrics`: the statistics as text for Prometheus, in both modes.

use crate::harness::{
    Child, DEADLINE, Signal, both_modes, connect, echo_roundtrip, eventually, name_of, program,
    read, read_to_eof, run,
};
use mio_echo::server::Mode;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// A server with metrics, its address and theirs.
fn serve(mode: Mode) -> (Child, SocketAddr, SocketAddr) {
    serve_with(mode, &[])
}

fn serve_with(mode: Mode, options: &[&str]) -> (Child, SocketAddr, SocketAddr) {
    let arguments = ["--mode", name_of(mode), "--metrics", "127.0.0.1:0"];
    let (server, address) = Child::serve(&[&arguments, options].concat());
    let line = server.next_line();
    let url = line.trim_end().strip_prefix("metrics on http://");
    let metrics = url.and_then(|url| url.strip_suffix("/metrics"));
    (server, address, metrics.unwrap().parse().unwrap())
}

/// The head and the body of a response.
fn get(metrics: SocketAddr, path: &str) -> (String, String) {
    let mut stream = connect(metrics);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {metrics}\r\n\r\n").unwrap();
    let response = String::from_utf8(read_to_eof(&stream)).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The rules of `OpenMetrics` 1.0 that a program relies on: each sample belongs to the family before it, in name and suffix;
/// the last line is `# EOF`.
fn assert_valid(text: &str) {
    let lines = text.strip_suffix("# EOF\n").expect("the text has an end");
    let (mut family, mut suffix) = ("", "");
    for line in lines.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            family = name;
            suffix = match kind {
                "counter" => "_total",
                "gauge" => "",
                "info" => "_info",
                _ => panic!("{line}"),
            };
        } else if let Some(unit) = line.strip_prefix("# UNIT ") {
            let (name, unit) = unit.split_once(' ').unwrap();
            assert!(name == family && name.ends_with(unit), "{line}");
        } else if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(help.starts_with(&format!("{family} ")), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split_once('{').map_or(sample, |(name, _)| name);
            assert_eq!(name, format!("{family}{suffix}"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn a_scrape_has_the_figures_of_the_moment() {
    both_modes(|mode| {
        let (server, address, metrics) = serve(mode);
        let stream = connect(address);
        for bytes_so_far in [7, 14] {
            echo_roundtrip(&stream, b"seven b");
            let (head, body) = get(metrics, "/metrics");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            let media_type =
                "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";
            assert!(head.lines().any(|line| line == media_type), "{head}");
            assert_valid(&body);
            for sample in [
                "mio_echo_connections_accepted_total 1",
                "mio_echo_connections_open 1",
                &format!("mio_echo_received_bytes_total {bytes_so_far}"),
                &format!(
                    "mio_echo_build_info{{version=\"0.1.0\",mode=\"{}\"}} 1",
                    name_of(mode)
                ),
            ] {
                assert!(body.lines().any(|line| line == sample), "{sample}: {body}");
            }
            // A thread counts an echo after the peer may have received it.
            let sent = format!("\nmio_echo_sent_bytes_total {bytes_so_far}\n");
            eventually(&sent, || get(metrics, "/metrics").1.contains(&sent));
        }
        drop(stream);
        server.signal(Signal::TERM);
        let exit = server.wait();
        assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    });
}

#[test]
fn misbehaviour_that_was_asked_for_is_counted_for_programs_too() {
    both_modes(|mode| {
        let options = ["--corrupt-every", "2", "--stats-json", "-"];
        let (server, address, metrics) = serve_with(mode, &options);
        let mut stream = connect(address);
        stream.write_all(b"ab").unwrap();
        read(&stream, 2);
        let (_, body) = get(metrics, "/metrics");
        assert_valid(&body);
        for (fault, connections) in [("corrupted", 1), ("delayed", 0)] {
            let sample = format!(
                "\nmio_echo_connections_misbehaved_total{{fault=\"{fault}\"}} {connections}\n"
            );
            assert!(body.contains(&sample), "{body}");
        }
        drop(stream);
        server.signal(Signal::TERM);
        let exit = server.wait();
        let record: Value = serde_json::from_str(exit.text()).unwrap();
        let misbehaved = &record["misbehaved"];
        let counts = (&misbehaved["corrupted"], &misbehaved["delayed"]);
        assert_eq!(counts, (&1.into(), &0.into()), "{record}");
    });
}

#[test]
fn a_scraper_that_sends_nothing_disturbs_no_peer() {
    both_modes(|mode| {
        let (_server, address, metrics) = serve(mode);
        let silent = connect(metrics);
        echo_roundtrip(&connect(address), b"undisturbed");
        drop(silent);
        let (head, _) = get(metrics, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    });
}

#[test]
fn metrics_are_served_until_the_last_connection_has_finished() {
    both_modes(|mode| {
        let (server, address, metrics) = serve(mode);
        let stream = connect(address);
        echo_roundtrip(&stream, b"!");
        server.signal(Signal::TERM);
        server.wait_for_log("stopping: 1 connections");
        let (_, body) = get(metrics, "/metrics");
        assert!(body.contains("mio_echo_connections_open 1\n"), "{body}");
        drop(stream);
        assert_eq!(server.wait().code, Some(0));
    });
}

#[test]
fn a_unix_socket_for_metrics_has_a_file_with_the_rules_of_one_to_listen_on() {
    both_modes(|mode| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics");
        let endpoint = format!("unix:{}", path.display());
        let arguments = ["--mode", name_of(mode), "--metrics", &endpoint];
        let (killed, _) = Child::serve(&arguments);
        killed.signal(Signal::KILL);
        killed.wait();
        assert!(path.exists(), "it is stale");

        let (server, _) = Child::serve(&[&arguments[..], &["--socket-mode", "0600"]].concat());
        let line = format!("metrics on {endpoint}");
        assert_eq!(server.next_line().trim_end(), line);
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_valid(body);

        let second = ["serve", "--listen", "127.0.0.1:0", "--metrics", &endpoint];
        let exit = run(&mut program(&second));
        let line = format!("mio-echo: cannot serve metrics on {endpoint}: a server answers on it");
        assert_eq!((exit.code, exit.stderr), (Some(2), line));

        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
        assert!(!path.exists());
    });
}

#[test]
fn an_address_that_is_taken_is_one_line_and_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics", &address];
    let exit = run(&mut program(&arguments));
    let line = format!("mio-echo: cannot serve metrics on {address}: address already in use");
    assert_eq!((exit.code, exit.stderr), (Some(2), line));
}
