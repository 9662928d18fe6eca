//! What a trace is made of: records, each with its time, its lane and its event.
//!
//! Plain values that own their data, so that a trace can be kept, written, read back and made by hand. Their
//! wording is in `display`, their file format in `json_lines`.

use crate::readiness::EventFlags;
use crate::server::{BlockingCall, LoopPhase, WakeSource};
use crate::text::address::Address;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One event, with the time and the place at which it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Nanoseconds since the trace began, by the monotonic clock. Never less than in the record before.
    #[serde(rename = "time_ns")]
    pub at: u64,
    /// Where it happened.
    #[serde(
        rename = "connection",
        default,
        skip_serializing_if = "Lane::is_the_loop"
    )]
    pub lane: Lane,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The line of the timeline that a record belongs to. In JSON the number of the connection, absent for the
/// loop.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "u64", into = "u64")]
pub enum Lane {
    /// The event loop; in threads mode the main thread, which accepts.
    #[default]
    Loop,
    /// A connection, by its number; in threads mode also its thread. Never zero.
    Connection(u64),
}

impl Lane {
    fn is_the_loop(&self) -> bool {
        *self == Self::Loop
    }
}

impl From<u64> for Lane {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::Loop,
            number => Self::Connection(number),
        }
    }
}

impl From<Lane> for u64 {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Loop => 0,
            Lane::Connection(number) => number,
        }
    }
}

