//! Exercise 8: the server of step 6, which one peer too many ends.
//!
//! Make it pass `mio-echo check --level 6`.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use mio::{Events, Interest, Poll, Token, event::Event, net::TcpListener, net::TcpStream};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use std::{env, mem, net::Shutdown};

const LISTENER: Token = Token(usize::MAX); // the key of no connection
const SIGNALS: Token = Token(usize::MAX - 1);
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
const PAUSE: Duration = Duration::from_millis(100); // before a failed accept is tried again
const GRACE: Duration = Duration::from_secs(10); // how long a stop waits for the peers

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>, // received and not yet written: at most one buffer
}

fn main() -> io::Result<()> {
    let (mut signals, mut listener) = (Signals::new([SIGINT, SIGTERM])?, listen()?);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
    let (mut connections, mut run_queue) = (Slab::new(), BTreeSet::new());
    let (mut listener, mut pause, mut stop_by) = (Some(listener), None, None);
    while stop_by.is_none_or(|at| Instant::now() < at && !connections.is_empty()) {
        // Wait: sleep until something changes, but not while a connection is due a turn.
        let timeout = (!run_queue.is_empty()).then_some(Duration::ZERO).or(pause);
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => run_queue.extend(events.iter().map(Event::token)),
        }

        // Admit: accept until no peer is waiting.
        pause = loop {
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((mut stream, _peer))) => {
                    let slot = connections.vacant_entry();
                    let (key, pending) = (Token(slot.key()), Vec::new());
                    if registry.register(&mut stream, key, BOTH).is_ok() {
                        slot.insert(Connection { stream, pending });
                    }
                }
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => break None,
                Some(Err(error)) => return Err(error),
                None => break Some(PAUSE),
            }
        };
        // Stop: by now the backlog has been accepted. A last turn for all, also those without an event.
        if run_queue.remove(&SIGNALS) {
            stop_by.get_or_insert(Instant::now() + GRACE);
            (listener, pause) = (None, Some(PAUSE));
            run_queue.extend(connections.iter().map(|(key, _)| Token(key)));
        }

        // Serve: one turn for each connection on the run queue. What it leaves goes on the next one.
        for key in mem::take(&mut run_queue) {
            if let Some(connection) = connections.get_mut(key.0) {
                match connection.echo() {
                    Ok(1..) => drop(run_queue.insert(key)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if stop_by.is_some() && connection.pending.is_empty() {
                            let _failed = connection.stream.shutdown(Shutdown::Write);
                        }
                    }
                    Ok(0) | Err(_) => drop(connections.remove(key.0)),
                }
            }
        }
    }
    Ok(())
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
            match self.stream.write(&self.pending) {
                Ok(written) => drop(self.pending.drain(..written)),
                // After our FIN. What the peer still sends is discarded, until its own FIN ends the connection.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.pending.clear(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
