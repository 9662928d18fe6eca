//! What can happen to a datagram.

use crate::connection::IoFailure;
use std::fmt;

/// Something happened to one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramEvent {
    /// It was received, with this many bytes.
    Received {
        /// Zero is a datagram too.
        bytes: usize,
    },
    /// The kernel took its echo.
    Replied {
        /// As many as were received.
        bytes: usize,
    },
    /// It gets no reply, although one could be sent.
    Refused(Refusal),
    /// The send buffer was full, so its echo was dropped: with no connection, there is no peer to slow down.
    Dropped,
    /// Its echo could not be sent.
    Failed(IoFailure),
}

/// Why a datagram gets no reply. A source address proves nothing: it is whatever the sender wrote there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The source port is 0, which means that no reply is expected (RFC 768).
    PortZero,
    /// The source port is below 1024, where other services answer everything: echo, discard, chargen, DNS, NTP, TFTP.
    /// Two servers that answer each other never stop (CERT CA-1996-01, CVE-2024-2169).
    WellKnownPort,
    /// The source port is 2049: NFS, the one such service above 1023 that every Unix knows.
    NfsPort,
    /// The source port is a UDP port of this server, so the source may be this server, or another one like it.
    OwnPort,
    /// The source address is a multicast or broadcast address, or none at all.
    SourceNotUnicast,
    /// It was sent to a multicast or broadcast address: every server there would reply at once.
    DestinationNotUnicast,
    /// The source has used up its rate.
    RateLimit,
}

/// Completes "not answered: ".
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PortZero => "source port 0",
            Self::WellKnownPort => "source port below 1024",
            Self::NfsPort => "source port 2049",
            Self::OwnPort => "source port is our own",
            Self::SourceNotUnicast => "source address is not unicast",
            Self::DestinationNotUnicast => "sent to a multicast or broadcast address",
            Self::RateLimit => "rate limit",
        })
    }
}
