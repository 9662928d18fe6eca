//! A slot of the connection pool: one connection, with its state and the messages that wait for it.

use super::client_connection::{ClientConnection, ConnectionError, StartTimes};
use super::clock::{Nanos, after};
use super::results::{Failure, TimedOut};
use crate::readiness::EventFlags;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::time::Duration;

/// A connection that has waited this long for its first echo is starved. In a shorter run none counts as starved,
/// because some connection has to be the last to be served.
const STARVED_AFTER: Duration = Duration::from_secs(1);

/// What the loop keeps for each connection.
#[derive(Debug)]
pub(super) struct ClientSlot {
    pub(super) connection: ClientConnection<TcpStream>,
    state: SlotState,
    opened: Nanos,
    /// The due times of messages that cannot start yet because `depth` messages are in flight.
    waiting: VecDeque<Nanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Connecting,
    Connected,
}

impl ClientSlot {
    pub(super) fn new(stream: TcpStream, number: u64, size: usize, now: Nanos) -> Self {
        Self {
            connection: ClientConnection::new(stream, number, size),
            state: SlotState::Connecting,
            opened: now,
            waiting: VecDeque::new(),
        }
    }

    /// Remembers an event. Returns whether it establishes the connection.
    pub(super) fn note(&mut self, flags: EventFlags) -> bool {
        self.connection.note(flags);
        let connects = self.state == SlotState::Connecting && flags.writable && !flags.error;
        if connects {
            self.state = SlotState::Connected;
        }
        connects
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == SlotState::Connected
    }

    /// The error of connect(2), if it has failed.
    pub(super) fn check_connect(&mut self) -> Result<(), ConnectionError> {
        match self.connection.stream().take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(ConnectionError::Io(error.kind())),
        }
    }

    /// Adds a message that is due.
    pub(super) fn add_due_message(&mut self, intended: Nanos) {
        self.waiting.push_back(intended);
    }

    /// Starts waiting messages, as long as fewer than `depth` are in flight.
    pub(super) fn start_waiting_messages(&mut self, depth: usize, now: Nanos) {
        while self.connection.in_flight().len() < depth
            && let Some(intended) = self.waiting.pop_front()
        {
            self.connection.start_message(StartTimes {
                intended,
                actual: now,
            });
        }
    }

    /// The number of messages, in flight or waiting, whose due time satisfies `counts`.
    pub(super) fn outstanding(&self, counts: impl Fn(Nanos) -> bool) -> usize {
        let in_flight = self.connection.in_flight().iter();
        let in_flight = in_flight.map(|times| times.intended);
        let waiting = self.waiting.iter().copied();
        in_flight.chain(waiting).filter(|due| counts(*due)).count()
    }

    /// Whether it never received an echo, although a message was due long enough ago.
    pub(super) fn is_starved(&self, now: Nanos) -> bool {
        let long_ago = |due| after(due, STARVED_AFTER) <= now;
        self.connection.finished() == 0 && self.outstanding(long_ago) > 0
    }

    /// Whether connecting, or the echo of the oldest message, takes longer than `timeout`.
    pub(super) fn has_timed_out(&self, now: Nanos, timeout: Duration) -> bool {
        let since = match self.state {
            SlotState::Connecting => Some(self.opened),
            SlotState::Connected => self.connection.in_flight().front().map(|it| it.actual),
        };
        since.is_some_and(|since| after(since, timeout) < now)
    }

    /// What it has transferred, to be reported when it times out.
    pub(super) fn timed_out(&self) -> TimedOut {
        TimedOut {
            connection: self.connection.number(),
            sent: self.connection.sent(),
            received: self.connection.received(),
        }
    }

    /// The failure that an error is reported as. A connection that was never established did not close early.
    pub(super) fn failure(&self, error: ConnectionError) -> Failure {
        match (self.state, error) {
            (SlotState::Connecting, ConnectionError::PeerFinished) => Failure::Reset,
            (_, error) => error.into(),
        }
    }
}
