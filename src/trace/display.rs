//! The wording of each event, shared by the text form, the timeline and the laboratory.

use super::record::{Event, Lane, PhaseName};
use crate::readiness::EventFlags;
use crate::server::{BlockingCall, LoopPhase, WakeSource};
use crate::text::units;
use std::fmt;
use std::time::Duration;

/// The event without its time and its lane: `read 64`, `wrote 64 of 64`, `closed: finished, …`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { timeout_ns } => match timeout_ns {
                None => f.write_str("waiting"),
                Some(0) => f.write_str("polling, without waiting"),
                Some(nanos) => write!(f, "waiting, up to {}", brief(*nanos)),
            },
            Self::Woke { events: 0 } => f.write_str("woke with no events"),
            Self::Woke { events: 1 } => f.write_str("woke with 1 event"),
            Self::Woke { events } => write!(f, "woke with {events} events"),
            Self::WokenBy { source } => write!(f, "woken by {source}"),
            Self::PhaseEntered { phase } => phase.fmt(f),
            Self::AcceptFailed { error } => write!(f, "accept failed: {error}"),
            Self::Refused { peer, error } => write!(f, "refused {peer}: {error}"),
            Self::AcceptPaused { reason } => write!(f, "accept paused: {reason}"),
            Self::AcceptResumed => f.write_str("accept resumed"),
            Self::DatagramReceived { peer, bytes } => {
                write!(f, "received a datagram of {bytes} bytes from {peer}")
            }
            Self::DatagramReplied { peer, bytes } => {
                write!(f, "sent a datagram of {bytes} bytes to {peer}")
            }
            Self::DatagramRefused { peer, reason } => {
                write!(f, "no reply to {peer}: {reason}")
            }
            Self::ReplyLost { peer, reason } => write!(f, "reply to {peer} lost: {reason}"),
            Self::ReceiveFailed { error } => write!(f, "receiving datagrams failed: {error}"),
            Self::Stopping { open_connections } => {
                write!(f, "stopping, open connections: {open_connections}")
            }
            Self::Ended => f.write_str("server ended"),
            Self::TraceLimitReached { records } => {
                write!(f, "trace limit reached after {records} records")
            }
            Self::Accepted { .. } => f.write_str("accepted"),
            Self::ProxyHeader { peer: Some(peer) } => write!(f, "PROXY header for {peer}"),
            Self::ProxyHeader { peer: None } => f.write_str("PROXY header without a peer"),
            Self::ProxyHeaderMissing { reason } => f.write_str(reason),
            Self::BannerSent { bytes } => write!(f, "sent the banner of {bytes} bytes"),
            Self::FlagsReported { flags } => flags.fmt(f),
            Self::ReadinessChanged { readable, writable } => {
                f.write_str(match (readable, writable) {
                    (true, true) => "readiness: readable and writable",
                    (true, false) => "readiness: readable",
                    (false, true) => "readiness: writable",
                    (false, false) => "readiness: none",
                })
            }
            Self::PhaseChanged { from, to } => write!(f, "phase {from} → {to}"),
            Self::BlockingCall { call } => write!(f, "blocking {call}"),
            Self::Unread { bytes } => write!(f, "unread {bytes}"),
            Self::Unacknowledged { bytes } => write!(f, "unacknowledged {bytes}"),
            Self::Read { bytes } => write!(f, "read {bytes}"),
            Self::ReadWouldBlock => f.write_str("read WouldBlock"),
            Self::PeerFinished => f.write_str("read the peer's FIN"),
            Self::Wrote { bytes, offered } => write!(f, "wrote {bytes} of {offered}"),
            Self::WriteWouldBlock => f.write_str("write WouldBlock"),
            Self::Queued { bytes } => write!(f, "queued {bytes}"),
            Self::ReadPaused => f.write_str("read paused"),
            Self::ReadResumed => f.write_str("read resumed"),
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

/// The names of epoll(7), without their prefix.
impl fmt::Display for EventFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let both_closed = self.read_closed && self.write_closed;
        let mut separator = "";
        for (is_set, name) in [
            (self.readable, "IN"),
            (self.writable, "OUT"),
            (self.priority, "PRI"),
            (self.read_closed && !both_closed, "RDHUP"),
            (both_closed, "HUP"),
            (self.error, "ERR"),
        ] {
            if is_set {
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
            Self::Datagrams => "a UDP socket",
            Self::Signals => "a signal",
            Self::Waker => "the waker",
        })
    }
}

impl fmt::Display for LoopPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admit => "admit phase",
            Self::Read => "read pass",
            Self::Write => "write pass",
            Self::Datagrams => "datagrams",
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

/// A number of nanoseconds as a duration with three digits and the unit that fits: `3.21 ms`, `12.0 s`.
pub(crate) fn brief(nanos: u64) -> String {
    units::value(Duration::from_nanos(nanos).as_secs_f64(), units::TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_flags_read_as_in_epoll() {
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
