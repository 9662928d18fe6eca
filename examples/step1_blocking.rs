//! Step 1: blocking calls, one peer at a time.
//!
//! This is the Python server of chapter 1 (`tests/blog/server.py`) without its threads, and without its two faults:
//! bytes are not decoded, and `write_all` repeats a partial write.
//!
//! Still wrong: `read` sleeps until *this* peer sends, and `write_all` until it reads. Until it leaves, all others wait
//! in the backlog. An error of one peer ends its connection, but an error of accept ends the server.
//!
//! Try: `cargo run --example step1_blocking`, then `nc 127.0.0.1 50007` in two terminals: the second gets no echo.
//! Check: `mio-echo check --level 1 -- target/debug/examples/step1_blocking 127.0.0.1:{port}`
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let listener = listen()?;
    loop {
        // Sleeps until a peer connects.
        let (stream, _peer) = listener.accept()?;
        // Until its FIN, or an error. Dropping the stream closes the connection.
        while matches!(echo(&stream), Ok(1..)) {}
    }
}

fn listen() -> io::Result<TcpListener> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Reads once and writes that. The result is that of the read: 0 is the peer's FIN.
fn echo(mut stream: &TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 16 * 1024];
    let bytes = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..bytes])?;
    Ok(bytes)
}
