//! Solution 12: errors of accept and of the start of a thread end neither the server nor the others.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(100); // before a failed accept is tried again

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let started = listener.accept().and_then(|(stream, _peer)| {
            // A failure drops the stream, and that ends the one connection.
            thread::Builder::new().spawn(move || echo(&stream))
        });
        if started.is_err() {
            // Most likely there are no descriptors or no threads left, until a connection ends.
            thread::sleep(PAUSE);
        }
    }
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
