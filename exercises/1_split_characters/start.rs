//! Exercise 1: this server blocks, as step 1 does, and handles text, as the Python server of chapter 1 does.
//!
//! Make it pass `mio-echo check --level 1`.
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
    let text = str::from_utf8(&buffer[..bytes]).map_err(io::Error::other)?;
    let _written = stream.write(text.as_bytes())?;
    Ok(bytes)
}
