//! Exercise 2: non-blocking, as step 2, but a peer that pauses finds its connection closed.
//!
//! Make it pass `mio-echo check --level 2`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let listener = listen()?;
    let mut connections = Vec::new();
    loop {
        // Admit: accept until no peer is waiting.
        loop {
            match listener.accept() {
                Ok((stream, _peer)) => {
                    stream.set_nonblocking(true)?;
                    connections.push(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }

        // Serve: try each connection, and keep those that are not over.
        connections.retain(|stream| goes_on(&echo(stream)));
    }
}

fn listen() -> io::Result<TcpListener> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Reads once and writes that. The result is that of the read: 0 is the peer's FIN.
fn echo(mut stream: &TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 16 * 1024];
    let bytes = stream.read(&mut buffer)?;
    send(stream, &buffer[..bytes])?;
    Ok(bytes)
}

/// Writes all of the bytes, and tries again while the kernel has no room for them.
fn send(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a connection goes on. It is over after the peer's FIN, and after an error.
fn goes_on(result: &io::Result<usize>) -> bool {
    matches!(result, Ok(1..))
}
