//! `serve --banner`, `--proxy-protocol`: what comes before the echo, in both modes.

use crate::harness::{
    BoundServer, Child, DEADLINE, Signal, TestServer, assert_same, both_modes, command, connect,
    echo_roundtrip, name_of, pattern, program, read, read_to_eof, run, tool_or_skip,
};
use mio_echo::server::{
    Config, ConnectionId, ConnectionSummary, HeaderError, Observer, Preamble, ProxyHeader,
};
use mio_echo::text::address::Address;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7\r\n";

/// The same addresses, and an extension of five bytes.
const VERSION_2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xc0\0\x02\x07\xc0\0\x02\x01\x12\x67\0\x07\x04\0\x02\0\0";

/// Longer than any test.
const HOUR: Duration = Duration::from_hours(1);

fn proxied(limit: Duration) -> impl FnOnce(&mut Config) {
    move |config| {
        config.preamble = Some(Preamble {
            proxy_header_within: Some(limit),
            banner: None,
        });
    }
}

fn with_banner(text: &str) -> impl FnOnce(&mut Config) {
    move |config| {
        config.preamble = Some(Preamble {
            proxy_header_within: None,
            banner: Some(text.parse().unwrap()),
        });
    }
}

fn expect_reset(mut stream: &TcpStream) {
    let end = stream.read_to_end(&mut Vec::new());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_banner_comes_before_the_peer_has_sent_anything_and_is_not_counted() {
    both_modes(|mode| {
        let server = TestServer::start(mode, with_banner(r"{mode} {peer} {local}\n"));
        let stream = connect(server.address);
        let own = stream.local_addr().unwrap();
        let banner = format!("{} {own} {}\n", name_of(mode), server.address);
        assert_same(&read(&stream, banner.len()), banner.as_bytes());
        echo_roundtrip(&stream, &pattern(300_000));
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_eof(&stream), b"");
        let stats = server.stop();
        assert_eq!((stats.bytes_in, stats.bytes_out), (300_000, 300_000));
        assert!(stats.errors.is_empty(), "{stats}");
    });
}

#[test]
fn a_header_of_either_version_is_read_and_what_is_behind_it_is_echoed() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(HOUR));
        for header in [VERSION_1, VERSION_2, b"PROXY UNKNOWN\r\n"] {
            let mut stream = connect(server.address);
            // One segment.
            stream.write_all(&[header, b"behind"].concat()).unwrap();
            assert_eq!(read(&stream, 6), b"behind");
            echo_roundtrip(&stream, &pattern(300_000));
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_to_eof(&stream), b"");
        }
        let stats = server.stop();
        assert_eq!((stats.bytes_in, stats.bytes_out), (900_018, 900_018));
        assert!(stats.errors.is_empty(), "{stats}");
    });
}

#[test]
fn a_header_may_come_in_pieces() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(HOUR));
        for header in [VERSION_1, VERSION_2] {
            let mut stream = connect(server.address);
            for byte in header {
                stream.write_all(&[*byte]).unwrap();
                thread::yield_now();
            }
            echo_roundtrip(&stream, b"the header is complete");
        }
    });
}

#[test]
fn what_is_no_header_is_reset_and_counted() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(HOUR));
        for wrong in [&b"hello, echo\n"[..], &[b'P'; 200]] {
            let mut stream = connect(server.address);
            stream.write_all(wrong).unwrap();
            expect_reset(&stream);
        }
        let mut cut_short = connect(server.address);
        cut_short.write_all(&VERSION_1[..20]).unwrap();
        cut_short.shutdown(Shutdown::Write).unwrap();
        expect_reset(&cut_short);
        // Something else is served meanwhile.
        let mut other = connect(server.address);
        other.write_all(VERSION_2).unwrap();
        echo_roundtrip(&other, b"!");
        drop(other);
        let stats = server.stop();
        let count = |text| stats.errors.get(text).copied();
        assert_eq!(count("invalid data"), Some(2), "{stats}");
        assert_eq!(count("unexpected end of file"), Some(1), "{stats}");
    });
}

