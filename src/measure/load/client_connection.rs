//! One connection, seen from the client's side: what is due, what was sent, what came back.
//!
//! Pure, as `connection/` is: it knows no socket, no clock and no poll. Time comes in as a [`Nanos`] from
//! whoever starts a message and goes out again with the message that is finished.
//!
//! ```text
//!   begun ──► due bytes ──► write ──► peer ──► read, compared with the payload ──► finished
//!        stamp ───────────────────────────────────────────────────────────────► stamp
//! ```

use super::payload::{MAX_SLICE, Payload};
use super::verify::{Difference, Verify};
use crate::readiness::{EventFlags, Readiness};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// Nanoseconds since the load began.
pub(super) type Nanos = u64;

/// When a message was meant to start, and when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StartTimes {
    /// When the schedule wanted it; without a schedule, when it started.
    pub(super) intended: Nanos,
    /// When its first byte was offered to the kernel.
    pub(super) started: Nanos,
}

impl StartTimes {
    /// Started when it was meant to.
    pub(super) fn at(now: Nanos) -> Self {
        Self {
            intended: now,
            started: now,
        }
    }
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionError {
    /// The peer's FIN came before its answers.
    PeerFinished,
    /// A system call failed for good.
    Failed(ErrorKind),
    /// What came back is not what was sent.
    Differs(Difference),
}

/// One connection to the server under load.
#[derive(Debug)]
pub(super) struct ClientConnection<S> {
    stream: S,
    readiness: Readiness,
    /// Where on the payload it begins.
    start: u64,
    /// Bytes of one message.
    size: u64,
    /// Bytes of the messages that were begun.
    due: u64,
    /// Bytes that the kernel took.
    sent: u64,
    /// Bytes that came back, and were right.
    received: u64,
    /// After how many received bytes the oldest message is finished.
    next_boundary: u64,
    /// The messages in flight, oldest first.
    in_flight: VecDeque<StartTimes>,
    finished: u64,
}

impl<S> ClientConnection<S> {
    /// The connection with this `number`, in messages of `size` bytes, at least 1.
    pub(super) fn new(stream: S, number: u64, size: usize) -> Self {
        Self {
            stream,
            readiness: Readiness::default(),
            start: Payload::start_of(number),
            size: size as u64,
            due: 0,
            sent: 0,
            received: 0,
            next_boundary: size as u64,
            in_flight: VecDeque::new(),
            finished: 0,
        }
    }

    /// Remembers what an event said.
    pub(super) fn note(&mut self, hints: EventFlags) {
        self.readiness.note(hints);
    }

    /// One more message is to be sent.
    pub(super) fn begin(&mut self, stamp: StartTimes) {
        self.due += self.size;
        self.in_flight.push_back(stamp);
    }

    /// Whether all of the oldest message has come back.
    pub(super) fn has_finished(&self) -> bool {
        self.received >= self.next_boundary
    }

    /// The oldest message, if all of it has come back.
    pub(super) fn finish(&mut self) -> Option<StartTimes> {
        if !self.has_finished() {
            return None;
        }
        self.next_boundary += self.size;
        self.finished += 1;
        self.in_flight.pop_front()
    }

    /// Whether a read or a write is worth a system call.
    pub(super) fn has_work(&self) -> bool {
        self.readiness.is_readable() || (self.sent < self.due && self.readiness.is_writable())
    }

    /// When the messages in flight were due.
    pub(super) fn in_flight_since(&self) -> impl Iterator<Item = Nanos> {
        self.in_flight.iter().map(|stamp| stamp.intended)
    }

    /// Messages that were begun and are not finished.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The message that has been in flight for the longest time.
    pub(super) fn oldest(&self) -> Option<StartTimes> {
        self.in_flight.front().copied()
    }

    /// Messages that have come back.
    pub(super) fn finished(&self) -> u64 {
        self.finished
    }

    /// Bytes that have come back.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that the kernel took.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The stream underneath.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Read + Write> ClientConnection<S> {
    /// At most one read, into `buffer`, which must not be empty.
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
        match self.stream.read(room) {
            Ok(0) => Err(ConnectionError::PeerFinished),
            Ok(bytes) => {
                self.readiness.on_read(bytes, room.len());
                self.check(room.get(..bytes).unwrap_or_default(), payload, verify)
            }
            Err(error) => self.read_failed(error.kind()),
        }
    }

    fn read_failed(&mut self, kind: ErrorKind) -> Result<(), ConnectionError> {
        match kind {
            ErrorKind::WouldBlock => self.readiness.read_would_block(),
            ErrorKind::Interrupted => {}
            kind => return Err(ConnectionError::Failed(kind)),
        }
        Ok(())
    }

    fn check(
        &mut self,
        got: &[u8],
        payload: &Payload,
        verify: Verify,
    ) -> Result<(), ConnectionError> {
        let owed = self.sent - self.received;
        let expected = payload.slice(self.start + self.received, owed.min(got.len() as u64));
        if let Some(difference) = verify.difference(got, expected, self.received) {
            return Err(ConnectionError::Differs(difference));
        }
        self.received += got.len() as u64;
        Ok(())
    }

