//! A peer to be measured against: a thread per connection, with what std has to offer.
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

/// Bytes read at once; the same in all peers.
const BUFFER: usize = 64 * 1024;

/// Bytes of a thread's stack: it calls little, and its buffer is on the heap.
const STACK: usize = 64 * 1024;

/// How long to wait for resources, such as descriptors, to become free.
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
    // std chooses a backlog of 128, with which a thousand peers that come at once wait for a second and
    // more. A second call replaces it.
    if listen(listener.as_raw_fd(), BACKLOG) != 0 {
        return Err(io::Error::last_os_error());
    }
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, _)) => start(stream),
            // Either this one peer is gone, or there are no descriptors left.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// If no thread is to be had, this one peer is refused.
fn start(stream: TcpStream) {
    // A peer that breaks off is its own affair.
    let _refused = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || echo(stream).ok());
}

/// Gives everything back. At the end of the input the stream is dropped, which sends the FIN behind it.
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
