//! ONE connection: what has it received, what does it owe, what is worth doing next?
//!
//! This module owns the rules of echoing over a stream that may refuse at any time. It knows no
//! socket, no clock and no poll: everything it touches comes in through [`Stream`], so every order of
//! events can be tried in memory. Read it in this order:
//!
//! 1. [`readiness`](self::Readiness): what the kernel last said;
//! 2. [`phase`](self::Phase): where the connection stands;
//! 3. [`write_queue`](self::WriteQueue): what it owes;
//! 4. [`Connection::next_step`], which decides from these three and from nothing else, and the method
//!    for each step, which does one system call.
//!
//! # A turn
//!
//! A turn has two halves, [`Connection::hear`] and [`Connection::answer`]. The bytes between them stay
//! in the caller's buffer: whoever serves many connections lets all of them hear first, into one
//! buffer, and then all of them answer. A turn is bounded by its shape, not by a counter: at most two
//! writes and one read. Whoever has more to do says so with [`TurnEnd::Yielded`].
//!
//! ```
//! use mio_echo::connection::{Connection, Phase, Script, TurnEnd};
//! use mio_echo::readiness::EventFlags;
//!
//! // A stream that has "hello" to read and takes only two bytes of the answer.
//! let script = Script::new().reads(b"hello").write_takes(2).write_blocks();
//! let mut connection = Connection::new(script);
//! let mut buffer = [0; 1024];
//!
//! connection.note(EventFlags { readable: true, ..EventFlags::default() });
//! assert_eq!(connection.turn(&mut buffer), TurnEnd::Parked);
//! assert_eq!(connection.stream().written(), b"he");
//! assert_eq!(connection.pending(), 3);
//!
//! // The kernel reports room again: what is pending goes out first.
//! connection.note(EventFlags { writable: true, ..EventFlags::default() });
//! connection.turn(&mut buffer);
//! connection.note(EventFlags { writable: true, ..EventFlags::default() });
//! connection.turn(&mut buffer);
//! assert_eq!(connection.stream().written(), b"hello");
//! ```

mod event;
#[cfg(test)]
mod interleavings;
mod phase;
mod script;
mod write_queue;

pub use event::ConnectionEvent;
pub use phase::{Cause, Phase, Reason};
pub use script::Script;
pub use write_queue::WriteQueue;

use crate::readiness::{EventFlags, Readiness};
use std::io::{self, ErrorKind, Read, Write};

/// What a connection speaks through: a byte stream whose two directions end separately.
///
/// No call may block: what cannot be done now is [`ErrorKind::WouldBlock`].
pub trait Stream: Read + Write {
    /// Sends our FIN: nothing more will be written, reading goes on (shutdown(2), `SHUT_WR`).
    ///
    /// # Errors
    ///
    /// As shutdown(2): the peer may already be gone.
    fn send_fin(&mut self) -> io::Result<()>;
}

/// One connection to one peer, echoing.
///
/// Invariants, held after every turn:
///
/// - bytes received = bytes written + bytes pending, as long as no write has failed;
/// - what was written is a prefix of what was received;
/// - no more is pending than one read brought in;
/// - a parked connection wants no direction that is ready.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    phase: Phase,
    readiness: Readiness,
    /// What the kernel refused to take so far.
    queue: WriteQueue,
    /// Bytes received and to be echoed; what is discarded while lingering does not count.
    bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    bytes_out: u64,
}

/// What is worth doing next: the decision, without the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Write what is pending.
    Flush,
    /// Read what is to be echoed.
    Read,
    /// Read what nobody will echo any more.
    Discard,
    /// Tell the peer that nothing more will come.
    SendFin,
    /// Nothing, until the kernel reports a change.
    Park,
    /// Let go of the socket.
    Close(Reason),
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// Nothing more can be done; an edge will come.
    Parked,
    /// There is more to do: no edge will come, so the caller owes another turn.
    Yielded,
    /// Over. Dropping the socket sends our FIN, if it is not out already.
    Closed(Reason),
}

impl<S> Connection<S> {
    /// A connection that has just been established.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            phase: Phase::Open,
            readiness: Readiness::default(),
            queue: WriteQueue::default(),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// What the phase, the readiness and the queue call for, and nothing else.
    pub fn next_step(&self) -> Step {
        match self.phase {
            Phase::Closed(reason) => Step::Close(reason),
            Phase::Open | Phase::Draining { .. } if !self.queue.is_empty() => {
                Step::Flush.when(self.readiness.is_writable())
            }
            Phase::Open => Step::Read.when(self.readiness.is_readable()),
            Phase::Draining { unread: 1.. } if self.readiness.is_readable() => Step::Read,
            Phase::Draining { .. } => Step::SendFin,
            Phase::Lingering => Step::Discard.when(self.readiness.is_readable()),
        }
    }

    /// Remembers what an event said. Returns whether the connection is now worth a turn.
    pub fn note(&mut self, hints: EventFlags) -> bool {
        self.readiness.note(hints);
        self.next_step() != Step::Park
    }

    /// A stop was requested: echo the bytes that the kernel has already `received`, then finish.
    pub fn drain(&mut self, received: u32) {
        self.phase = self.phase.after(Cause::StopRequested { received });
        self.readiness.assume_readable();
    }

    /// A deadline passed: give up, whatever is pending.
    pub fn expire(&mut self) {
        self.phase = self.phase.after(Cause::Expired);
    }

