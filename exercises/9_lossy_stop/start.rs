//! Exercise 9: the server of step 6, which loses bytes when it is stopped.
//!
//! Make it pass `mio-echo check --only stop-without-loss`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use mio::{Events, Interest, Poll, Token, event::Event, net::TcpListener, net::TcpStream};
use slab::Slab;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;
use std::{env, mem};

const LISTENER: Token = Token(usize::MAX); // the key of no connection
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
const PAUSE: Duration = Duration::from_millis(100); // before a failed accept is tried again

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>, // received and not yet written: at most one buffer
}

fn main() -> io::Result<()> {
    let mut listener = listen()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut connections, mut run_queue) = (Slab::new(), BTreeSet::new());
    let mut pause = None;
    loop {
        // Wait: sleep until something changes, but not while a connection is due a turn.
        let timeout = (!run_queue.is_empty()).then_some(Duration::ZERO).or(pause);
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => run_queue.extend(events.iter().map(Event::token)),
        }

        // Admit: accept until no peer is waiting.
        pause = loop {
            match listener.accept() {
                Ok((mut stream, _peer)) => {
                    let slot = connections.vacant_entry();
                    let (key, pending) = (Token(slot.key()), Vec::new());
                    if registry.register(&mut stream, key, BOTH).is_ok() {
                        slot.insert(Connection { stream, pending });
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(_) => break Some(PAUSE),
            }
        };

        // Serve: one turn for each connection on the run queue. What it leaves goes on the next one.
        for key in mem::take(&mut run_queue) {
            if let Some(connection) = connections.get_mut(key.0) {
                match connection.echo() {
                    Ok(1..) => drop(run_queue.insert(key)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => drop(connections.remove(key.0)),
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
