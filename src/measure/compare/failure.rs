//! Why a measurement has no values.

use crate::measure::load::{Failures, Mismatch, TimedOut};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a measurement has no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContenderFailure {
    /// The server could not be started, or never accepted a connection.
    NotStarted {
        /// Why, in one line.
        reason: String,
        /// The last lines of its standard error.
        stderr: Vec<String>,
    },
    /// The server terminated during the measurement.
    Terminated {
        /// Its exit code or signal, and the last line of its standard error.
        reason: String,
        /// The last lines of its standard error.
        stderr: Vec<String>,
    },
    /// A byte came back with another value, or at another position.
    Corrupted(Mismatch),
    /// Connections failed.
    ConnectionsFailed {
        /// How many, by kind.
        failures: Failures,
        /// The first connection that timed out.
        first_timeout: Option<TimedOut>,
    },
    /// Datagrams could not be sent, or were reported as refused.
    DatagramsFailed {
        /// How many, by kind.
        failures: Failures,
    },
    /// Connections got no reply for a large part of the measurement.
    Starved {
        /// How many.
        connections: u64,
    },
    /// Messages did not come back.
    Unanswered {
        /// How many.
        messages: u64,
    },
    /// No message came back during the measurement.
    Stalled,
    /// The measurement itself failed.
    NotMeasured {
        /// Why, in one line.
        reason: String,
    },
}

impl ContenderFailure {
    /// Whether replies were missing, and nothing else was wrong. On a busy machine, a server that works may have had no core.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::Starved { .. } | Self::Unanswered { .. } | Self::Stalled => true,
            Self::ConnectionsFailed { failures, .. } => failures.total() == failures.timed_out,
            Self::NotStarted { .. }
            | Self::Terminated { .. }
            | Self::Corrupted(_)
            | Self::DatagramsFailed { .. }
            | Self::NotMeasured { .. } => false,
        }
    }

    /// The last lines that the server wrote to its standard error, if that is what it failed of.
    pub fn stderr(&self) -> &[String] {
        match self {
            Self::NotStarted { stderr, .. } | Self::Terminated { stderr, .. } => stderr,
            Self::Corrupted(_)
            | Self::ConnectionsFailed { .. }
            | Self::DatagramsFailed { .. }
            | Self::Starved { .. }
            | Self::Unanswered { .. }
            | Self::Stalled
            | Self::NotMeasured { .. } => &[],
        }
    }
}

impl fmt::Display for ContenderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { reason, .. } => write!(f, "did not start: {reason}"),
            Self::Terminated { reason, .. } => write!(f, "terminated: {reason}"),
            Self::Corrupted(mismatch) => write!(f, "corrupted {mismatch}"),
            Self::ConnectionsFailed {
                failures,
                first_timeout,
            } => {
                f.write_str("connections failed")?;
                write_kinds(f, failures)?;
                match first_timeout {
                    Some(timed_out) => write!(f, "; {timed_out}"),
                    None => Ok(()),
                }
            }
            Self::DatagramsFailed { failures } => {
                f.write_str("datagrams failed")?;
                write_kinds(f, failures)
            }
            Self::Starved { connections: 1 } => f.write_str("starved 1 connection"),
            Self::Starved { connections } => write!(f, "starved {connections} connections"),
            Self::Unanswered { messages: 1 } => f.write_str("left 1 message unanswered"),
            Self::Unanswered { messages } => write!(f, "left {messages} messages unanswered"),
            Self::Stalled => f.write_str("stalled: nothing came back during the measurement"),
            Self::NotMeasured { reason } => write!(f, "not measured: {reason}"),
        }
    }
}

/// `: 3 refused, 1 reset`.
fn write_kinds(f: &mut fmt::Formatter<'_>, failures: &Failures) -> fmt::Result {
    let mut separator = ": ";
    let kinds = failures.by_kind().into_iter();
    for (kind, count) in kinds.filter(|(_, count)| *count > 0) {
        write!(f, "{separator}{count} {kind}")?;
        separator = ", ";
    }
    Ok(())
}