#[test]
fn a_header_that_is_late_is_as_good_as_none() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(Duration::from_millis(50)));
        let mut slow = connect(server.address);
        slow.write_all(&VERSION_1[..20]).unwrap();
        let silent = connect(server.address);
        expect_reset(&slow);
        expect_reset(&silent);
        let stats = server.stop();
        assert_eq!(stats.errors.get("timed out"), Some(&2), "{stats}");
    });
}

#[test]
fn a_header_that_trickles_in_is_late_too() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(Duration::from_millis(100)));
        let mut trickling = connect(server.address);
        // Version 2, with 500 bytes to come.
        trickling.write_all(&VERSION_2[..14]).unwrap();
        trickling.write_all(&500_u16.to_be_bytes()).unwrap();
        let sent = (0..499).take_while(|_| {
            thread::sleep(Duration::from_millis(10));
            trickling.write_all(b"!").is_ok()
        });
        assert!(sent.count() < 400, "the connection should be reset");
        let stats = server.stop();
        assert_eq!(stats.errors.get("timed out"), Some(&1), "{stats}");
    });
}

#[test]
fn a_peer_that_finishes_before_its_header_is_no_error() {
    both_modes(|mode| {
        let server = TestServer::start(mode, proxied(HOUR));
        let probe = connect(server.address);
        probe.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_eof(&probe), b"");
        let stats = server.stop();
        assert!(stats.errors.is_empty(), "{stats}");
    });
}

#[test]
fn a_stop_finishes_a_connection_without_a_header_and_echoes_what_is_behind_another() {
    both_modes(|mode| {
        let bound = BoundServer::new(mode, proxied(HOUR));
        let mut complete = connect(bound.address());
        complete
            .write_all(&[VERSION_2, b"echoed"].concat())
            .unwrap();
        complete.shutdown(Shutdown::Write).unwrap();
        let mut incomplete = connect(bound.address());
        incomplete.write_all(&VERSION_2[..20]).unwrap();
        bound.stopper().stop().unwrap();
        let server = bound.run();
        assert_same(&read_to_eof(&complete), b"echoed");
        assert_eq!(read_to_eof(&incomplete), b"");
        drop(incomplete);
        let stats = server.wait();
        assert_eq!((stats.accepted, stats.bytes_out), (2, 6), "{stats}");
    });
}

/// Sends on what it observes of headers and ends.
#[derive(Clone)]
struct Headers(Sender<(ProxyHeader, Option<SocketAddr>)>);

impl Observer for Headers {
    fn proxy_header(&mut self, _id: ConnectionId, _peer: &Address, header: ProxyHeader) {
        self.0.send((header, None)).unwrap();
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        let end = (ProxyHeader::Unknown, summary.peer.inet());
        self.0.send(end).unwrap();
    }
}

#[test]
fn the_observer_gets_the_header_and_at_the_end_the_peer_in_it() {
    both_modes(|mode| {
        let bound = BoundServer::new(mode, proxied(HOUR));
        let (address, stopper) = (bound.address(), bound.stopper());
        let (send, observed) = mpsc::channel();
        let running = thread::spawn(move || bound.run_with(Headers(send)));
        let next = || observed.recv_timeout(DEADLINE).unwrap();
        let real: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        let mut stream = connect(address);
        stream.write_all(VERSION_1).unwrap();
        assert_eq!(next(), (ProxyHeader::Peer(real), None));
        drop(stream);
        assert_eq!(next().1, Some(real));
        let mut stream = connect(address);
        let own = stream.local_addr().unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let malformed = ProxyHeader::Missing(HeaderError::Malformed);
        assert_eq!(next(), (malformed, None));
        assert_eq!(next().1, Some(own), "the address of the socket stands");
        stopper.stop().unwrap();
        running.join().unwrap();
    });
}

