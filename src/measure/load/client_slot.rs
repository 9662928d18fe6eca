//! A slot of the connection pool: one connection, with its state and the messages that wait for it.

use super::client_connection::{ClientConnection, ConnectionError, StartTimes};
use super::clock::{Nanos, after};
use super::results::{Failure, TimedOut};
use crate::readiness::EventFlags;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::time::Duration;

/// A message that has not been echoed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outstanding {
    /// When it was due.
    pub(super) intended: Nanos,
    /// When it was sent, and how much earlier the generator could have sent it; `None` while it waits for a free place on
    /// its connection.
    pub(super) sent: Option<Sent>,
}

/// The sending of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it was sent.
    pub(super) at: Nanos,
    /// How much earlier the generator could have sent it.
    pub(super) lag: Nanos,
}

/// What the loop keeps for each connection.
#[derive(Debug)]
pub(super) struct ClientSlot {
    pub(super) connection: ClientConnection<TcpStream>,
    state: SlotState,
    opened: Nanos,
    /// The due times of messages that cannot start yet because `depth` messages are in flight.
    waiting: VecDeque<Nanos>,
    /// When the place that the next waiting message takes became free; 0 if one has been free all along.
    free_since: Nanos,
    /// When the latest echo was complete.
    last_echo: Option<Nanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Connecting,
    Connected,
}

/// A message that was sent.
impl From<StartTimes> for Outstanding {
    fn from(times: StartTimes) -> Self {
        Self {
            intended: times.intended,
            sent: Some(Sent {
                at: times.actual,
                lag: times.lag,
            }),
        }
    }
}

impl ClientSlot {
    pub(super) fn new(stream: TcpStream, number: u64, size: usize, now: Nanos) -> Self {
        Self {
            connection: ClientConnection::new(stream, number, size),
            state: SlotState::Connecting,
            opened: now,
            waiting: VecDeque::new(),
            free_since: 0,
            last_echo: None,
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

    /// Takes the oldest message if its echo is complete. The loop noticed the bytes at `noticed`, and now is `now`.
    pub(super) fn finish_message(
        &mut self,
        depth: usize,
        noticed: Nanos,
        now: Nanos,
    ) -> Option<StartTimes> {
        let was_full = self.connection.in_flight().len() >= depth;
        let times = self.connection.finish_message()?;
        self.last_echo = Some(now);
        if was_full {
            self.free_since = noticed;
        }
        Some(times)
    }

    /// Starts the next waiting message, if fewer than `depth` are in flight. The generator has kept it waiting since it
    /// was due, or since there was a place for it.
    pub(super) fn start_waiting_message(&mut self, depth: usize, now: Nanos) -> Option<StartTimes> {
        if self.connection.in_flight().len() >= depth {
            return None;
        }
        let intended = self.waiting.pop_front()?;
        let times = StartTimes {
            intended,
            actual: now,
            lag: now.saturating_sub(intended.max(self.free_since)),
        };
        self.connection.start_message(times);
        Some(times)
    }

    /// The messages that have not been echoed yet, oldest first.
    pub(super) fn outstanding(&self) -> impl Iterator<Item = Outstanding> {
        let in_flight = self.connection.in_flight().iter();
        let in_flight = in_flight.copied().map(Outstanding::from);
        let waiting = self.waiting.iter().map(|&intended| Outstanding {
            intended,
            sent: None,
        });
        in_flight.chain(waiting)
    }

    /// Whether it received no echo after `since`, although a message has waited for one throughout the last `share` of
    /// that time.
    pub(super) fn is_starved(&self, since: Nanos, now: Nanos, share: Duration) -> bool {
        let unserved = self.last_echo.is_none_or(|echo| echo < since);
        let mut outstanding = self.outstanding();
        unserved && outstanding.any(|it| after(it.intended.max(since), share) <= now)
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
