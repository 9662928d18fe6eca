//! `mio-echo client` against small servers on std: correct ones, and ones with one fault each.

use crate::harness::{Child, Exit, program, refusing_port, run};
use socket2::SockRef;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

// A correct server.

#[test]
fn each_message_comes_back_on_a_line_of_its_own() {
    let server = start(echo_all);
    let client = send(server, &["Hello, world", "", "汉语/漢語 Hànyǔ"]);
    assert_eq!(
        client.stdout,
        "Hello, world\n\n汉语/漢語 Hànyǔ\n".as_bytes()
    );
    assert_done(&client);
}

#[test]
fn messages_are_bytes_not_text() {
    let message = b"\xff\xfe broken \xe6\xb1 utf-8 \x80";
    let client = send(start(echo_all), &[OsString::from_vec(message.to_vec())]);
    assert_eq!(client.stdout, [message, b"\n".as_slice()].concat());
    assert_done(&client);
}

#[test]
fn the_longest_argument_comes_back_as_a_message() {
    // execve(2): an argument has at most 128 KiB, including its terminating zero.
    let message = "m".repeat(128 * 1024 - 1);
    let client = send(start(echo_all), &[&message, "next"]);
    assert_eq!(client.stdout, format!("{message}\nnext\n").as_bytes());
    assert_done(&client);
}

#[test]
fn the_next_message_is_sent_only_after_the_echo_of_the_previous_one() {
    let server = start(|mut peer| {
        assert_eq!(read(&mut peer, 1)?, b"a");
        peer.set_read_timeout(Some(Duration::from_millis(200)))?;
        let early = peer.read(&mut [0]);
        let kept_back = early.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        let echo = if kept_back { b"a" } else { b"!" };
        peer.set_read_timeout(None)?;
        peer.write_all(echo)?;
        echo_all(peer)
    });
    assert_done(&send(server, &["a", "b"]));
}

#[test]
fn standard_input_of_any_length_comes_back_byte_for_byte() {
    for length in [0, 1, 32 * 1024 * 1024] {
        let input = pattern(length);
        let client = pipe(start(echo_all), input.clone());
        // `assert_eq!` would print both sides, 32 MiB each.
        assert!(client.stdout == input, "{length} bytes: {}", client.stderr);
        assert_done(&client);
    }
}

#[test]
fn the_end_of_the_input_is_passed_on_and_the_echo_still_arrives() {
    let server = start(|mut peer| {
        let mut all = Vec::new();
        peer.read_to_end(&mut all)?;
        peer.write_all(&all)
    });
    let input = pattern(1024 * 1024);
    let client = pipe(server, input.clone());
    assert!(client.stdout == input, "{}", client.stderr);
    assert_done(&client);
}

#[test]
fn typed_input_comes_back_at_once_and_a_pause_is_not_a_timeout() {
    // Long, because an echo may take its time on a busy machine.
    let timeout = Duration::from_secs(2);
    let mut client = Child::spawn_with_input(client(start(echo_all)).args(["--timeout", "2s"]));
    client.write(b"one\n");
    client.wait_for_output(b"one\n");
    client.assert_quiet_for(timeout * 5 / 4);
    client.write(b"two");
    client.wait_for_output(b"one\ntwo");
    assert_done(&client.finish(Vec::new()));
}

#[test]
fn a_slow_server_does_not_time_out_as_long_as_each_message_is_in_time() {
    let server = start(|mut peer| {
        for _ in 0..5 {
            let message = read(&mut peer, 2)?;
            for byte in message {
                thread::sleep(Duration::from_millis(250));
                peer.write_all(&[byte])?;
            }
        }
        echo_all(peer)
    });
    let mut client = client(server);
    let messages = ["11", "22", "33", "44", "55"];
    assert_done(&run(client.args(["--timeout", "2s"]).args(messages)));
}

#[test]
fn a_server_may_close_as_soon_as_everything_has_come_back() {
    let server = start(|mut peer| {
        let message = read(&mut peer, 5)?;
        peer.write_all(&message)
    });
    assert_done(&send(server, &["hello"]));
}

// A wrong echo.

#[test]
fn a_changed_byte_is_reported_with_its_offset() {
    let at = 123_456;
    let input = pattern(200_000);
    let expected = input[at];
    let client = pipe(tampering(move |echo| echo[at] ^= 0x80), input.clone());
    let reason = format!(
        "the echo differs at offset {at}: expected {expected:#04x}, got {:#04x}",
        expected ^ 0x80
    );
    assert_failed(&client, &reason);
    assert!(client.stdout == input[..at], "nothing wrong is printed");
}

#[test]
fn a_dropped_byte_is_reported_with_its_offset() {
    let at = 123_456;
    let server = tampering(move |echo| {
        echo.remove(at);
    });
    let client = pipe(server, pattern(200_000));
    assert_failed(&client, &format!("the echo differs at offset {at}:"));
}

