//! One connection, from the client's side: which messages are in flight, what was sent, what was echoed.
//!
//! Pure, like `connection/` on the server's side: it knows no socket, clock or poll. Times come in when a message
//! starts, and go out when its echo is complete.
//!
//! ```text
//!   start_message ──► queued bytes ──► write ──► peer ──► read, verified ──► finish_message
//!     StartTimes ──────────────────────────────────────────────────────────► StartTimes
//! ```

use super::clock::Nanos;
use super::payload::{MAX_SLICE, Payload};
use super::verify::{Mismatch, Verify};
use crate::readiness::{EventFlags, Readiness};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

/// When a message should have started, when it did, and what of that is the generator's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StartTimes {
    /// When it was due; in the closed loop, when it started.
    pub(super) intended: Nanos,
    /// When its first byte was first offered to the kernel.
    pub(super) actual: Nanos,
    /// How much earlier the generator could have sent it; 0 in the closed loop.
    pub(super) lag: Nanos,
}

impl StartTimes {
    /// The times of a message that starts when it is due.
    pub(super) fn at(now: Nanos) -> Self {
        Self {
            intended: now,
            actual: now,
            lag: 0,
        }
    }
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionError {
    /// The peer sent FIN, although we have sent none.
    PeerFinished,
    /// Connecting, or the echo of a message, took longer than the timeout.
    TimedOut,
    /// A system call failed.
    Io(ErrorKind),
    /// The echo is not what was sent.
    Corrupted(Mismatch),
}

/// One connection to the server under load.
#[derive(Debug)]
pub(super) struct ClientConnection<S> {
    stream: S,
    /// Counted from 1 in the order of connecting.
    number: u64,
    readiness: Readiness,
    /// The offset in the payload at which this connection starts.
    payload_offset: u64,
    message_size: u64,
    /// Bytes of all messages started so far.
    queued: u64,
    /// Bytes that the kernel has accepted.
    sent: u64,
    /// Bytes echoed and verified.
    received: u64,
    /// The value of `received` at which the echo of the oldest message in flight is complete.
    next_boundary: u64,
    /// The messages in flight, oldest first.
    in_flight: VecDeque<StartTimes>,
    /// Messages whose echo is complete.
    finished: u64,
}

impl<S> ClientConnection<S> {
    /// The connection with this `number`, for messages of `size` bytes, at least 1.
    pub(super) fn new(stream: S, number: u64, size: usize) -> Self {
        Self {
            stream,
            number,
            readiness: Readiness::default(),
            payload_offset: Payload::offset_of(number),
            message_size: size as u64,
            queued: 0,
            sent: 0,
            received: 0,
            next_boundary: size as u64,
            in_flight: VecDeque::new(),
            finished: 0,
        }
    }

    /// Remembers an event.
    pub(super) fn note(&mut self, flags: EventFlags) {
        self.readiness.note(flags);
    }

    /// Queues one more message.
    pub(super) fn start_message(&mut self, times: StartTimes) {
        self.queued += self.message_size;
        self.in_flight.push_back(times);
    }

    /// Whether the echo of the oldest message is complete.
    pub(super) fn has_complete_echo(&self) -> bool {
        self.received >= self.next_boundary
    }

    /// Takes the oldest message if its echo is complete.
    pub(super) fn finish_message(&mut self) -> Option<StartTimes> {
        if !self.has_complete_echo() {
            return None;
        }
        self.next_boundary += self.message_size;
        self.finished += 1;
        self.in_flight.pop_front()
    }

    /// Whether a read or a write is worth a system call.
    pub(super) fn has_work(&self) -> bool {
        self.readiness.is_readable() || (self.sent < self.queued && self.readiness.is_writable())
    }

    /// The messages in flight, oldest first.
    pub(super) fn in_flight(&self) -> &VecDeque<StartTimes> {
        &self.in_flight
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The number of messages whose echo is complete.
    pub(super) fn finished(&self) -> u64 {
        self.finished
    }

    /// The number of bytes echoed and verified.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The number of bytes that the kernel has accepted.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The stream below.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> ClientConnection<S> {
    /// Reads at most once, into `buffer`, which must not be empty, and verifies the bytes.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        payload: &Payload,
        verify: Verify,
    ) -> Result<(), ConnectionError> {
        if !self.readiness.is_readable() {
            return Ok(());
        }
        let room = buffer.len().min(MAX_SLICE);
        let room = buffer.get_mut(..room).unwrap_or_default();
        match self.stream.read(room).map_err(|error| error.kind()) {
            Ok(0) => Err(ConnectionError::PeerFinished),
            Ok(bytes) => {
                self.readiness.on_read(bytes, room.len());
                self.check(room.get(..bytes).unwrap_or_default(), payload, verify)
            }
            Err(ErrorKind::WouldBlock) => {
                self.readiness.read_would_block();
                Ok(())
            }
            Err(ErrorKind::Interrupted) => Ok(()),
            Err(kind) => Err(ConnectionError::Io(kind)),
        }
    }

    fn check(
        &mut self,
        got: &[u8],
        payload: &Payload,
        verify: Verify,
    ) -> Result<(), ConnectionError> {
        let pending = self.sent - self.received;
        let length = pending.min(got.len() as u64);
        let expected = payload.slice(self.payload_offset + self.received, length);
        if let Some((index, byte)) = verify.first_wrong_byte(got, expected) {
            return Err(ConnectionError::Corrupted(Mismatch {
                connection: self.number,
                offset: self.received + index as u64,
                expected: expected.get(index).copied(),
                got: byte,
            }));
        }
        self.received += got.len() as u64;
        Ok(())
    }

