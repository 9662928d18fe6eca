//! What a trace is made of: records, each with its time, its lane and what happened there.
//!
//! Plain values that own what they say, so that a trace can be kept, written, read back and made by hand.
//! How they read in words stands in `words`, how they are written down in `json_lines`.

use crate::readiness::EventFlags;
use crate::server::{BlockingCall, LoopPhase, WakeSource};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Nanoseconds since the trace began, by the monotonic clock. Never less than in the record before.
    pub at: u64,
    /// Where it happened.
    pub lane: Lane,
    /// What it was.
    #[serde(flatten)]
    pub event: Event,
}

/// Whose line in the picture a record belongs to. Written as a number: 0, or the connection's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub enum Lane {
    /// The event loop; in threads mode the main thread, which accepts.
    Loop,
    /// A connection, by the number of its name; in threads mode its thread, too. Never zero.
    Connection(u64),
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The loop is about to ask the kernel for events: a turn begins.
    Waits {
        /// How long it will sleep at most, in nanoseconds: zero if it only looks, none if it sleeps until
        /// something happens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<u64>,
    },
    /// The kernel has answered.
    Woke {
        /// How many events it reported. Zero when the time was up.
        events: usize,
    },
    /// A signal, the waker or a listener was among the events.
    Called {
        /// `WakeSource`.
        by: WakeSource,
    },
    /// The loop came to the next phase of its turn. Recorded only if something happens in it.
    Enters {
        /// Which.
        part: LoopPhase,
    },
    /// accept(2) reported an error that concerns one peer alone.
    AcceptFailed {
        /// The system's words.
        error: String,
    },
    /// A peer was accepted, but could not be served.
    Refused {
        /// Where it came from.
        peer: SocketAddr,
        /// The system's words.
        error: String,
    },
    /// Nobody is accepted for a while.
    AcceptPaused {
        /// Why.
        reason: String,
    },
    /// All who waited have been accepted; the pause is over.
    AcceptResumed,
    /// A stop was requested.
    Stopping {
        /// How many connections are open.
        open: usize,
    },
    /// The server has ended: the trace is complete.
    Ended,
    /// The trace has as many records as it may have: this is the last one, whatever happened after it.
    LimitReached {
        /// How many records stand before this one.
        records: u64,
    },

    /// The connection was accepted.
    Accepted {
        /// Where it came from.
        peer: SocketAddr,
    },
    /// An event of the kernel spoke of this connection.
    Hinted(EventFlags),
    /// What the server believes has changed. It holds from here to the next such record; before the first
    /// one a connection is writable and not readable.
    Believes {
        /// A read is worth a system call.
        readable: bool,
        /// A write is worth a system call.
        writable: bool,
    },
    /// The connection came to another phase of its life. Closing is not recorded here: see
    /// [`Event::Closed`].
    Phase {
        /// The phase that it has left.
        from: PhaseName,
        /// The phase that it is in now.
        to: PhaseName,
    },
    /// The connection's thread is about to make a call in which it may sleep. Threads mode only.
    Calls {
        /// Which.
        call: BlockingCall,
    },
    /// A read moved bytes, which are to be echoed.
    Read {
        /// How many.
        bytes: usize,
    },
    /// A read found nothing.
    ReadWouldBlock,
    /// A read met the peer's FIN.
    PeerFinished,
    /// A write moved bytes. What is owed from here on is `offered - bytes`.
    Wrote {
        /// How many.
        bytes: usize,
        /// How many it was given.
        offered: usize,
    },
    /// A write found no room.
    WriteWouldBlock,
    /// What the kernel refused was kept.
    Queued {
        /// How many bytes are owed now.
        bytes: usize,
    },
    /// Because bytes are owed, no more are read.
    Paused,
    /// Nothing is owed any more; reading goes on.
    Resumed,
    /// The turn is over, but not the work: the connection went to the back of the run queue.
    Yielded,
    /// A read moved bytes that nobody will echo: our FIN is already out.
    Discarded {
        /// How many.
        bytes: usize,
    },
    /// Our FIN was sent while the peer may still speak.
    FinSent,
    /// The connection is over.
    Closed {
        /// Why: `finished`, `expired`, or the kind of the error in words.
        reason: String,
        /// Bytes heard to be echoed.
        bytes_in: u64,
        /// Bytes that the kernel took for the peer.
        bytes_out: u64,
    },
}

/// A phase of a connection's life that leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Both sides may speak.
    #[default]
    Open,
    /// A stop was requested: what had been received is still echoed.
    Draining,
    /// Our FIN is out, the peer's is awaited.
    Lingering,
}
