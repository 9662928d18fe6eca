//! The ways in which the client can fail.

use crate::text::address::Address;
use crate::text::endpoint::Endpoint;
use crate::text::os_error::describe;
use humantime::format_duration;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Why the client did not get back what it sent. Prints as one line, with the address or the offset concerned. An offset
/// of 0 is the first byte sent on the connection.
#[derive(Debug)]
pub enum ClientError {
    /// The name of the server has no address.
    Resolve {
        /// The endpoint that was looked up.
        endpoint: Endpoint,
        /// The resolver's error.
        error: io::Error,
    },
    /// No address of the server accepted the connection. Each address with its error, in the order tried.
    Connect(Vec<(Address, io::Error)>),
    /// A byte came back changed or in the wrong place.
    Differs {
        /// The offset of the first wrong byte.
        offset: u64,
        /// The byte that was sent.
        expected: u8,
        /// The byte that came back.
        got: u8,
    },
    /// More bytes came back than were sent.
    Superfluous {
        /// The offset of the first superfluous byte, which is the number of bytes sent.
        offset: u64,
    },
    /// The echo of a datagram ends early.
    Shorter {
        /// Bytes that are missing at its end.
        missing: u64,
    },
    /// The peer closed the connection before everything was sent or had come back.
    ClosedEarly {
        /// Bytes that had yet to come back. Zero if only the end of the input was outstanding.
        missing: u64,
    },
    /// The peer sent nothing for the reply timeout, although bytes or its FIN were due.
    NoReply {
        /// The reply timeout.
        after: Duration,
        /// Bytes that had yet to come back. Zero if only the FIN was due.
        missing: u64,
    },
    /// Sending failed, or the thread for it could not be started.
    Send(io::Error),
    /// Receiving failed, usually with a connection reset.
    Receive(io::Error),
    /// Reading the input failed.
    Input(io::Error),
    /// Writing the output failed.
    Output(io::Error),
}

impl ClientError {
    /// Whether the failure came before there was a connection.
    pub fn is_about_connecting(&self) -> bool {
        matches!(self, Self::Resolve { .. } | Self::Connect(_))
    }

    /// Whether the reader of the output has closed it, as `head` does. That needs no error message.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// Whether sending failed because the peer had closed. The close is then the error to report.
    pub(super) fn follows_from_a_close(&self) -> bool {
        matches!(self, Self::Send(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { endpoint, error } => {
                write!(f, "cannot resolve {endpoint}: {}", describe(error))
            }
            Self::Connect(failures) => write!(f, "cannot connect to {}", list(failures)),
            Self::Differs {
                offset,
                expected,
                got,
            } => write!(
                f,
                "the echo differs at offset {offset}: expected {expected:#04x}, got {got:#04x}"
            ),
            Self::Superfluous { offset } => {
                write!(f, "the echo has superfluous bytes, from offset {offset} on")
            }
            Self::Shorter { missing } => {
                write!(f, "the echo is {} too short", bytes(*missing))
            }
            Self::ClosedEarly { missing: 0 } => {
                f.write_str("the peer closed the connection before the input had ended")
            }
            Self::ClosedEarly { missing } => write!(
                f,
                "the peer closed the connection early: {} did not come back",
                bytes(*missing)
            ),
            Self::NoReply { after, missing: 0 } => write!(
                f,
                "the peer sent everything back, but did not close within {}",
                format_duration(*after)
            ),
            Self::NoReply { after, missing } => write!(
                f,
                "no reply within {}: {} did not come back",
                format_duration(*after),
                bytes(*missing)
            ),
            Self::Send(error) => write!(f, "cannot send: {}", describe(error)),
            Self::Receive(error) => write!(f, "cannot receive: {}", describe(error)),
            Self::Input(error) => write!(f, "cannot read the input: {}", describe(error)),
            Self::Output(error) => write!(f, "cannot write the output: {}", describe(error)),
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
            | Self::Shorter { .. }
            | Self::ClosedEarly { .. }
            | Self::NoReply { .. } => None,
        }
    }
}

fn list(failures: &[(Address, io::Error)]) -> String {
    let failures = failures
        .iter()
        .map(|(address, error)| format!("{address} ({})", describe(error)));
    failures.collect::<Vec<_>>().join(", ")
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{count} bytes"),
    }
}
