//! One accepted connection, as the servers of the laboratory see it: system calls that are written down,
//! and the bytes that are owed.

use crate::trace::{Event, Lane};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

/// A connection, with what the experiments want to know of it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pub(crate) lane: Lane,
    /// Where it came from.
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    /// What the kernel refused so far. Bounded by nothing: that is one of the mistakes to be made.
    owed: VecDeque<u8>,
    /// What happened and stands in no journal yet.
    facts: Vec<(Instant, Event)>,
    /// What the server takes the socket to be ready for: to be read, to be written.
    belief: (bool, bool),
    /// The kind of the error that broke the connection.
    broken: Option<ErrorKind>,
}

/// What one connection has moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Bytes read.
    pub(crate) heard: usize,
    /// Bytes that the kernel took for the peer.
    pub(crate) written: usize,
    /// Bytes in the write queue.
    pub(crate) owed: usize,
    /// The most that the write queue ever held.
    pub(crate) most_owed: usize,
    /// Whether a read has met the peer's FIN.
    pub(crate) fin_met: bool,
    /// Whether our FIN is out while the peer may still speak.
    pub(crate) fin_sent: bool,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// Some bytes.
    Bytes(&'a [u8]),
    /// `WouldBlock`, or an error that the bench will see to.
    Nothing,
    /// The peer's FIN.
    Fin,
}

impl Peer {
    pub(crate) fn new(socket: TcpStream, lane: Lane, address: SocketAddr) -> Self {
        Self {
            socket,
            lane,
            address,
            ledger: Ledger::default(),
            owed: VecDeque::new(),
            facts: vec![(Instant::now(), Event::Accepted { peer: address })],
            belief: (false, true),
            broken: None,
        }
    }

    /// One read(2).
    pub(crate) fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Heard<'a> {
        match uninterrupted(|| self.socket.read(buffer)) {
            Ok(0) => {
                self.ledger.fin_met = true;
                self.happened(Event::PeerFinished);
                Heard::Fin
            }
            Ok(bytes) => {
                self.ledger.heard += bytes;
                self.happened(Event::Read { bytes });
                Heard::Bytes(buffer.get(..bytes).unwrap_or_default())
            }
            Err(error) => {
                self.failed(&error, Event::ReadWouldBlock);
                Heard::Nothing
            }
        }
    }

    /// One write(2). Returns how many of the `bytes` the kernel took.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let offered = bytes.len();
        match uninterrupted(|| self.socket.write(bytes)) {
            Ok(bytes) => {
                self.ledger.written += bytes;
                self.happened(Event::Wrote { bytes, offered });
                bytes
            }
            Err(error) => {
                self.failed(&error, Event::WriteWouldBlock);
                0
            }
        }
    }

    /// Keeps `bytes` until a [`flush`](Self::flush).
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.owed.extend(bytes);
        self.ledger.owed = self.owed.len();
        self.ledger.most_owed = self.ledger.most_owed.max(self.owed.len());
        self.happened(Event::Queued {
            bytes: self.owed.len(),
        });
    }

    /// Writes what is owed, until nothing is or the kernel refuses.
    pub(crate) fn flush(&mut self) {
        let mut owed = mem::take(&mut self.owed);
        while let (front @ [_, ..], _) = owed.as_slices() {
            let offered = front.len();
            let written = self.write(front);
            owed.drain(..written);
            if written < offered {
                break;
            }
        }
        self.ledger.owed = owed.len();
        self.owed = owed;
    }

    /// Answers as it should be done: straight through, behind what is owed already; the rest is kept.
    pub(crate) fn echo(&mut self, bytes: &[u8]) {
        let written = if self.owes() { 0 } else { self.write(bytes) };
        self.queue(bytes.get(written..).unwrap_or_default());
    }

    /// Whether bytes wait in the write queue.
    pub(crate) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Sends our FIN and goes on reading (shutdown(2), `SHUT_WR`).
    pub(crate) fn send_fin(&mut self) {
        match self.socket.shutdown(Shutdown::Write) {
            Ok(()) => {
                self.ledger.fin_sent = true;
                self.happened(Event::FinSent);
            }
            Err(error) => self.broken = Some(error.kind()),
        }
    }

    /// What the server now takes the socket to be ready for.
    pub(crate) fn believe(&mut self, readable: bool, writable: bool) {
        if self.belief != (readable, writable) {
            self.belief = (readable, writable);
            self.happened(Event::ReadinessChanged { readable, writable });
        }
    }

    /// The record of its end.
    pub(crate) fn closed(&self, reason: &str) -> Event {
        Event::Closed {
            reason: reason.to_owned(),
            bytes_in: self.ledger.heard as u64,
            bytes_out: self.ledger.written as u64,
        }
    }

    /// Why the connection cannot go on, if an error has broken it.
    pub(crate) fn broken(&self) -> Option<ErrorKind> {
        self.broken
    }

    /// Hands over what happened since the last time.
    pub(crate) fn take_facts(&mut self) -> Vec<(Instant, Event)> {
        mem::take(&mut self.facts)
    }

    fn happened(&mut self, event: Event) {
        self.facts.push((Instant::now(), event));
    }

    fn failed(&mut self, error: &io::Error, would_block: Event) {
        match error.kind() {
            ErrorKind::WouldBlock => self.happened(would_block),
            kind => self.broken = Some(kind),
        }
    }
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
