//! One connection, seen from the client's side: what is due, what was sent, what came back.
//!
//! Pure, as `connection/` is: it knows no socket, no clock and no poll. Time comes in as a [`Nanos`] from
//! whoever starts a message and goes out again with the message that is finished.
//!
//! ```text
//!   begun ──► due bytes ──► write ──► peer ──► read, compared with the tape ──► finished
//!        stamp ───────────────────────────────────────────────────────────────► stamp
//! ```

use super::tape::{LONGEST_PIECE, Tape};
use super::verify::{Difference, Verify};
use crate::readiness::{EventFlags, Readiness};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// Nanoseconds since the load began.
pub(super) type Nanos = u64;

/// When a message was meant to start, and when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When the schedule wanted it; without a schedule, when it started.
    pub(super) intended: Nanos,
    /// When its first byte was offered to the kernel.
    pub(super) started: Nanos,
}

impl Stamp {
    /// Started when it was meant to.
    pub(super) fn at(now: Nanos) -> Self {
        Self {
            intended: now,
            started: now,
        }
    }
}

/// Why a conversation cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The peer's FIN came before its answers.
    PeerFinished,
    /// A system call failed for good.
    Failed(ErrorKind),
    /// What came back is not what was sent.
    Differs(Difference),
}

/// One connection to the server under load.
#[derive(Debug)]
pub(super) struct Conversation<S> {
    stream: S,
    readiness: Readiness,
    /// Where on the tape it begins.
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
    in_flight: VecDeque<Stamp>,
    finished: u64,
}

