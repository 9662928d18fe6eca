//! Exercise 5: mio, as in step 5, but a long message comes back only in part.
//!
//! Make it pass `mio-echo check --level 5`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use mio::{Events, Interest, Poll, Token, net::TcpListener, net::TcpStream};
use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};

const LISTENER: Token = Token(0); // the key of no connection
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>, // received and not yet written: at most one buffer
}

fn main() -> io::Result<()> {
    let mut listener = listen()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = HashMap::new();
    let mut next_key = LISTENER.0 + 1;
    loop {
        // Wait: sleep until something changes.
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }

        // Admit: accept until no peer is waiting.
        loop {
            match listener.accept() {
                Ok((mut stream, _peer)) => {
                    let (key, pending) = (Token(next_key), Vec::new());
                    next_key += 1;
                    registry.register(&mut stream, key, BOTH)?;
                    connections.insert(key, Connection { stream, pending });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }

        // Serve: one turn for each connection that changed.
        for event in &events {
            let key = event.token();
            if let Some(connection) = connections.get_mut(&key) {
                match connection.echo() {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => drop(connections.remove(&key)),
                }
            }
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    let address = env::args().nth(1);
    let listener = std::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(TcpListener::from_std(listener))
}

impl Connection {
    /// Writes what is pending, then reads once and writes that. The result is that of the read: 0 is the peer's FIN.
    fn echo(&mut self) -> io::Result<usize> {
        self.send()?;
        let mut buffer = [0; 16 * 1024];
        let bytes = self.stream.read(&mut buffer)?;
        self.pending.extend_from_slice(&buffer[..bytes]);
        self.send()?;
        Ok(bytes)
    }

    /// Writes until nothing is pending, or until the kernel takes no more: `WouldBlock`.
    fn send(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let written = self.stream.write(&self.pending)?;
            self.pending.drain(..written);
        }
        Ok(())
    }
}
