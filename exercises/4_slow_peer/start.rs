//! Exercise 4: epoll(7) and pending bytes, as in step 4, but no event is asked for that they wait for.
//!
//! Make it pass `mio-echo check --level 4`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::retry_on_intr;
use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

const LISTENER: EventData = EventData::new_u64(0); // the key of no connection

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>, // received and not yet written: at most one buffer
}

fn main() -> io::Result<()> {
    let listener = listen()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, LISTENER, EventFlags::IN)?;
    let mut events = Vec::with_capacity(1024);
    let mut connections = HashMap::new();
    let mut next_key = LISTENER.u64() + 1;
    loop {
        // Wait: sleep until a call would not block.
        events.clear();
        retry_on_intr(|| epoll::wait(&epoll, spare_capacity(&mut events), None))?;

        // Admit: accept until no peer is waiting.
        loop {
            match listener.accept() {
                Ok((stream, _peer)) => {
                    stream.set_nonblocking(true)?;
                    let (key, pending) = (EventData::new_u64(next_key), Vec::new());
                    next_key += 1;
                    epoll::add(&epoll, &stream, key, EventFlags::IN)?;
                    connections.insert(key, Connection { stream, pending });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }

        // Serve: one turn for each connection that is ready. What it leaves, the next wait reports again.
        for event in &events {
            let key = event.data;
            if let Some(connection) = connections.get_mut(&key)
                && !goes_on(&connection.echo())
            {
                connections.remove(&key);
            }
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:50007"))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
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

/// Whether a connection goes on. It is over after the peer's FIN, and after an error; `WouldBlock` is none.
fn goes_on(result: &io::Result<usize>) -> bool {
    match result {
        Ok(bytes) => *bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