#[test]
fn a_doubled_byte_is_reported_with_its_offset() {
    let at = 123_456;
    let server = tampering(move |echo| echo.insert(at, echo[at]));
    let client = pipe(server, pattern(200_000));
    assert_failed(&client, &format!("the echo differs at offset {}:", at + 1));
}

#[test]
fn the_offset_in_a_message_counts_from_the_first_message() {
    let server = start(|mut peer| {
        let first = read(&mut peer, 3)?;
        peer.write_all(&first)?;
        let second = read(&mut peer, 3)?;
        peer.write_all(&second.to_ascii_uppercase())?;
        wait_for_close(peer)
    });
    let client = send(server, &["one", "2wo"]);
    assert_failed(&client, "differs at offset 4: expected 0x77, got 0x57");
    assert_eq!(client.stdout, b"one\n2");
}

#[test]
fn a_missing_last_byte_is_an_early_close() {
    let server = tampering(|echo| {
        echo.pop();
    });
    let client = pipe(server, pattern(200_000));
    assert_failed(&client, "closed the connection early: 1 byte did not");
}

#[test]
fn a_close_between_messages_reports_how_much_is_missing() {
    let server = start(|mut peer| {
        let first = read(&mut peer, 5)?;
        peer.write_all(&first[..3])
    });
    let client = send(server, &["hello", "world"]);
    assert_failed(&client, "closed the connection early: 7 bytes did not");
}

#[test]
fn a_close_is_detected_while_nothing_is_typed() {
    let server = start(|mut peer| {
        let line = read(&mut peer, 2)?;
        peer.write_all(&line)
    });
    let mut client = Child::spawn_with_input(&mut client(server));
    client.write(b"a\n");
    client.wait_for_output(b"a\n");
    assert_failed(&client.wait(), "before the input had ended");
}

#[test]
fn superfluous_bytes_after_the_end_are_reported() {
    let server = tampering(|echo| echo.push(b'!'));
    let client = pipe(server, pattern(200_000));
    assert_failed(&client, "superfluous bytes, from offset 200000 on");
    assert!(
        client.stdout == pattern(200_000),
        "nothing wrong is printed"
    );
}

#[test]
fn superfluous_bytes_after_the_last_message_are_reported() {
    let server = start(|mut peer| {
        let message = read(&mut peer, 5)?;
        peer.write_all(&message)?;
        // After the client's FIN, everything has come back and is printed.
        wait_for_fin(&mut peer)?;
        peer.write_all(b"!")
    });
    let client = send(server, &["hello"]);
    assert_failed(&client, "superfluous bytes, from offset 5 on");
    assert_eq!(client.stdout, b"hello\n");
}

#[test]
fn a_superfluous_urgent_byte_is_reported_too() {
    let server = start(|mut peer| {
        let message = read(&mut peer, 5)?;
        peer.write_all(&message)?;
        wait_for_fin(&mut peer)?;
        SockRef::from(&peer).send_out_of_band(b"!").map(drop)
    });
    let client = send(server, &["hello"]);
    assert_failed(&client, "superfluous bytes, from offset 5 on");
}

#[test]
fn a_reset_after_the_last_byte_is_a_failure() {
    let server = start(|mut peer| {
        let message = read(&mut peer, 5)?;
        peer.write_all(&message)?;
        wait_for_fin(&mut peer)?;
        // A close with a linger time of zero sends RST (socket(7), SO_LINGER).
        SockRef::from(&peer).set_linger(Some(Duration::ZERO))
    });
    let client = send(server, &["hello"]);
    assert_failed(&client, "cannot receive: connection reset by peer");
    assert_eq!(client.stdout, b"hello\n");
}

// Timeouts.

#[test]
fn a_server_that_never_writes_times_out() {
    let server = start(|mut peer| io::copy(&mut peer, &mut io::sink()).and(wait_for_close(peer)));
    let mut client = client(server);
    let client = run(client.args(["--timeout", "300ms", "hello", "world"]));
    assert_failed(&client, "no reply within 300ms: 10 bytes did not come back");
}

#[test]
fn a_server_that_never_reads_times_out() {
    let mut client = client(start(hold));
    let client = Child::spawn_with_input(client.args(["--timeout", "300ms"]));
    let client = client.finish(pattern(16 * 1024 * 1024));
    assert_failed(&client, "no reply within 300ms:");
}

/// Each byte is in time; the message is not.
#[test]
fn a_server_that_sends_a_byte_now_and_then_times_out() {
    let server = start(|mut peer| {
        for byte in read(&mut peer, 100)? {
            thread::sleep(Duration::from_millis(100));
            peer.write_all(&[byte])?;
        }
        Ok(())
    });
    let mut client = client(server);
    let client = run(client.args(["--timeout", "500ms", &"m".repeat(100)]));
    assert_failed(&client, "no reply within 500ms:");
}

