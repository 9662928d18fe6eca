//! The results of a run.

use super::client_connection::ConnectionError;
use super::latency::Latency;
use super::verify::Mismatch;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

/// The results of a run. Unless stated otherwise, they exclude the connection phase and the warm-up.
#[derive(Debug, Clone)]
pub struct LoadResults {
    /// How long the measurement took.
    pub elapsed: Duration,
    /// Messages echoed in this time; for [`LoadPattern::Churn`](super::LoadPattern::Churn), connections.
    pub messages: u64,
    /// Bytes of these messages.
    pub bytes: u64,
    /// Connections established, including those of the connection phase and the warm-up.
    pub connected: u64,
    /// Connections that sent a message at least one second before the end, stayed open until the end, and never
    /// received an echo.
    pub starved: usize,
    /// Service times: from sending a message, for churn from connect(2), to its complete echo.
    pub service: Latency,
    /// Response times: from the time at which a message was due to its complete echo. `None` in the closed loop.
    pub response: Option<Latency>,
    /// Messages that were due during the measurement and never echoed. 0 in the closed loop.
    pub unanswered: u64,
    /// Failed connections, from the first connection attempt to the end.
    pub failures: Failures,
    /// The first wrong byte.
    pub first_mismatch: Option<Mismatch>,
    /// The first connection that timed out.
    pub first_timeout: Option<TimedOut>,
    /// What the generator itself needed.
    pub generator: GeneratorCost,
    /// Whether the run ended before its stop condition: the observer ended it, or the connections failed.
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

    /// Echoed messages per second.
    pub fn messages_per_second(&self) -> f64 {
        per_second(self.messages, self.elapsed)
    }

    /// Echoed bytes per second, in one direction.
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

/// The number of failed connections, by kind. Each connection fails at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// See [`Failure::Refused`].
    pub refused: u64,
    /// See [`Failure::Reset`].
    pub reset: u64,
    /// See [`Failure::ClosedEarly`].
    pub closed_early: u64,
    /// See [`Failure::TimedOut`].
    pub timed_out: u64,
    /// See [`Failure::Corrupted`].
    pub corrupted: u64,
    /// See [`Failure::Other`].
    pub other: u64,
}

impl Failures {
    /// The number of all failures.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }

    /// Each kind with its count.
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

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No socket listened at the address.
    Refused,
    /// The peer sent RST, or had already closed the connection that was written to.
    Reset,
    /// The peer sent FIN before all that it had received was echoed.
    ClosedEarly,
    /// The connection was not established, or a message not echoed, within the timeout.
    TimedOut,
    /// A wrong byte came back.
    Corrupted,
    /// Another error, for example no free descriptor or port.
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
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::Io(kind) => kind.into(),
            ConnectionError::Corrupted(_) => Self::Corrupted,
        }
    }
}

/// A connection that timed out, and how many bytes it had transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedOut {
    /// The connection, numbered from 1 in the order of connecting.
    pub connection: u64,
    /// Bytes sent on it.
    pub sent: u64,
    /// Bytes received on it.
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

/// What the generator itself needed during the measurement.
#[derive(Debug, Clone, Default)]
pub struct GeneratorCost {
    /// Processor time of its thread.
    pub cpu: Duration,
    /// The delay between the time at which a message was due and the time at which the generator noticed. `None`
    /// in the closed loop.
    pub lag: Option<Latency>,
}
