//! What the PROXY header of a connection said.
//!
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

/// The header with which a connection began, or why it did not begin with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The proxy has connected for this peer.
    Peer(SocketAddr),
    /// The proxy connects for itself (LOCAL), or does not know the peer or cannot express its address (UNKNOWN, UNSPEC, a
    /// Unix socket). The address of the socket is used.
    Unknown,
    /// There is no header, and the connection is reset.
    Missing(HeaderError),
}

/// Why a connection has no PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// It began with something else.
    Malformed,
    /// The header is longer than is accepted.
    TooLong,
    /// The peer's FIN came in the middle of the header.
    Truncated,
    /// The header was not complete in time.
    Late,
}

impl HeaderError {
    /// The kind of the error that ends the connection.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Malformed | Self::TooLong => ErrorKind::InvalidData,
            Self::Truncated => ErrorKind::UnexpectedEof,
            Self::Late => ErrorKind::TimedOut,
        }
    }
}

/// As in `127.0.0.1:4711 reset: no valid PROXY header`.
impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "no valid PROXY header",
            Self::TooLong => "the PROXY header is too long",
            Self::Truncated => "the PROXY header is cut short",
            Self::Late => "no PROXY header in time",
        })
    }
}
