//! Exercise 3: poll(2), as in step 3, but it hardly ever sleeps.
//!
//! Make it pass `mio-echo check --level 3`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use rustix::event::{PollFd, PollFlags, poll};
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let listener = listen()?;
    let mut connections = Vec::new();
    loop {
        // Wait: sleep until an accept or a read would not block.
        let mut sources = vec![PollFd::new(&listener, PollFlags::IN)];
        for stream in &connections {
            sources.push(PollFd::new(stream, PollFlags::IN | PollFlags::OUT));
        }
        poll(&mut sources, None)?;
        let is_ready = |source: &PollFd<'_>| !source.revents().is_empty();
        let ready: Vec<bool> = sources.iter().skip(1).map(is_ready).collect();
        let mut ready = ready.into_iter();

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

        // Serve: try each connection that is ready, and keep those that are not over.
        connections.retain(|stream| ready.next() != Some(true) || goes_on(&echo(stream)));
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

/// Writes all of the bytes, and sleeps while the kernel has no room for them.
fn send(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&stream, PollFlags::OUT)], None)?;
            }
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
