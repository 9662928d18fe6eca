//! One connection as a pure state machine: what it has received, what is pending, and what to do next.
//!
//! This module owns the rules of echoing over a stream that may refuse at any time. It knows no socket, no clock and
//! no poll. All its I/O goes through [`Stream`], so the tests can try every order of events in memory. Read it in this
//! order:
//!
//! 1. [`readiness`](crate::readiness): what the kernel last reported;
//! 2. [`phase`](self::Phase): where the connection is in its life;
//! 3. [`write_queue`](self::WriteQueue): the bytes that are pending;
//! 4. [`Connection::next_step`], which decides from these three and from nothing else, and the method for each step,
//!    which makes one system call.
//!
//! # A turn
//!
//! A turn has two halves, [`Connection::receive`] and [`Connection::echo`]. The bytes between them stay in the
//! caller's buffer: a loop that serves many connections lets all of them receive first, into one buffer, and then
//! lets all of them echo. A turn is bounded by its shape, not by a counter: at most two writes and one read. A
//! connection with more to do ends its turn with [`TurnEnd::Yielded`].
//!
//! ```
//! use mio_echo::connection::{Connection, Script, TurnEnd};
//! use mio_echo::readiness::EventFlags;
//!
//! // A stream that has "hello" to read and takes only two bytes of the echo.
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
mod failure;
#[cfg(test)]
mod interleavings;
mod phase;
mod script;
mod stream;
#[cfg(test)]
mod tests;
mod write_queue;

pub use event::ConnectionEvent;
pub use failure::IoFailure;
pub use phase::{Cause, Deadline, Phase, Reason};
pub use script::Script;
pub use stream::Stream;
pub use write_queue::WriteQueue;

use crate::readiness::{EventFlags, Readiness};
use std::io::{self, ErrorKind};

/// One connection to one peer, echoing.
///
/// Invariants, which hold after every turn:
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
    /// What the kernel has refused so far.
    queue: WriteQueue,
    /// Bytes received to be echoed; what is discarded while lingering does not count.
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
    /// Read and discard: our FIN is sent, nothing more can be echoed.
    Discard,
    /// Send our FIN.
    SendFin,
    /// Nothing, until the kernel reports a change.
    Park,
    /// Close the socket.
    Close(Reason),
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// Nothing more can be done now; an edge will come.
    Parked,
    /// There is more to do and no edge will come, so the caller must give the connection another turn.
    Yielded,
    /// The connection is over. Dropping the socket sends our FIN, unless it is already sent.
    Closed(Reason),
}

impl<S> Connection<S> {
    /// A connection that has just been established.
    pub fn new(stream: S) -> Self {
        Self::with_readiness(stream, Readiness::default())
    }