    /// At most one write, of what is due.
    pub(super) fn write(&mut self, payload: &Payload) -> Result<(), ConnectionError> {
        if self.sent == self.due || !self.readiness.is_writable() {
            return Ok(());
        }
        let slice = payload.slice(self.start + self.sent, self.due - self.sent);
        match self.stream.write(slice) {
            Ok(bytes) => {
                self.readiness.on_write(bytes, slice.len());
                self.sent += bytes as u64;
                Ok(())
            }
            Err(error) => self.write_failed(&error),
        }
    }

    fn write_failed(&mut self, error: &io::Error) -> Result<(), ConnectionError> {
        match error.kind() {
            ErrorKind::WouldBlock => self.readiness.write_would_block(),
            ErrorKind::Interrupted => {}
            kind => return Err(ConnectionError::Failed(kind)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Script;

    const NOW: StartTimes = StartTimes {
        intended: 5,
        started: 7,
    };

    /// A connection that has sent `messages` of 8 bytes, and whose peer answers with `answer`.
    fn answered(messages: usize, answer: &[u8]) -> (ClientConnection<Script>, Payload) {
        let payload = Payload::new();
        let mut connection = ClientConnection::new(Script::new().reads(answer), 3, 8);
        for _ in 0..messages {
            connection.begin(NOW);
        }
        connection.write(&payload).unwrap();
        connection.note(EventFlags {
            readable: true,
            ..EventFlags::default()
        });
        (connection, payload)
    }

    fn right(bytes: u64) -> Vec<u8> {
        Payload::new().slice(Payload::start_of(3), bytes).to_vec()
    }

    fn read(
        connection: &mut ClientConnection<Script>,
        payload: &Payload,
    ) -> Result<(), ConnectionError> {
        connection.read(&mut [0; 64], payload, Verify::EveryByte)
    }

    fn difference(answer: &[u8]) -> Option<(u64, Option<u8>)> {
        let (mut connection, payload) = answered(2, answer);
        match read(&mut connection, &payload) {
            Err(ConnectionError::Differs(it)) => Some((it.offset, it.expected)),
            _ => None,
        }
    }

    #[test]
    fn a_message_is_finished_when_its_last_byte_has_come_back() {
        let (mut connection, payload) = answered(2, &right(15));
        read(&mut connection, &payload).unwrap();
        assert_eq!(connection.finish(), Some(NOW));
        assert_eq!(connection.finish(), None);
        assert_eq!(connection.in_flight(), 1);
        assert_eq!(connection.received(), 15);
    }

    #[test]
    fn what_was_refused_is_sent_later_from_the_same_place() {
        let payload = Payload::new();
        let script = Script::new().write_takes(3).write_blocks();
        let mut connection = ClientConnection::new(script, 3, 8);
        connection.begin(NOW);
        for _ in 0..4 {
            connection.write(&payload).unwrap();
            connection.note(EventFlags {
                writable: true,
                ..EventFlags::default()
            });
        }
        assert_eq!(connection.stream().written(), right(8));
    }

    #[test]
    fn a_wrong_byte_is_named_with_its_offset() {
        let mut wrong = right(16);
        wrong[11] ^= 1;
        assert_eq!(difference(&wrong), Some((11, Some(right(12)[11]))));
    }

    #[test]
    fn a_lost_byte_is_noticed_where_it_is_missing() {
        for lost in 0..15 {
            let mut wrong = right(16);
            wrong.remove(lost);
            assert_eq!(difference(&wrong).map(|it| it.0), Some(lost as u64));
        }
    }

    #[test]
    fn a_doubled_byte_is_noticed_behind_the_first() {
        for doubled in 0..15 {
            let mut wrong = right(16);
            wrong.insert(doubled, wrong[doubled]);
            assert_eq!(difference(&wrong).map(|it| it.0), Some(doubled as u64 + 1));
        }
    }

    #[test]
    fn swapped_neighbours_are_noticed_at_the_first() {
        for first in 0..15 {
            let mut wrong = right(16);
            wrong.swap(first, first + 1);
            assert_eq!(difference(&wrong).map(|it| it.0), Some(first as u64));
        }
    }

    #[test]
    fn more_than_was_sent_is_wrong_even_unverified() {
        let (mut connection, payload) = answered(1, &right(9));
        let broken = connection.read(&mut [0; 64], &payload, Verify::Nothing);
        let expected = Difference {
            offset: 8,
            expected: None,
            got: right(9)[8],
        };
        assert_eq!(broken, Err(ConnectionError::Differs(expected)));
    }

    #[test]
    fn the_bytes_of_another_connection_are_wrong() {
        let other = Payload::new().slice(Payload::start_of(4), 16).to_vec();
        assert!(difference(&other).is_some());
    }

    #[test]
    fn a_parked_conversation_has_nothing_to_do() {
        let (mut connection, payload) = answered(1, &right(8));
        assert!(connection.has_work());
        read(&mut connection, &payload).unwrap();
        read(&mut connection, &payload).unwrap(); // where a short read proves nothing
        assert!(!connection.has_work());
    }

    #[test]
    fn an_early_end_and_a_failure_break_it() {
        for (script, broken) in [
            (Script::new().read_ends(), ConnectionError::PeerFinished),
            (
                Script::new().read_fails(ErrorKind::ConnectionReset),
                ConnectionError::Failed(ErrorKind::ConnectionReset),
            ),
        ] {
            let mut connection = ClientConnection::new(script, 0, 8);
            connection.note(EventFlags {
                readable: true,
                ..EventFlags::default()
            });
            assert_eq!(read(&mut connection, &Payload::new()), Err(broken));
        }
    }
}