    /// Where the connection stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What it believes of its socket.
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// Bytes received to be echoed.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Bytes written to the peer.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Bytes that wait in the write queue.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// The stream underneath.
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl Step {
    /// This step if its direction is ready, else nothing until the kernel says that it is.
    fn when(self, ready: bool) -> Self {
        if ready { self } else { Self::Park }
    }
}

impl<S: Stream> Connection<S> {
    /// The first half of a turn: what is pending goes out, then at most one read comes in.
    ///
    /// Returns how many bytes were received; they stand at the start of `buffer`, which must not be
    /// empty, and are to be handed to [`answer`](Self::answer). Each fact is told as it happens.
    pub fn receive(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(ConnectionEvent)) -> usize {
        debug_assert!(!buffer.is_empty(), "an empty read would look like a FIN");
        if self.next_step() == Step::Flush {
            self.flush(tell);
        }
        match self.next_step() {
            Step::Read => return self.read(buffer, tell),
            Step::Discard => self.discard(buffer, tell),
            Step::SendFin => self.send_fin(tell),
            Step::Flush | Step::Park | Step::Close(_) => {}
        }
        0
    }

    /// The second half of a turn: `received` goes back to the peer, straight from the caller's buffer.
    /// Only what the kernel refuses is copied, to the connection's own queue.
    pub fn echo(&mut self, received: &[u8], tell: &mut impl FnMut(ConnectionEvent)) -> TurnEnd {
        if !received.is_empty() {
            self.write_through(received, tell);
        }
        match self.next_step() {
            Step::Park => TurnEnd::Parked,
            Step::Close(reason) => TurnEnd::Closed(reason),
            Step::Flush | Step::Read | Step::Discard | Step::SendFin => TurnEnd::Yielded,
        }
    }

    /// Both halves of a turn, for whoever serves one connection and observes nothing.
    pub fn turn(&mut self, buffer: &mut [u8]) -> TurnEnd {
        let received = self.receive(buffer, &mut |_| {});
        self.echo(buffer.get(..received).unwrap_or_default(), &mut |_| {})
    }

    fn read(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(ConnectionEvent)) -> usize {
        match self.stream.read(buffer) {
            Ok(0) => self.peer_finished(tell),
            Ok(bytes) => {
                self.readiness.on_read(bytes, buffer.len());
                self.bytes_in += bytes as u64;
                self.phase = self.phase.after(Cause::Received { bytes });
                tell(ConnectionEvent::Read { bytes });
                return bytes;
            }
            Err(error) => self.read_failed(&error, tell),
        }
        0
    }

    fn discard(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(ConnectionEvent)) {
        match self.stream.read(buffer) {
            Ok(0) => self.peer_finished(tell),
            Ok(bytes) => {
                self.readiness.on_read(bytes, buffer.len());
                tell(ConnectionEvent::Discarded { bytes });
            }
            Err(error) => self.read_failed(&error, tell),
        }
    }

    fn write_through(&mut self, received: &[u8], tell: &mut impl FnMut(ConnectionEvent)) {
        let written = self.write(received, tell);
        let refused = received.get(written..).unwrap_or_default();
        if !refused.is_empty() && !matches!(self.phase, Phase::Closed(_)) {
            self.queue.fill(refused);
            tell(ConnectionEvent::Queued {
                bytes: refused.len(),
            });
        }
    }

    fn flush(&mut self, tell: &mut impl FnMut(ConnectionEvent)) {
        // The queue steps aside, so that its bytes can be written without a copy.
        let queue = std::mem::take(&mut self.queue);
        let written = self.write(queue.pending(), tell);
        self.queue = queue;
        self.queue.advance(written);
    }

    /// One write. Returns how many of `bytes` the kernel took.
    fn write(&mut self, bytes: &[u8], tell: &mut impl FnMut(ConnectionEvent)) -> usize {
        match self.stream.write(bytes) {
            // No socket answers a write of something with nothing; taken as progress, it would spin.
            Ok(0) => self.failed(ErrorKind::WriteZero),
            Ok(written) => {
                self.readiness.on_write(written, bytes.len());
                self.bytes_out += written as u64;
                tell(ConnectionEvent::Wrote {
                    bytes: written,
                    offered: bytes.len(),
                });
                return written;
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.readiness.write_would_block();
                    tell(ConnectionEvent::WriteWouldBlock);
                }
                ErrorKind::Interrupted => {}
                kind => self.failed(kind),
            },
        }
        0
    }

    fn send_fin(&mut self, tell: &mut impl FnMut(ConnectionEvent)) {
        // A peer that is already gone makes shutdown(2) fail (ENOTCONN, ECONNRESET); what became of
        // it is told by the read that follows.
        let _gone = self.stream.send_fin();
        self.phase = self.phase.after(Cause::FinSent);
        tell(ConnectionEvent::FinSent);
    }

    fn peer_finished(&mut self, tell: &mut impl FnMut(ConnectionEvent)) {
        self.phase = self.phase.after(Cause::PeerFinished);
        tell(ConnectionEvent::PeerFinished);
    }

    fn read_failed(&mut self, error: &io::Error, tell: &mut impl FnMut(ConnectionEvent)) {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.readiness.read_would_block();
                tell(ConnectionEvent::ReadWouldBlock);
            }
            ErrorKind::Interrupted => {}
            kind => self.failed(kind),
        }
    }

    fn failed(&mut self, kind: ErrorKind) {
        self.phase = self.phase.after(Cause::Failed(kind));
    }
}
