//! What came of a load.

use super::client_connection::ConnectionError;
use super::latency::Latency;
use super::verify::Difference;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

/// What came of a load, all but the connecting and the warm-up.
#[derive(Debug, Clone)]
pub struct LoadResults {
    /// How long it was measured.
    pub elapsed: Duration,
    /// Messages that came back in that time (connections, for [`LoadPattern::Churn`](super::LoadPattern::Churn)).
    pub messages: u64,
    /// Bytes of these messages.
    pub bytes: u64,
    /// Connections that were established, warm-up included.
    pub connected: u64,
    /// Connections that were open to the end, asked a second before it or earlier, and never had an answer.
    pub starved: usize,
    /// From the moment at which a message was sent; for connections, from connect(2).
    pub service: Latency,
    /// From the moment at which a message was due; only with a rate.
    pub response: Option<Latency>,
    /// Messages that were due while it was measured and never came back; only with a rate.
    pub unanswered: u64,
    /// What went wrong, from the first connect to the end.
    pub failures: Failures,
    /// The first byte that came back wrong.
    pub first_mismatch: Option<Mismatch>,
    /// The first connection that was given up.
    pub first_timeout: Option<TimedOut>,
    /// What the generator itself needed.
    pub generator: GeneratorCost,
    /// Whether it ended before its time: it was told to, or had no connection left.
    pub ended_early: bool,
}

impl LoadResults {
    /// Nothing measured yet.
    pub(crate) fn empty() -> Self {
        Self {
            elapsed: Duration::ZERO,
            messages: 0,
            bytes: 0,
            connected: 0,
            starved: 0,
            service: Latency::new(),
            response: None,
            unanswered: 0,
            failures: Failures::default(),
            first_mismatch: None,
            first_timeout: None,
            generator: GeneratorCost::default(),
            ended_early: false,
        }
    }

    /// Messages in a second.
    pub fn messages_per_second(&self) -> f64 {
        per_second(self.messages, self.elapsed)
    }

    /// Bytes in a second, in one direction.
    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.bytes, self.elapsed)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        return 0.0;
    }
    count as f64 / elapsed.as_secs_f64()
}

/// How many connections failed, by kind. A connection fails once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Nobody listened.
    pub refused: u64,
    /// The peer sent RST, or had closed what we wrote to.
    pub reset: u64,
    /// The peer finished before it had answered.
    pub closed_early: u64,
    /// No connection, or no answer, within the timeout.
    pub timed_out: u64,
    /// A byte came back wrong.
    pub corrupted: u64,
    /// No socket could be made, or another error.
    pub other: u64,
}

impl Failures {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }

    /// Each kind with its name and count.
    pub fn by_kind(&self) -> [(Failure, u64); 6] {
        [
            (Failure::Refused, self.refused),
            (Failure::Reset, self.reset),
            (Failure::ClosedEarly, self.closed_early),
            (Failure::TimedOut, self.timed_out),
            (Failure::Corrupted, self.corrupted),
            (Failure::Other, self.other),
        ]
    }

    pub(super) fn count(&mut self, failure: Failure) {
        *match failure {
            Failure::Refused => &mut self.refused,
            Failure::Reset => &mut self.reset,
            Failure::ClosedEarly => &mut self.closed_early,
            Failure::TimedOut => &mut self.timed_out,
            Failure::Corrupted => &mut self.corrupted,
            Failure::Other => &mut self.other,
        } += 1;
    }
}

/// What can go wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listened.
    Refused,
    /// The peer sent RST.
    Reset,
    /// The peer finished before it had answered.
    ClosedEarly,
    /// No connection, or no answer, within the timeout.
    TimedOut,
    /// A byte came back wrong.
    Corrupted,
    /// Another error.
    Other,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed early",
            Self::TimedOut => "timed out",
            Self::Corrupted => "corrupted",
            Self::Other => "other",
        })
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::PeerFinished => Self::ClosedEarly,
            ConnectionError::Failed(kind) => kind.into(),
            ConnectionError::Differs(_) => Self::Corrupted,
        }
    }
}

/// The first byte that came back wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Which connection, counted from 1 in the order of connecting.
    pub connection: u64,
    /// How many bytes had come back right on it.
    pub offset: u64,
    /// What was sent there; nothing, if more came back than was sent.
    pub expected: Option<u8>,
    /// What came back.
    pub got: u8,
}

impl Mismatch {
    pub(super) fn new(connection: u64, difference: Difference) -> Self {
        Self {
            connection,
            offset: difference.offset,
            expected: difference.expected,
            got: difference.got,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            offset,
            expected,
            got,
        } = self;
        write!(f, "connection {connection}, byte {offset}: ")?;
        match expected {
            Some(expected) => write!(f, "0x{expected:02x} was sent, 0x{got:02x} came back"),
            None => write!(f, "0x{got:02x} came back, where nothing had been sent"),
        }
    }
}

/// A connection that was given up, and how far it had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedOut {
    /// Which connection, counted from 1 in the order of connecting.
    pub connection: u64,
    /// Bytes that were sent on it.
    pub sent: u64,
    /// Bytes that had come back.
    pub received: u64,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            sent,
            received,
        } = self;
        write!(
            f,
            "connection {connection}: of {sent} bytes sent, {received} came back"
        )
    }
}

/// What the generator itself needed while it measured.
#[derive(Debug, Clone, Default)]
pub struct GeneratorCost {
    /// Processor time of its thread.
    pub cpu: Duration,
    /// How late it noticed that messages were due; only with a rate.
    pub lag: Option<Latency>,
}
