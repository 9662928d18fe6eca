//! Exercise 12: a thread for each connection, until the first error of accept.
//!
//! Make it pass `mio-echo check --only descriptor-limit`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    println!("listening on {}", listener.local_addr()?);
    while let Ok((stream, _peer)) = listener.accept() {
        thread::spawn(move || echo(&stream));
    }
    Ok(())
}

/// Serves a connection until the peer's FIN, or an error.
fn echo(mut stream: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            bytes => stream.write_all(&buffer[..bytes])?,
        }
    }
}
