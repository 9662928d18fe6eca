//! What can go wrong between a client and a server.

use crate::text::endpoint::Endpoint;
use crate::text::os_error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// Why the client did not get what it sent. One line, which names the thing. Offsets count from the first
/// byte of the conversation, which is 0.
#[derive(Debug)]
pub enum ClientError {
    /// The name of the server has no address.
    Resolve {
        /// What was looked up.
        endpoint: Endpoint,
        /// What the resolver said.
        error: io::Error,
    },
    /// No address of the server took the connection: each with its reason, in the order tried.
    Connect(Vec<(SocketAddr, io::Error)>),
    /// A byte came back as another, or in the wrong place.
    Differs {
        /// Where the echo stops being right.
        offset: u64,
        /// The byte that was sent.
        expected: u8,
        /// The byte that came back.
        got: u8,
    },
    /// More came back than was sent.
    Superfluous {
        /// The number of bytes sent, and so where the first superfluous one is.
        offset: u64,
    },
    /// The peer closed before everything had come back, or before everything was sent.
    ClosedEarly {
        /// Bytes that should still have come back; zero if nothing was owed but the input had not ended.
        missing: u64,
    },
    /// The peer was silent for too long while it owed something.
    NoReply {
        /// For how long.
        after: Duration,
        /// Bytes that should still have come back; zero if only its FIN did not come.
        missing: u64,
    },
    /// The connection broke while bytes were sent.
    Send(io::Error),
    /// The connection broke while bytes, or the peer's FIN, were awaited.
    Receive(io::Error),
    /// The input cannot be read.
    Input(io::Error),
    /// The output cannot be written.
    Output(io::Error),
}

impl ClientError {
    /// Whether no conversation has come about.
    pub fn is_about_connecting(&self) -> bool {
        matches!(self, Self::Resolve { .. } | Self::Connect(_))
    }

    /// Whether the reader of the output has gone away (as `head` does): nothing to complain about.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// Whether the peer's close is why we could not send: the close is then what to report.
    pub(super) fn is_a_consequence_of_a_close(&self) -> bool {
        matches!(self, Self::Send(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { endpoint, error } => {
                write!(
                    f,
                    "cannot resolve {endpoint}: {}",
                    os_error::in_words(error)
                )
            }
            Self::Connect(failures) => {
                let failures = failures
                    .iter()
                    .map(|(address, error)| format!("{address} ({})", os_error::in_words(error)));
                let failures: Vec<String> = failures.collect();
                write!(f, "cannot connect to {}", failures.join(", "))
            }
            Self::Differs {
                offset,
                expected,
                got,
            } => {
                write!(
                    f,
                    "the echo differs at offset {offset}: expected {expected:#04x}, got {got:#04x}"
                )
            }
            Self::Superfluous { offset } => {
                write!(f, "the echo has superfluous bytes, from offset {offset} on")
            }
            Self::ClosedEarly { missing: 0 } => {
                f.write_str("the peer closed the connection before the input had ended")
            }
            Self::ClosedEarly { missing } => {
                write!(
                    f,
                    "the peer closed the connection early: {} did not come back",
                    bytes(*missing)
                )
            }
            Self::NoReply { after, missing: 0 } => {
                write!(
                    f,
                    "the peer sent everything back, but has not closed within {}",
                    time(*after)
                )
            }
            Self::NoReply { after, missing } => {
                write!(
                    f,
                    "no reply within {}: {} did not come back",
                    time(*after),
                    bytes(*missing)
                )
            }
            Self::Send(error) => write!(f, "cannot send: {}", os_error::in_words(error)),
            Self::Receive(error) => write!(f, "cannot receive: {}", os_error::in_words(error)),
            Self::Input(error) => write!(f, "cannot read the input: {}", os_error::in_words(error)),
            Self::Output(error) => {
                write!(f, "cannot write the output: {}", os_error::in_words(error))
            }
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Resolve { error, .. }
            | Self::Send(error)
            | Self::Receive(error)
            | Self::Input(error)
            | Self::Output(error) => Some(error),
            Self::Connect(_)
            | Self::Differs { .. }
            | Self::Superfluous { .. }
            | Self::ClosedEarly { .. }
            | Self::NoReply { .. } => None,
        }
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}

fn time(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(duration)
}