    /// A connection over a stream whose readiness follows other rules than a socket's on this system.
    pub fn with_readiness(stream: S, readiness: Readiness) -> Self {
        Self {
            stream,
            phase: Phase::Open,
            readiness,
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

    /// Remembers what an event reported. Returns whether the connection is now worth a turn.
    pub fn note(&mut self, flags: EventFlags) -> bool {
        self.readiness.note(flags);
        self.next_step() != Step::Park
    }

    /// A stop was requested: echo the `unread` bytes that the kernel has already received, then finish.
    pub fn drain(&mut self, unread: u32) {
        self.phase = self.phase.after(Cause::StopRequested { unread });
        self.readiness.assume_readable();
    }

    /// A deadline passed: give up, whatever is pending.
    pub fn time_out(&mut self, deadline: Deadline) {
        self.phase = self.phase.after(Cause::TimedOut(deadline));
    }

    /// Calls for one attempt in the direction that the connection waits for, although no event has reported it.
    ///
    /// A poll reports room to write only when a good part of the send buffer is free, but a write uses any room. So the
    /// attempt shows early that a slow reader makes progress.
    pub fn probe(&mut self) {
        if self.queue.is_empty() {
            self.readiness.assume_readable();
        } else {
            self.readiness.assume_writable();
        }
    }

    /// Where the connection is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the kernel last reported about its stream.
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

    /// Whether received bytes have not been written. A connection that ends in this state must be reset: an orderly end
    /// would tell the peer that it has everything.
    pub fn is_incomplete(&self) -> bool {
        self.bytes_in != self.bytes_out
    }

    /// The stream underneath.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream underneath, for other uses than reading and writing.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl Step {
    /// This step if its direction is ready, else nothing until the kernel reports that it is.
    fn when(self, ready: bool) -> Self {
        if ready { self } else { Self::Park }
    }
}

impl<S: Stream> Connection<S> {
    /// The first half of a turn: what is pending is written, then at most one read is made.
    ///
    /// Returns how many bytes were received; they are at the start of `buffer`, which must not be empty, and must be
    /// passed to [`echo`](Self::echo). Each event is passed to `emit` as it happens.
    pub fn receive(&mut self, buffer: &mut [u8], emit: &mut impl FnMut(ConnectionEvent)) -> usize {
        debug_assert!(!buffer.is_empty(), "an empty read would look like a FIN");
        if self.next_step() == Step::Flush {
            self.flush(emit);
        }
        match self.next_step() {
            Step::Read => return self.read(buffer, emit),
            Step::Discard => self.discard(buffer, emit),
            Step::SendFin => self.send_fin(emit),
            Step::Flush | Step::Park | Step::Close(_) => {}
        }
        0
    }

    /// The second half of a turn: `received` goes back to the peer, straight from the caller's buffer. Only what the
    /// kernel refuses is copied, to the connection's own queue.
    pub fn echo(&mut self, received: &[u8], emit: &mut impl FnMut(ConnectionEvent)) -> TurnEnd {
        if !received.is_empty() {
            self.write_through(received, emit);
        }
        match self.next_step() {
            Step::Park => TurnEnd::Parked,
            Step::Close(reason) => TurnEnd::Closed(reason),
            Step::Flush | Step::Read | Step::Discard | Step::SendFin => TurnEnd::Yielded,
        }
    }

    /// Both halves of a turn, for a caller that serves one connection and observes nothing.
    pub fn turn(&mut self, buffer: &mut [u8]) -> TurnEnd {
        let received = self.receive(buffer, &mut |_| {});
        self.echo(buffer.get(..received).unwrap_or_default(), &mut |_| {})
    }

    fn read(&mut self, buffer: &mut [u8], emit: &mut impl FnMut(ConnectionEvent)) -> usize {
        match self.stream.read(buffer) {
            Ok(0) => self.peer_finished(emit),
            Ok(bytes) => {
                self.readiness.on_read(bytes, buffer.len());
                self.bytes_in += bytes as u64;
                self.phase = self.phase.after(Cause::Received { bytes });
                emit(ConnectionEvent::Read { bytes });
                return bytes;
            }
            Err(error) => self.read_failed(&error, emit),
        }
        0
    }

    fn discard(&mut self, buffer: &mut [u8], emit: &mut impl FnMut(ConnectionEvent)) {
        match self.stream.read(buffer) {
            Ok(0) => self.peer_finished(emit),
            Ok(bytes) => {
                self.readiness.on_read(bytes, buffer.len());
                emit(ConnectionEvent::Discarded { bytes });
            }
            Err(error) => self.read_failed(&error, emit),
        }
    }

    fn write_through(&mut self, received: &[u8], emit: &mut impl FnMut(ConnectionEvent)) {
        let written = self.write(received, emit);
        let refused = received.get(written..).unwrap_or_default();
        if refused.is_empty() || matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        match self.queue.fill(refused) {
            Ok(()) => emit(ConnectionEvent::Queued {
                bytes: refused.len(),
            }),
            Err(_) => self.failed(IoFailure::Kind(ErrorKind::OutOfMemory)),
        }
    }

    fn flush(&mut self, emit: &mut impl FnMut(ConnectionEvent)) {
        // The queue is moved out, so that its bytes can be written without a copy.
        let queue = std::mem::take(&mut self.queue);
        let written = self.write(queue.pending(), emit);
        self.queue = queue;
        self.queue.advance(written);
    }

    /// One write. Returns how many of `bytes` the kernel took.
    fn write(&mut self, bytes: &[u8], emit: &mut impl FnMut(ConnectionEvent)) -> usize {
        match self.stream.write(bytes) {
            // No socket takes nothing of something without an error; treated as progress, it would spin.
            Ok(0) => self.failed(IoFailure::Kind(ErrorKind::WriteZero)),
            Ok(written) => {
                self.readiness.on_write(written, bytes.len());
                self.bytes_out += written as u64;
                emit(ConnectionEvent::Wrote {
                    bytes: written,
                    offered: bytes.len(),
                });
                return written;
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.readiness.write_would_block();
                    emit(ConnectionEvent::WriteWouldBlock);
                }
                ErrorKind::Interrupted => {}
                _ => self.failed((&error).into()),
            },
        }
        0
    }

    fn send_fin(&mut self, emit: &mut impl FnMut(ConnectionEvent)) {
        // shutdown(2) fails if the peer is already gone (ENOTCONN, ECONNRESET); the read that follows reports how.
        let _peer_is_gone = self.stream.send_fin();
        self.phase = self.phase.after(Cause::FinSent);
        emit(ConnectionEvent::FinSent);
    }

    fn peer_finished(&mut self, emit: &mut impl FnMut(ConnectionEvent)) {
        self.phase = self.phase.after(Cause::PeerFinished);
        emit(ConnectionEvent::PeerFinished);
    }

    fn read_failed(&mut self, error: &io::Error, emit: &mut impl FnMut(ConnectionEvent)) {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.readiness.read_would_block();
                emit(ConnectionEvent::ReadWouldBlock);
            }
            ErrorKind::Interrupted => {}
            _ => self.failed(error.into()),
        }
    }

    fn failed(&mut self, failure: IoFailure) {
        self.phase = self.phase.after(Cause::Failed(failure));
    }
}
