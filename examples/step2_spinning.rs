//! Step 2: non-blocking calls, all peers, no sleep.
//!
//! New: a call that would have to sleep fails with `WouldBlock`, "not yet", so one thread can try the listener and all
//! connections in turn. `write_all` gives up at `WouldBlock` and loses what is left, so `send` takes its place.
//!
//! Still wrong: the loop never sleeps, and uses a whole core while nothing happens. And `send` insists: while one peer
//! does not read, no other is served.
//!
//! Try: `cargo run --example step2_spinning`, `nc 127.0.0.1 50007` in two terminals, and `top` in a third.
//! Check: `mio-echo check --level 2 -- target/debug/examples/step2_spinning 127.0.0.1:{port}`
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

/// Whether a connection goes on. It is over after the peer's FIN, and after an error; `WouldBlock` is none.
fn goes_on(result: &io::Result<usize>) -> bool {
    match result {
        Ok(bytes) => *bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
