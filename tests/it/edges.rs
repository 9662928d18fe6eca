//! Edges of the idle timeout and of threads: a connection that waits for the server is not idle, a slow reader makes
//! progress, and a thread that panics leaves nothing behind.

use crate::harness::peer::fill_until_refused;
use crate::harness::{
    TestServer, both_modes, connect, echo_roundtrip, in_some_attempt, more_than_buffers_hold,
};
use mio_echo::connection::ConnectionEvent;
use mio_echo::server::{Config, ConnectionId, Mode, Observer, Server};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_peer_that_reads_slowly_but_steadily_is_not_idle() {
    let idle_timeout = Duration::from_millis(800);
    let bytes = more_than_buffers_hold();
    both_modes(|mode| {
        in_some_attempt(|| {
            let server = TestServer::start(mode, |config| config.idle_timeout = Some(idle_timeout));
            let mut slow = connect(server.address);
            // Not as thoroughly as elsewhere: while it fills, it is idle.
            fill_until_refused(&slow, bytes, 10).map_err(|error| error.to_string())?;
            let start = Instant::now();
            slow.set_nonblocking(false).unwrap();
            let mut part = vec![0; 64 << 10];
            // Slower than any report of room to write: the send buffer holds megabytes.
            while start.elapsed() < 3 * idle_timeout {
                slow.read_exact(&mut part)
                    .map_err(|error| error.to_string())?;
                thread::sleep(Duration::from_millis(100));
            }
            drop(slow);
            let stats = server.stop();
            match stats.errors.get("idle timeout") {
                None => Ok(()),
                Some(_) => Err(stats.to_string()),
            }
        });
    });
}

/// What the kernel holds for a peer is no longer in the server's hands, and still on its way.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the kernel does not report it")]
fn a_peer_that_reads_slowly_what_the_kernel_holds_is_not_idle() {
    let idle_timeout = Duration::from_millis(800);
    let message = vec![7; 12 << 10];
    both_modes(|mode| {
        in_some_attempt(|| {
            let server = TestServer::start(mode, |config| config.idle_timeout = Some(idle_timeout));
            let mut slow = connect_with_small_receive_buffer(server.address);
            slow.write_all(&message).unwrap();
            // All of it is written at once, and read over twice the timeout.
            let (parts, start) = (32, Instant::now());
            for part in 0..parts {
                let due = 2 * idle_timeout * part / parts;
                thread::sleep(due.saturating_sub(start.elapsed()));
                let mut bytes = vec![0; message.len() / parts as usize];
                slow.read_exact(&mut bytes)
                    .map_err(|error| error.to_string())?;
            }
            slow.write_all(b"!").map_err(|error| error.to_string())?;
            slow.read_exact(&mut [0])
                .map_err(|error| format!("after {:?}: {error}", start.elapsed()))?;
            drop(slow);
            let stats = server.stop();
            match stats.errors.get("idle timeout") {
                None => Ok(()),
                Some(_) => Err(stats.to_string()),
            }
        });
    });
}

fn connect_with_small_receive_buffer(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2 << 10).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

/// An observer that panics at the first byte of the first connection.
#[derive(Clone)]
struct Panics;

impl Observer for Panics {
    fn on_event(&mut self, id: ConnectionId, event: ConnectionEvent) {
        let first_byte = id == ConnectionId(1) && matches!(event, ConnectionEvent::Read { .. });
        assert!(!first_byte, "this panic is a part of the test");
    }
}

#[test]
fn a_thread_that_panics_resets_its_connection_and_gives_its_place_back() {
    let config = Config {
        mode: Mode::Threads,
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        max_connections: Some(1),
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let address = server.local_addrs()[0].inet().unwrap();
    let stopper = server.stopper();
    let running = thread::spawn(move || server.run(Panics));
    let mut first = connect(address);
    first.write_all(b"!").unwrap();
    // The byte is not echoed, so this is not the end of the echo.
    let ended = first.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(ended, Err(ErrorKind::ConnectionReset));
    echo_roundtrip(&connect(address), b"the next one has its place");
    stopper.stop().unwrap();
    running.join().unwrap().unwrap();
}
