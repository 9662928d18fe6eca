//! A server to compare with: a thread per connection, with nothing but std.
//!
//! build: rustc --edition 2024 -O -o threads threads.rs
//! run:   ./threads PORT

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// Connections that may wait to be accepted (listen(2)).
const BACKLOG: i32 = 4096;

/// Bytes per read, as in all of these servers.
const BUFFER: usize = 64 * 1024;

/// Bytes of a thread's stack: its calls are shallow, and its buffer is on the heap.
const STACK: usize = 64 * 1024;

/// How long to pause when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

unsafe extern "C" {
    safe fn listen(socket: i32, backlog: i32) -> i32;
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        return Err(io::Error::other("usage: threads PORT"));
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    // std sets a backlog of 128, with which a thousand peers that connect at once wait for a second and more. A second
    // call replaces it.
    if listen(listener.as_raw_fd(), BACKLOG) != 0 {
        return Err(io::Error::last_os_error());
    }
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, _)) => start(stream),
            // Either this connection failed, or there are no descriptors left.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Without a thread, the connection is closed.
fn start(stream: TcpStream) {
    // An error ends this connection and nothing else.
    let _closed = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || echo(stream).ok());
}

/// Echoes until end of file. Dropping the stream then sends the FIN after the last byte.
fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => stream.write_all(&buffer[..length])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
