//! Solution 11: a thread looks up the names, and a waker reports them.
#![allow(clippy::indexing_slicing)] // A call returns no more than its buffer holds.

use mio::{Events, Interest, Poll, Token, Waker, net::TcpListener, net::TcpStream};
use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

const LISTENER: Token = Token(0); // the key of no connection
const NAMES: Token = Token(1);
const JOBS: usize = 1024; // addresses that may wait for their name
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

type Job = (Token, SocketAddr);
type Name = (Token, String);

struct Connection {
    stream: TcpStream,
    name: Option<String>, // of the peer, once it is known
    pending: Vec<u8>,     // received and not yet written: at most one buffer
}

fn main() -> io::Result<()> {
    let mut listener = listen()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    let (jobs, names) = start_resolver(Waker::new(&registry, NAMES)?);
    let mut connections: HashMap<_, Connection> = HashMap::new();
    let mut next_key = NAMES.0 + 1;
    loop {
        // Wait: sleep until something changes.
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }

        // Admit: accept until no peer is waiting.
        loop {
            match listener.accept() {
                Ok((mut stream, peer)) => {
                    let (key, pending) = (Token(next_key), Vec::new());
                    next_key += 1;
                    registry.register(&mut stream, key, BOTH)?;
                    // At the bound a peer stays without a name: that is better than to wait.
                    let _full = jobs.try_send((key, peer));
                    let name = None;
                    connections.insert(
                        key,
                        Connection {
                            stream,
                            name,
                            pending,
                        },
                    );
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }

        // Names that have arrived, of connections that may be gone.
        for (key, name) in names.try_iter() {
            if let Some(connection) = connections.get_mut(&key) {
                connection.name = Some(name);
            }
        }

        // Serve: each connection that changed, until `WouldBlock`. What it leaves, no wait would report again.
        for event in &events {
            let key = event.token();
            while let Some(connection) = connections.get_mut(&key) {
                match connection.echo() {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Ok(0) | Err(_) => {
                        let name = connections.remove(&key).and_then(|gone| gone.name);
                        drop(name); // a server that logs would do it here
                    }
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

/// Starts the thread that may sleep. A key is never used again, so no name can reach the wrong connection.
fn start_resolver(waker: Waker) -> (SyncSender<Job>, Receiver<Name>) {
    let (jobs, queue) = mpsc::sync_channel(JOBS);
    let (done, names) = mpsc::channel();
    thread::spawn(move || {
        for (key, peer) in queue {
            // First the name, then the event.
            if done.send((key, look_up(peer))).is_err() || waker.wake().is_err() {
                return;
            }
        }
    });
    (jobs, names)
}

/// Stands for `getnameinfo`, which asks a server for the name that belongs to an address, and sleeps.
fn look_up(peer: SocketAddr) -> String {
    thread::sleep(Duration::from_millis(100));
    format!("peer-{}.example", peer.port())
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