#[test]
fn the_log_has_the_real_peer_and_a_warning_for_one_without_a_header() {
    both_modes(|mode| {
        let arguments = ["--mode", name_of(mode), "--proxy-protocol", "-v"];
        let arguments = [&arguments[..], &["--banner", r"for {peer}\n"]].concat();
        let (server, address) = Child::serve(&arguments);
        let mut stream = connect(address);
        stream.write_all(VERSION_2).unwrap();
        assert_eq!(read(&stream, 19), b"for 192.0.2.7:4711\n");
        drop(stream);
        server.wait_for_log("#1 192.0.2.7:4711 disconnected: finished, 0 bytes in, 0 bytes out");
        let mut stream = connect(address);
        stream.write_all(b"hello").unwrap();
        expect_reset(&stream);
        server.wait_for_log("reset: no valid PROXY header");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code, Some(0));
    });
}

#[cfg(feature = "telemetry")]
#[test]
fn the_access_log_has_the_real_peer_and_its_proxy() {
    both_modes(|mode| {
        let arguments = [
            "--mode",
            name_of(mode),
            "--proxy-protocol",
            "--access-log",
            "-",
        ];
        let (server, address) = Child::serve(&arguments);
        let mut stream = connect(address);
        let own = stream.local_addr().unwrap();
        stream.write_all(VERSION_1).unwrap();
        drop(stream);
        let record: serde_json::Value = serde_json::from_str(&server.next_line()).unwrap();
        assert_eq!(record["peer"], "192.0.2.7:4711");
        assert_eq!(record["proxy"], own.to_string());
        assert_eq!(record["local"], address.to_string());
    });
}

#[test]
fn a_banner_that_cannot_be_rendered_is_one_line_and_code_2() {
    for (text, reason) in [
        (
            "{name}",
            "expected {pid}, {mode}, {peer} or {local} in the braces",
        ),
        ("{peer", r"a brace is not closed; \{ is a brace itself"),
        (r"\x", r"expected \n, \r, \t, \{ or \\ at the backslash"),
        ("", "must have from 1 to 1024 bytes"),
    ] {
        let exit = run(&mut program(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--banner",
            text,
        ]));
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
        assert_eq!(exit.code, Some(2));
    }
}

/// HAProxy in front of `server`, which it sends the header of `version`. It is passed its listening socket, so that it has
/// a port of the system's choice, and connections can wait for it.
fn haproxy(server: SocketAddr, version: &str) -> (Child, SocketAddr, tempfile::TempDir) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("haproxy.cfg");
    let config = format!(
        "defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n\
         listen echo\n bind fd@3\n server one {server} {version}\n"
    );
    fs::write(&file, config).unwrap();
    let pass = "exec 3<&0 </dev/null; exec haproxy -db -f \"$0\"";
    let mut command = command("sh");
    command.args(["-c", pass]).arg(&file);
    let process = Child::spawn(command.stdin(OwnedFd::from(listener)));
    (process, address, dir)
}

#[test]
fn behind_haproxy_the_log_has_the_peers_of_haproxy() {
    if !tool_or_skip("haproxy") {
        return;
    }
    both_modes(|mode| {
        for version in ["send-proxy", "send-proxy-v2"] {
            let arguments = ["--mode", name_of(mode), "--proxy-protocol", "-v"];
            let (server, address) = Child::serve(&arguments);
            let (_proxy, front, _dir) = haproxy(address, version);
            let stream = connect(front);
            // HAProxy may take long to start.
            stream
                .set_read_timeout(Some(Duration::from_mins(1)))
                .unwrap();
            let own = stream.local_addr().unwrap();
            echo_roundtrip(&stream, b"through the proxy");
            server.wait_for_log(&format!("is a proxy for {own}"));
            drop(stream);
            server.wait_for_log(&format!(
                "{own} disconnected: finished, 17 bytes in, 17 bytes out"
            ));
        }
    });
}