impl<S> Conversation<S> {
    /// The conversation with this `number`, in messages of `size` bytes, at least 1.
    pub(super) fn new(stream: S, number: u64, size: usize) -> Self {
        Self {
            stream,
            readiness: Readiness::default(),
            start: Tape::start_of(number),
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
    pub(super) fn begin(&mut self, stamp: Stamp) {
        self.due += self.size;
        self.in_flight.push_back(stamp);
    }

    /// Whether all of the oldest message has come back.
    pub(super) fn has_finished(&self) -> bool {
        self.received >= self.next_boundary
    }

    /// The oldest message, if all of it has come back.
    pub(super) fn finish(&mut self) -> Option<Stamp> {
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
    pub(super) fn oldest(&self) -> Option<Stamp> {
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

impl<S: Read + Write> Conversation<S> {
    /// At most one read, into `buffer`, which must not be empty.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        tape: &Tape,
        verify: Verify,
    ) -> Result<(), Broken> {
        if !self.readiness.is_readable() {
            return Ok(());
        }
        let room = buffer.len().min(LONGEST_PIECE);
        let room = buffer.get_mut(..room).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) => Err(Broken::PeerFinished),
            Ok(bytes) => {
                self.readiness.on_read(bytes, room.len());
                self.check(room.get(..bytes).unwrap_or_default(), tape, verify)
            }
            Err(error) => self.read_failed(error.kind()),
        }
    }

    fn read_failed(&mut self, kind: ErrorKind) -> Result<(), Broken> {
        match kind {
            ErrorKind::WouldBlock => self.readiness.read_would_block(),
            ErrorKind::Interrupted => {}
            kind => return Err(Broken::Failed(kind)),
        }
        Ok(())
    }

    fn check(&mut self, got: &[u8], tape: &Tape, verify: Verify) -> Result<(), Broken> {
        let owed = self.sent - self.received;
        let expected = tape.piece(self.start + self.received, owed.min(got.len() as u64));
        if let Some(difference) = verify.difference(got, expected, self.received) {
            return Err(Broken::Differs(difference));
        }
        self.received += got.len() as u64;
        Ok(())
    }

    /// At most one write, of what is due.
    pub(super) fn write(&mut self, tape: &Tape) -> Result<(), Broken> {
        if self.sent == self.due || !self.readiness.is_writable() {
            return Ok(());
        }
        let piece = tape.piece(self.start + self.sent, self.due - self.sent);
        match self.stream.write(piece) {
            Ok(bytes) => {
                self.readiness.on_write(bytes, piece.len());
                self.sent += bytes as u64;
                Ok(())
            }
            Err(error) => self.write_failed(&error),
        }
    }

    fn write_failed(&mut self, error: &io::Error) -> Result<(), Broken> {
        match error.kind() {
            ErrorKind::WouldBlock => self.readiness.write_would_block(),
            ErrorKind::Interrupted => {}
            kind => return Err(Broken::Failed(kind)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Script;

    const NOW: Stamp = Stamp {
        intended: 5,
        started: 7,
    };

    /// A conversation that has sent `messages` of 8 bytes, and whose peer answers with `answer`.
    fn answered(messages: usize, answer: &[u8]) -> (Conversation<Script>, Tape) {
        let tape = Tape::new();
        let mut conversation = Conversation::new(Script::new().reads(answer), 3, 8);
        for _ in 0..messages {
            conversation.begin(NOW);
        }
        conversation.write(&tape).unwrap();
        conversation.note(EventFlags {
            readable: true,
            ..EventFlags::default()
        });
        (conversation, tape)
    }

    fn right(bytes: u64) -> Vec<u8> {
        Tape::new().piece(Tape::start_of(3), bytes).to_vec()
    }

    fn read(conversation: &mut Conversation<Script>, tape: &Tape) -> Result<(), Broken> {
        conversation.read(&mut [0; 64], tape, Verify::EveryByte)
    }

    fn difference(answer: &[u8]) -> Option<(u64, Option<u8>)> {
        let (mut conversation, tape) = answered(2, answer);
        match read(&mut conversation, &tape) {
            Err(Broken::Differs(it)) => Some((it.offset, it.expected)),
            _ => None,
        }
    }

    #[test]
    fn a_message_is_finished_when_its_last_byte_has_come_back() {
        let (mut conversation, tape) = answered(2, &right(15));
        read(&mut conversation, &tape).unwrap();
        assert_eq!(conversation.finish(), Some(NOW));
        assert_eq!(conversation.finish(), None);
        assert_eq!(conversation.in_flight(), 1);
        assert_eq!(conversation.received(), 15);
    }

    #[test]
    fn what_was_refused_is_sent_later_from_the_same_place() {
        let tape = Tape::new();
        let script = Script::new().write_takes(3).write_blocks();
        let mut conversation = Conversation::new(script, 3, 8);
        conversation.begin(NOW);
        for _ in 0..4 {
            conversation.write(&tape).unwrap();
            conversation.note(EventFlags {
                writable: true,
                ..EventFlags::default()
            });
        }
        assert_eq!(conversation.stream().written(), right(8));
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
        let (mut conversation, tape) = answered(1, &right(9));
        let broken = conversation.read(&mut [0; 64], &tape, Verify::Nothing);
        let expected = Difference {
            offset: 8,
            expected: None,
            got: right(9)[8],
        };
        assert_eq!(broken, Err(Broken::Differs(expected)));
    }

    #[test]
    fn the_bytes_of_another_connection_are_wrong() {
        let other = Tape::new().piece(Tape::start_of(4), 16).to_vec();
        assert!(difference(&other).is_some());
    }

    #[test]
    fn a_parked_conversation_has_nothing_to_do() {
        let (mut conversation, tape) = answered(1, &right(8));
        assert!(conversation.has_work());
        read(&mut conversation, &tape).unwrap();
        read(&mut conversation, &tape).unwrap(); // where a short read proves nothing
        assert!(!conversation.has_work());
    }

    #[test]
    fn an_early_end_and_a_failure_break_it() {
        for (script, broken) in [
            (Script::new().read_ends(), Broken::PeerFinished),
            (
                Script::new().read_fails(ErrorKind::ConnectionReset),
                Broken::Failed(ErrorKind::ConnectionReset),
            ),
        ] {
            let mut conversation = Conversation::new(script, 0, 8);
            conversation.note(EventFlags {
                readable: true,
                ..EventFlags::default()
            });
            assert_eq!(read(&mut conversation, &Tape::new()), Err(broken));
        }
    }
}