    /// Writes queued bytes, at most once.
    pub(super) fn write(&mut self, payload: &Payload) -> Result<(), ConnectionError> {
        if self.sent == self.queued || !self.readiness.is_writable() {
            return Ok(());
        }
        let slice = payload.slice(self.payload_offset + self.sent, self.queued - self.sent);
        match self.stream.write(slice).map_err(|error| error.kind()) {
            Ok(bytes) => {
                self.readiness.on_write(bytes, slice.len());
                self.sent += bytes as u64;
                Ok(())
            }
            Err(ErrorKind::WouldBlock) => {
                self.readiness.write_would_block();
                Ok(())
            }
            Err(ErrorKind::Interrupted) => Ok(()),
            Err(kind) => Err(ConnectionError::Io(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Script;

    const TIMES: StartTimes = StartTimes {
        intended: 5,
        actual: 7,
        lag: 0,
    };

    const READABLE: EventFlags = EventFlags {
        readable: true,
        writable: false,
        read_closed: false,
        write_closed: false,
        error: false,
        priority: false,
    };

    /// A connection that has sent `messages` of 8 bytes, and whose peer has sent `echo`.
    fn echoed(messages: usize, echo: &[u8]) -> (ClientConnection<Script>, Payload) {
        let payload = Payload::new();
        let mut connection = ClientConnection::new(Script::new().reads(echo), 3, 8);
        for _ in 0..messages {
            connection.start_message(TIMES);
        }
        connection.write(&payload).unwrap();
        connection.note(READABLE);
        (connection, payload)
    }

    /// The first bytes that connection 3 sends.
    fn sent(bytes: u64) -> Vec<u8> {
        let start = Payload::offset_of(3);
        Payload::new().slice(start, bytes).to_vec()
    }

    fn read(
        connection: &mut ClientConnection<Script>,
        payload: &Payload,
    ) -> Result<(), ConnectionError> {
        connection.read(&mut [0; 64], payload, Verify::EveryByte)
    }

    fn mismatch(echo: &[u8]) -> Option<(u64, Option<u8>)> {
        let (mut connection, payload) = echoed(2, echo);
        match read(&mut connection, &payload) {
            Err(ConnectionError::Corrupted(it)) => Some((it.offset, it.expected)),
            _ => None,
        }
    }

    #[test]
    fn a_message_is_finished_when_its_last_byte_has_been_echoed() {
        let (mut connection, payload) = echoed(2, &sent(15));
        read(&mut connection, &payload).unwrap();
        assert_eq!(connection.finish_message(), Some(TIMES));
        assert_eq!(connection.finish_message(), None);
        assert_eq!(connection.in_flight().len(), 1);
        assert_eq!(connection.received(), 15);
    }

    #[test]
    fn refused_bytes_are_sent_later_in_order() {
        let payload = Payload::new();
        let script = Script::new().write_takes(3).write_blocks();
        let mut connection = ClientConnection::new(script, 3, 8);
        connection.start_message(TIMES);
        for _ in 0..4 {
            connection.write(&payload).unwrap();
            connection.note(EventFlags {
                writable: true,
                ..EventFlags::default()
            });
        }
        assert_eq!(connection.stream().written(), sent(8));
    }

    #[test]
    fn a_wrong_byte_is_reported_with_its_offset() {
        let mut wrong = sent(16);
        wrong[11] ^= 1;
        assert_eq!(mismatch(&wrong), Some((11, Some(sent(12)[11]))));
    }

    #[test]
    fn a_lost_byte_is_detected_where_it_is_missing() {
        for lost in 0..15 {
            let mut wrong = sent(16);
            wrong.remove(lost);
            assert_eq!(mismatch(&wrong).map(|it| it.0), Some(lost as u64));
        }
    }

    #[test]
    fn a_duplicated_byte_is_detected_behind_the_first() {
        for duplicated in 0..15 {
            let mut wrong = sent(16);
            wrong.insert(duplicated, wrong[duplicated]);
            let offset = mismatch(&wrong).map(|it| it.0);
            assert_eq!(offset, Some(duplicated as u64 + 1));
        }
    }

    #[test]
    fn swapped_neighbours_are_detected_at_the_first() {
        for first in 0..15 {
            let mut wrong = sent(16);
            wrong.swap(first, first + 1);
            assert_eq!(mismatch(&wrong).map(|it| it.0), Some(first as u64));
        }
    }

    #[test]
    fn more_than_was_sent_is_wrong_even_unverified() {
        let (mut connection, payload) = echoed(1, &sent(9));
        let result = connection.read(&mut [0; 64], &payload, Verify::Nothing);
        let expected = Mismatch {
            connection: 3,
            offset: 8,
            expected: None,
            got: sent(9)[8],
        };
        assert_eq!(result, Err(ConnectionError::Corrupted(expected)));
    }

    #[test]
    fn the_bytes_of_another_connection_are_wrong() {
        let start = Payload::offset_of(4);
        let other = Payload::new().slice(start, 16).to_vec();
        assert!(mismatch(&other).is_some());
    }

    #[test]
    fn a_parked_connection_has_no_work() {
        let (mut connection, payload) = echoed(1, &sent(8));
        assert!(connection.has_work());
        read(&mut connection, &payload).unwrap();
        read(&mut connection, &payload).unwrap(); // where a short read proves nothing
        assert!(!connection.has_work());
    }

    #[test]
    fn an_early_fin_and_an_io_error_fail_the_connection() {
        for (script, error) in [
            (Script::new().read_ends(), ConnectionError::PeerFinished),
            (
                Script::new().read_fails(ErrorKind::ConnectionReset),
                ConnectionError::Io(ErrorKind::ConnectionReset),
            ),
        ] {
            let mut connection = ClientConnection::new(script, 0, 8);
            connection.note(READABLE);
            assert_eq!(read(&mut connection, &Payload::new()), Err(error));
        }
    }
}
