//! The other end of a connection: a blocking socket with a deadline, and bytes that depend on their position.

use super::machine::raise_descriptor_limit;
use super::send_queue::SendQueues;
use super::{DEADLINE, eventually};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// A connection on which no read and no write waits longer than the deadline.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    raise_descriptor_limit();
    let stream = TcpStream::connect_timeout(&address, DEADLINE)
        .unwrap_or_else(|error| panic!("expected a connection to {address}: {error}"));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// `length` bytes, each depending on its position: a byte that is lost, doubled or swapped shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    pattern_of(0, length)
}

/// As [`pattern`], but another one for each `peer`.
pub(crate) fn pattern_of(peer: u64, length: usize) -> Vec<u8> {
    // Fibonacci hashing: the high bits of a multiple of the golden ratio do not repeat.
    let word = |at: u64| (at + (peer << 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(length + 8);
    for at in 1..=length.div_ceil(8) as u64 {
        bytes.extend_from_slice(&(word(at) ^ (word(at) >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// 64 MiB of [`pattern`], which the buffers between two sockets cannot hold. Computed once, for all tests.
pub(crate) fn more_than_buffers_hold() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| pattern(64 << 20))
}

/// Panics with the position of the first difference, rather than with megabytes.
pub(crate) fn assert_same(echoed: &[u8], expected: &[u8]) {
    if echoed == expected {
        return;
    }
    let mut pairs = echoed.iter().zip(expected);
    let at = pairs.position(|(echoed, expected)| echoed != expected);
    panic!(
        "expected {} bytes back exactly, got {} bytes; the first wrong one is at {at:?}",
        expected.len(),
        echoed.len(),
    );
}

/// Sends `bytes` while it reads their echo.
pub(crate) fn echo_roundtrip(mut stream: &TcpStream, bytes: &[u8]) {
    /// What every send buffer holds.
    const FEW: usize = 2048;
    if bytes.len() <= FEW {
        stream
            .write_all(bytes)
            .expect("the server should take everything");
        return assert_same(&read(stream, bytes.len()), bytes);
    }
    let mut echoed = vec![0; bytes.len()];
    thread::scope(|scope| {
        let writer = scope.spawn(move || stream.write_all(bytes));
        let read = stream.read_exact(&mut echoed);
        writer
            .join()
            .unwrap()
            .expect("the server should take everything");
        read.expect("everything should come back");
    });
    assert_same(&echoed, bytes);
}

/// The next `length` bytes.
pub(crate) fn read(mut stream: &TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream
        .read_exact(&mut bytes)
        .expect("all of it should come back");
    bytes
}

/// Everything up to the server's FIN. A reset instead of a FIN is a failure.
pub(crate) fn read_to_eof(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("a FIN should come, and no reset before it");
    bytes
}

/// Writes `bytes` without reading anything, until the echo of a server that reads no more than it can write is blocked:
/// the buffers of both sides are full, and what the server has read is pending. Returns how many bytes the kernel took.
///
/// Leaves the stream non-blocking.
pub(crate) fn fill_until_blocked(stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut sent = 0;
    // A server that does not get the processor takes nothing either, but then nothing waits in its send queue: on
    // loopback, only a receive buffer that is full keeps bytes there.
    eventually("the echo is blocked", || {
        sent += fill_until_quiet(stream, &bytes[sent..]);
        !cfg!(target_os = "linux") || unechoed(stream) > 0
    });
    sent
}

/// As [`fill_until_blocked`], for a server that may not echo at all: until the kernel takes nothing for many times as long
/// as a server waits for the processor, also on a busy machine.
pub(crate) fn fill_until_quiet(stream: &TcpStream, bytes: &[u8]) -> usize {
    fill_until_refused(stream, bytes, 30).expect("the write should block")
}

/// Writes `bytes` until the kernel has taken nothing this many times in a row, a few milliseconds apart.
pub(crate) fn fill_until_refused(
    mut stream: &TcpStream,
    bytes: &[u8],
    times: usize,
) -> io::Result<usize> {
    const PAUSE: Duration = Duration::from_millis(5);
    stream.set_nonblocking(true)?;
    let (mut sent, mut refusals) = (0, 0);
    while refusals < times {
        match stream.write(&bytes[sent..]) {
            Ok(taken) => {
                sent += taken;
                refusals = 0;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refusals += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
        assert!(sent < bytes.len(), "expected to be blocked before {sent}");
    }
    Ok(sent)
}

/// An address that refuses connections as long as the socket lives: it is bound, so that no other gets the port, and does
/// not listen.
///
/// The port of a listener that has just been closed need not refuse yet: see [`alone`](super::alone).
pub(crate) fn refusing_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any_port.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Ends the connection with a RST.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

/// Whether a byte can be read right now. Leaves the stream non-blocking.
pub(crate) fn has_echo(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    matches!(stream.peek(&mut [0]), Ok(1))
}

/// Waits until the server's kernel has acknowledged all that these peers have sent.
pub(crate) fn wait_until_received(peers: &[TcpStream]) {
    eventually("the server's kernel has received everything", || {
        peers.iter().all(|peer| unacknowledged(peer) == 0)
    });
}

/// How many bytes were sent and have not been acknowledged. A connection that has ended in both directions has nothing in
/// its send queue.
pub(crate) fn unacknowledged(peer: &TcpStream) -> usize {
    let queue = send_queues().and_then(|queues| queues.of(peer));
    queue.map_or(0, |queue| queue.bytes)
}

/// How many bytes the other end, a socket of this machine, has sent and this one has no room for.
fn unechoed(peer: &TcpStream) -> usize {
    let (local, remote) = (peer.local_addr().unwrap(), peer.peer_addr().unwrap());
    let queues = send_queues();
    let queue = queues.and_then(|queues| queues.between(remote, local).ok());
    queue.map_or(0, |queue| queue.bytes)
}

/// `None` on systems other than Linux: there, loopback is trusted to have delivered what was written.
fn send_queues() -> Option<SendQueues> {
    let queues = SendQueues::open();
    assert!(queues.is_ok() || !cfg!(target_os = "linux"), "{queues:?}");
    queues.ok()
}
