//! How a promise was broken, in one line.

use super::time_limit::EndOfWait;
use crate::text::{os_error, units};
use std::io;
use std::time::Duration;

/// A broken promise, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symptom {
    pub(super) text: String,
    /// The first byte of the echo that is wrong or missing, counted from 0.
    pub(super) offset: Option<u64>,
}

/// What came in place of the next byte.
#[derive(Debug)]
pub(super) enum EndOfEcho {
    /// The server's FIN.
    Closed,
    /// An error of the connection, usually the server's RST.
    Failed(io::Error),
    /// Nothing.
    Nothing(EndOfWait),
}

impl Symptom {
    /// A symptom that concerns no particular byte of the echo.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            offset: None,
        }
    }

    pub(super) fn cannot_connect(error: &io::Error) -> Self {
        Self::of(format!("cannot connect: {}", os_error::describe(error)))
    }

    pub(super) fn cannot_send(error: &io::Error) -> Self {
        Self::of(format!("cannot send: {}", os_error::describe(error)))
    }

    pub(super) fn differs(offset: u64, expected: u8, got: u8) -> Self {
        Self {
            text: format!("byte {offset} differs: sent {expected:#04x}, received {got:#04x}"),
            offset: Some(offset),
        }
    }

    /// More came back than the `sent` bytes.
    pub(super) fn superfluous(sent: u64) -> Self {
        Self {
            text: format!("more came back than the {} sent", bytes(sent)),
            offset: Some(sent),
        }
    }

    /// The echo of `expected` bytes ended after `received` of them.
    pub(super) fn incomplete(end: &EndOfEcho, received: u64, expected: u64) -> Self {
        let progress = format!("{} of {}", decimal(received), bytes(expected));
        let text = match end {
            EndOfEcho::Closed => format!("closed after {progress}"),
            EndOfEcho::Failed(error) => format!("{} after {progress}", os_error::describe(error)),
            EndOfEcho::Nothing(EndOfWait::Silence(time)) => {
                format!("silent for {} after {progress}", seconds(*time))
            }
            EndOfEcho::Nothing(EndOfWait::TimeIsUp) => {
                format!("too slow: the time was up after {progress}")
            }
        };
        Self {
            text,
            offset: Some(received),
        }
    }

    /// All `received` bytes came back, but no FIN followed them.
    pub(super) fn not_closed(instead: &EndOfEcho, received: u64) -> Self {
        let sent = bytes(received);
        Self::of(match instead {
            EndOfEcho::Closed | EndOfEcho::Nothing(_) => {
                format!("echoed all {sent}, but did not close after the client's FIN")
            }
            EndOfEcho::Failed(error) => {
                let error = os_error::describe(error);
                format!("echoed all {sent}, then {error} instead of a FIN")
            }
        })
    }

    /// The same symptom, with its place before it: `connection 3 of 150: …`.
    pub(super) fn at(mut self, place: impl AsRef<str>) -> Self {
        self.text = format!("{}: {}", place.as_ref(), self.text);
        self
    }

    /// The same symptom, with what became of the server after it.
    pub(super) fn and(mut self, remark: &str) -> Self {
        self.text = format!("{}; {remark}", self.text);
        self
    }
}

/// `1 byte`, `4,096 bytes`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", decimal(count)),
    }
}

/// `1,000`.
pub(super) fn decimal(count: u64) -> String {
    units::count(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `5.00 s`.
pub(super) fn seconds(time: Duration) -> String {
    units::value(time.as_secs_f64(), units::TIME)
}
