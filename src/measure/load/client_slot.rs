//! One connection's place in the slab: its connection, and where that stands.

use super::client_connection::{ClientConnection, ConnectionError, Nanos, StartTimes};
use super::results::{Failure, TimedOut};
use super::run_stage::nanos;
use crate::readiness::EventFlags;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::time::Duration;

/// Who has waited so long for its first answer is starved. In a shorter run nobody is: somebody has to be the
/// last to be answered.
const STARVING: Duration = Duration::from_secs(1);

/// What the loop keeps for each connection.
#[derive(Debug)]
pub(super) struct ClientSlot {
    pub(super) connection: ClientConnection<TcpStream>,
    /// Counted from 1 in the order of connecting.
    number: u64,
    state: SlotState,
    opened: Nanos,
    /// When messages were due that could not start yet, because enough were in flight.
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
            number,
            state: SlotState::Connecting,
            opened: now,
            waiting: VecDeque::new(),
        }
    }

    /// Remembers what an event said. Returns whether it said that the connection is established.
    pub(super) fn note(&mut self, flags: EventFlags) -> bool {
        self.connection.note(flags);
        let connects = self.state == SlotState::Connecting && flags.writable && !flags.error;
        if connects {
            self.state = SlotState::Connected;
        }
        connects
    }

    /// Whether it is established.
    pub(super) fn is_connected(&self) -> bool {
        self.state == SlotState::Connected
    }

    /// Why connect(2) failed, if it has.
    pub(super) fn connect_failure(&mut self) -> Result<(), ConnectionError> {
        match self.connection.stream().take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(ConnectionError::Failed(error.kind())),
        }
    }

    /// A message is due.
    pub(super) fn owe(&mut self, intended: Nanos) {
        self.waiting.push_back(intended);
    }

    /// Starts what is due, with at most `depth` messages in flight.
    pub(super) fn start_what_is_due(&mut self, depth: usize, now: Nanos) {
        while self.connection.in_flight() < depth
            && let Some(intended) = self.waiting.pop_front()
        {
            self.connection.begin(StartTimes {
                intended,
                started: now,
            });
        }
    }

    /// Messages that are due and have not come back, as far as they were due at a moment that counts.
    pub(super) fn outstanding(&self, counts: impl Fn(Nanos) -> bool) -> usize {
        let in_flight = self.connection.in_flight_since();
        let waiting = self.waiting.iter().copied();
        in_flight.chain(waiting).filter(|due| counts(*due)).count()
    }

    /// Whether it never had an answer, although it asked long enough ago.
    pub(super) fn is_starved(&self, now: Nanos) -> bool {
        let long_ago = |asked| nanos(STARVING) <= now.saturating_sub(asked);
        self.connection.finished() == 0 && self.outstanding(long_ago) > 0
    }

    /// Whether it has waited for longer than `timeout`: to be established, or for an answer.
    pub(super) fn is_overdue(&self, now: Nanos, timeout: Duration) -> bool {
        let since = match self.state {
            SlotState::Connecting => Some(self.opened),
            SlotState::Connected => self.connection.oldest().map(|stamp| stamp.started),
        };
        since.is_some_and(|since| u128::from(now.saturating_sub(since)) > timeout.as_nanos())
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How far it had come when it was given up.
    pub(super) fn timed_out(&self) -> TimedOut {
        TimedOut {
            connection: self.number,
            sent: self.connection.sent(),
            received: self.connection.received(),
        }
    }

    /// What a break is called in the results. A connection that was never established did not end early.
    pub(super) fn failure(&self, error: ConnectionError) -> Failure {
        match (self.state, error) {
            (SlotState::Connecting, ConnectionError::PeerFinished) => Failure::Reset,
            (_, error) => error.into(),
        }
    }
}