/// What happened. The first group belongs to the lane of the loop, the second to those of connections.
///
/// The names are those of the methods of [`Observer`](crate::server::Observer) and of the variants of
/// [`ConnectionEvent`](crate::connection::ConnectionEvent), whose events become events of the trace. The events that
/// the kernel reports are recorded as [`Woke`](Self::Woke), [`WokenBy`](Self::WokenBy) and
/// [`FlagsReported`](Self::FlagsReported).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The loop is about to wait for events: an iteration begins.
    Waiting {
        /// The longest that the wait may take, in nanoseconds. Zero only collects what is ready; `None`
        /// means no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ns: Option<u64>,
    },
    /// The wait is over.
    Woke {
        /// The number of events that the kernel reported; zero after a timeout.
        events: usize,
    },
    /// One of the kernel's events concerns no connection.
    WokenBy {
        /// What it concerns.
        source: WakeSource,
    },
    /// The loop entered the next phase of its iteration. Recorded only if something happens in that phase.
    PhaseEntered {
        /// The phase.
        phase: LoopPhase,
    },
    /// accept(2) failed with an error that concerns one peer only.
    AcceptFailed {
        /// The operating system's description.
        error: String,
    },
    /// A peer was accepted, but could not be served.
    Refused {
        /// Its address.
        peer: Address,
        /// The operating system's description.
        error: String,
    },
    /// The server stopped accepting for a while; peers wait in the backlog.
    AcceptPaused {
        /// Why.
        reason: String,
    },
    /// The backlog is empty again: the pause is over.
    AcceptResumed,
    /// A stop was requested.
    Stopping {
        /// The number of connections that are open.
        open_connections: usize,
    },
    /// A datagram was received.
    DatagramReceived {
        /// The address that it claims to come from.
        peer: SocketAddr,
        /// Its number of bytes.
        bytes: usize,
    },
    /// The kernel took the echo of a datagram.
    DatagramReplied {
        /// The address that it was sent to.
        peer: SocketAddr,
        /// The number of bytes.
        bytes: usize,
    },
    /// A datagram gets no reply, although one could be sent.
    DatagramRefused {
        /// The address that it claims to come from.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The echo of a datagram could not be sent.
    ReplyLost {
        /// The address that it was meant for.
        peer: SocketAddr,
        /// The operating system's description, or that the send buffer is full.
        reason: String,
    },
    /// A UDP socket reported an error instead of a datagram.
    ReceiveFailed {
        /// The operating system's description.
        error: String,
    },
    /// The server has ended: the trace is complete.
    Ended,
    /// The trace has as many records as it may have. This is the last one, although the server goes on.
    TraceLimitReached {
        /// The number of records before this one.
        records: u64,
    },

    /// The connection was accepted.
    Accepted {
        /// The peer's address.
        peer: Address,
    },
    /// The PROXY header with which the connection began was read. If the same read found bytes behind it, their record
    /// comes first.
    ProxyHeader {
        /// The peer that it names; `None` if it names none, so that the socket's address stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<SocketAddr>,
    },
    /// The connection did not begin with a PROXY header, and is reset.
    ProxyHeaderMissing {
        /// What was wrong.
        reason: String,
    },
    /// The banner was written as a whole. Its bytes are no part of the echo.
    BannerSent {
        /// The number of bytes.
        bytes: usize,
    },
    /// The kernel reported an event for this connection.
    FlagsReported {
        /// The flags of the event.
        flags: EventFlags,
    },
    /// The readiness that the loop remembers for this socket changed. It holds until the next such record;
    /// before the first one a connection is writable and not readable.
    ReadinessChanged {
        /// A read is worth a system call.
        readable: bool,
        /// A write is worth a system call.
        writable: bool,
    },
    /// The connection entered another phase of its life. [`Event::Closed`] records the last one.
    PhaseChanged {
        /// The phase that it left.
        from: PhaseName,
        /// The phase that it entered.
        to: PhaseName,
    },
    /// The connection's thread is about to make a call that may block. Threads mode only.
    BlockingCall {
        /// The call.
        call: BlockingCall,
    },
    /// A look at the socket: this many bytes have been received and not yet read. Recorded when it changes, and only
    /// if the trace was asked for the buffers; before the first such record there are none.
    Unread {
        /// The number of bytes (tcp(7), `FIONREAD`).
        bytes: usize,
    },
    /// A look at the socket: this many bytes have been written to it and not yet acknowledged by the peer's kernel;
    /// a FIN counts as one. Recorded at the first look and when it changes, and only if the trace was asked for the buffers. Without such a
    /// record, the number is not known.
    Unacknowledged {
        /// The number of bytes (tcp(7), `SIOCOUTQ`).
        bytes: usize,
    },
    /// A read moved bytes, which are to be echoed.
    Read {
        /// The number of bytes.
        bytes: usize,
    },
    /// A read found nothing.
    ReadWouldBlock,
    /// A read returned the end of the input: the peer's FIN.
    PeerFinished,
    /// A write moved bytes. From here on `offered - bytes` are pending.
    Wrote {
        /// The number of bytes that the kernel took.
        bytes: usize,
        /// The number of bytes that the write was given.
        offered: usize,
    },
    /// A write found no room in the send buffer.
    WriteWouldBlock,
    /// The bytes that the kernel did not take were queued.
    Queued {
        /// The number of bytes that are pending now.
        bytes: usize,
    },
    /// Reading stops because bytes are pending: backpressure.
    ReadPaused,
    /// No bytes are pending: reading goes on.
    ReadResumed,
    /// The connection's turn ended before its work did: it went to the back of the run queue.
    Yielded,
    /// A read moved bytes that cannot be echoed, because our FIN has been sent.
    Discarded {
        /// The number of bytes.
        bytes: usize,
    },
    /// Our FIN was sent while the peer may still send.
    FinSent,
    /// The connection is closed.
    Closed {
        /// Why: `finished`, `idle timeout`, `drain timeout`, or the description of the error.
        reason: String,
        /// Bytes received to be echoed.
        bytes_in: u64,
        /// Bytes that the kernel took for the peer.
        bytes_out: u64,
    },
}

/// The name of a [`Phase`](crate::connection::Phase) in which a connection is open, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Both sides may send.
    #[default]
    Open,
    /// A stop was requested: what had been received by then is still echoed.
    Draining,
    /// Our FIN has been sent, the peer's has not arrived.
    Lingering,
}
