//! The one wording of each fact: the text form, the timeline and the lab all use it.

use super::record::{Event, Lane, PhaseName};
use crate::readiness::EventFlags;
use crate::server::{BlockingCall, LoopPhase, WakeSource};
use crate::text::units;
use std::fmt;
use std::time::Duration;

/// The event in words, without its time and its lane: `read 64`, `wrote 64 of 64`, `closed: finished`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits { timeout } => match timeout {
                None => f.write_str("waits"),
                Some(0) => f.write_str("looks, without waiting"),
                Some(nanos) => write!(f, "waits, up to {}", brief(*nanos)),
            },
            Self::Woke { events } => write!(f, "woke with {}", Events(*events)),
            Self::Called { by } => write!(f, "called by {by}"),
            Self::Enters { part } => write!(f, "{part}"),
            Self::AcceptFailed { error } => write!(f, "accept: {error}"),
            Self::Refused { peer, error } => write!(f, "refused {peer}: {error}"),
            Self::AcceptPaused { reason } => write!(f, "accept paused: {reason}"),
            Self::AcceptResumed => f.write_str("accept resumed"),
            Self::Stopping { open } => write!(f, "stopping, {open} open"),
            Self::Ended => f.write_str("ended"),
            Self::LimitReached { records } => {
                write!(f, "the limit of {records} records is reached")
            }
            Self::Accepted { .. } => f.write_str("accepted"),
            Self::Hinted(hints) => hints.fmt(f),
            Self::Believes { readable, writable } => f.write_str(match (readable, writable) {
                (true, true) => "ready to read and to write",
                (true, false) => "ready to read",
                (false, true) => "ready to write",
                (false, false) => "not ready",
            }),
            Self::Phase { from, to } => write!(f, "phase {from} → {to}"),
            Self::Calls { call } => write!(f, "calls {call}"),
            Self::Read { bytes } => write!(f, "read {bytes}"),
            Self::ReadWouldBlock => f.write_str("read WouldBlock"),
            Self::PeerFinished => f.write_str("read the peer's FIN"),
            Self::Wrote { bytes, offered } => write!(f, "wrote {bytes} of {offered}"),
            Self::WriteWouldBlock => f.write_str("write WouldBlock"),
            Self::Queued { bytes } => write!(f, "queued {bytes}"),
            Self::Paused => f.write_str("paused"),
            Self::Resumed => f.write_str("resumed"),
            Self::Yielded => f.write_str("yielded"),
            Self::Discarded { bytes } => write!(f, "discarded {bytes}"),
            Self::FinSent => f.write_str("sent our FIN"),
            Self::Closed {
                reason,
                bytes_in,
                bytes_out,
            } => write!(f, "closed: {reason}, {bytes_in} in, {bytes_out} out"),
        }
    }
}

impl Event {
    /// The name of its kind, as in JSON Lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waits { .. } => "waits",
            Self::Woke { .. } => "woke",
            Self::Called { .. } => "called",
            Self::Enters { .. } => "enters",
            Self::AcceptFailed { .. } => "accept_failed",
            Self::Refused { .. } => "refused",
            Self::AcceptPaused { .. } => "accept_paused",
            Self::AcceptResumed => "accept_resumed",
            Self::Stopping { .. } => "stopping",
            Self::Ended => "ended",
            Self::LimitReached { .. } => "limit_reached",
            Self::Accepted { .. } => "accepted",
            Self::Hinted(_) => "hinted",
            Self::Believes { .. } => "believes",
            Self::Phase { .. } => "phase",
            Self::Calls { .. } => "calls",
            Self::Read { .. } => "read",
            Self::ReadWouldBlock => "read_would_block",
            Self::PeerFinished => "peer_finished",
            Self::Wrote { .. } => "wrote",
            Self::WriteWouldBlock => "write_would_block",
            Self::Queued { .. } => "queued",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Yielded => "yielded",
            Self::Discarded { .. } => "discarded",
            Self::FinSent => "fin_sent",
            Self::Closed { .. } => "closed",
        }
    }
}

struct Events(usize);

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("no event"),
            1 => f.write_str("1 event"),
            count => write!(f, "{count} events"),
        }
    }
}

impl fmt::Display for EventFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both_closed = self.read_closed && self.write_closed;
        let mut separator = "";
        for (given, name) in [
            (self.readable, "IN"),
            (self.writable, "OUT"),
            (self.priority, "PRI"),
            (self.read_closed && !both_closed, "RDHUP"),
            (both_closed, "HUP"),
            (self.error, "ERR"),
        ] {
            if given {
                write!(f, "{separator}{name}")?;
                separator = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("loop"),
            Self::Connection(number) => write!(f, "#{number}"),
        }
    }
}

impl fmt::Display for WakeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener => "a listener",
            Self::Signals => "a signal",
            Self::Waker => "the waker",
        })
    }
}

impl fmt::Display for LoopPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admit => "admits",
            Self::Read => "read pass",
            Self::Write => "write pass",
        })
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Draining => "Draining",
            Self::Lingering => "Lingering",
        })
    }
}

impl fmt::Display for BlockingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// A time of so many nanoseconds, in three digits and the unit that fits: `3.21 ms`, `12.0 s`.
pub fn brief(nanos: u64) -> String {
    units::value(Duration::from_nanos(nanos).as_secs_f64(), units::TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_read_as_in_epoll() {
        let fin = EventFlags {
            readable: true,
            writable: true,
            read_closed: true,
            ..EventFlags::default()
        };
        assert_eq!(fin.to_string(), "IN OUT RDHUP");
        let reset = EventFlags {
            write_closed: true,
            error: true,
            ..fin
        };
        assert_eq!(reset.to_string(), "IN OUT HUP ERR");
    }
}