#[test]
fn a_server_that_never_closes_times_out() {
    let server = start(|mut peer| {
        let message = read(&mut peer, 5)?;
        peer.write_all(&message)?;
        hold(peer)
    });
    let client = run(client(server).args(["--timeout", "300ms", "hello"]));
    assert_failed(&client, "did not close within 300ms");
    assert_eq!(client.stdout, b"hello\n");
}

// No connection.

#[test]
fn an_unreachable_port_exits_with_2_and_names_each_address() {
    for host in ["127.0.0.1", "localhost"] {
        let (_bound, address) = refusing_port();
        let port = address.port();
        let client = run(&mut program(&["client", &format!("{host}:{port}"), "a"]));
        assert_eq!(client.code, Some(2), "{client:?}");
        for address in (host, port).to_socket_addrs().unwrap() {
            let reason = format!("{address} (connection refused)");
            assert!(client.stderr.contains(&reason), "{reason}: {client:?}");
        }
        assert_eq!(client.stderr.lines().count(), 1, "{client:?}");
    }
}

#[test]
fn an_invalid_address_exits_with_2() {
    for address in ["localhost", "::1:7", "localhost:echo"] {
        let client = run(&mut program(&["client", address, "a"]));
        assert_eq!(client.code, Some(2), "{client:?}");
    }
}

#[test]
fn an_invalid_name_exits_with_2() {
    // Two dots in a row are invalid, so the resolver sends no query.
    let client = run(&mut program(&["client", "no..name:7", "a"]));
    assert_eq!(client.code, Some(2), "{client:?}");
    let reason = "cannot resolve no..name:7: ";
    assert!(client.stderr.contains(reason), "{client:?}");
}

#[test]
fn verbose_logs_the_address_that_accepted() {
    let server = start(echo_all);
    let client = run(client(server).args(["-v", "hello"]));
    let reason = format!("connected to {server}");
    assert!(client.stderr.contains(&reason), "{client:?}");
    assert_eq!(client.stdout, b"hello\n", "the log is on standard error");
}

// A fault on the client's side.

#[test]
fn a_closed_output_ends_quietly() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let client = run(client(start(echo_all)).arg("hello").stdout(writer));
    assert_eq!(client.stderr, "");
    assert_eq!(client.code, Some(1));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_output_is_reported() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let client = run(client(start(echo_all)).arg("hello").stdout(full));
    assert_failed(&client, "cannot write the output: no space left on device");
}

#[test]
fn an_unreadable_input_is_reported() {
    let directory = File::open("/").unwrap();
    let client = run(client(start(echo_all)).stdin(directory));
    assert_failed(&client, "cannot read the input: ");
}

// The client.

fn client(server: SocketAddr) -> Command {
    program(&["client", &server.to_string()])
}

fn send(server: SocketAddr, messages: &[impl AsRef<OsStr>]) -> Exit {
    run(client(server).args(messages))
}

fn pipe(server: SocketAddr, input: Vec<u8>) -> Exit {
    Child::spawn_with_input(&mut client(server)).finish(input)
}

fn assert_done(client: &Exit) {
    assert_eq!(client.stderr, "");
    assert_eq!(client.code, Some(0));
}

/// Asserts that the client failed with code 1 and one line that contains `reason`.
fn assert_failed(client: &Exit, reason: &str) {
    assert!(client.stderr.contains(reason), "{}", client.stderr);
    assert_eq!(client.stderr.lines().count(), 1, "{}", client.stderr);
    assert_eq!(client.code, Some(1));
}

/// Bytes in which neighbours always differ, so that a lost or doubled byte differs at its own offset.
fn pattern(length: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..=250).collect();
    let mut bytes = block.repeat(length.div_ceil(block.len()));
    bytes.truncate(length);
    bytes
}

// The servers.

/// Starts a server for one connection.
fn start(serve: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (peer, _) = listener.accept()?;
        serve(peer)
    });
    address
}

fn echo_all(peer: TcpStream) -> io::Result<()> {
    let echoed = io::copy(&mut &peer, &mut &peer);
    // Nothing is unread, so closing the socket sends FIN.
    drop(peer);
    echoed.map(drop)
}

/// A server that reads everything, changes it, and writes it back.
fn tampering(tamper: impl FnOnce(&mut Vec<u8>) + Send + 'static) -> SocketAddr {
    start(move |mut peer| {
        let mut echo = Vec::new();
        peer.read_to_end(&mut echo)?;
        tamper(&mut echo);
        peer.write_all(&echo)
    })
}

fn read(peer: &mut TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    peer.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn wait_for_fin(peer: &mut TcpStream) -> io::Result<()> {
    match peer.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::other("got a byte, expected the end")),
    }
}

/// Keeps the connection open until the peer closes it.
fn wait_for_close(mut peer: TcpStream) -> io::Result<()> {
    io::copy(&mut peer, &mut io::sink()).map(drop)
}

/// Keeps the connection open and neither reads nor writes.
fn hold(_peer: TcpStream) -> io::Result<()> {
    loop {
        thread::park();
    }
}
