//! The life of one connection, as one value and one total function.
//!
//! ```text
//! Open      ── peer's FIN ──────────────► Closed(Finished)
//!
//! Open      ── stop requested ──────────► Draining
//! Draining  ── peer's FIN ──────────────► Closed(Finished)
//! Draining  ── all echoed, our FIN ─────► Lingering
//! Lingering ── peer's FIN ──────────────► Closed(Finished)
//!
//! any       ── I/O error ───────────────► Closed(Failed(failure))
//! any       ── deadline ────────────────► Closed(TimedOut(deadline))
//! ```
//!
//! There is no half-closed phase, although peers half-close all the time. A connection with pending bytes does not
//! read, so it meets the peer's FIN only when everything before it has been written; until then the FIN waits in the
//! kernel (CLOSE-WAIT). When the FIN is read nothing is pending, and closing the socket sends ours.

use super::failure::IoFailure;
use std::fmt;

/// Where a connection is in its life. TCP's own names for it (RFC 9293, section 3.3.2) are given beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Both sides may send (ESTABLISHED; CLOSE-WAIT while a FIN waits behind unread bytes).
    Open,
    /// A stop was requested: what the kernel had received by then is still echoed (ESTABLISHED or CLOSE-WAIT).
    ///
    /// Counted, not timed: a peer that never pauses gets our FIN as soon as those bytes are echoed, and a peer that
    /// reads slowly gets all of them, within the time that the stop may take.
    Draining {
        /// Bytes that the kernel had received and the connection has not read yet.
        unread: u32,
    },
    /// Our FIN is sent and the peer's is awaited; what arrives meanwhile is discarded (FIN-WAIT-1, FIN-WAIT-2; CLOSING if
    /// the two FINs crossed; LAST-ACK if the peer's had arrived before ours was sent).
    ///
    /// Without this phase the socket could be closed over unread input. The kernel would answer with RST, and an RST
    /// can destroy bytes that are still on their way to the peer (RFC 1122, section 4.2.2.13).
    Lingering,
    /// Nothing is left to do but to close the socket.
    Closed(Reason),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both sides have sent everything and finished.
    Finished,
    /// A read or a write failed: reset, broken pipe, timed out, …
    Failed(IoFailure),
    /// A deadline passed.
    TimedOut(Deadline),
}

/// A deadline that ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// The idle timeout: no byte moved for too long.
    Idle,
    /// The drain timeout: a stop took too long.
    Drain,
}

/// Something that happened to a connection and may move its phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A read met the end of the input.
    PeerFinished,
    /// A read moved bytes.
    Received {
        /// Never zero.
        bytes: usize,
    },
    /// The server was asked to stop.
    StopRequested {
        /// Bytes that the kernel has received and the connection has not read.
        unread: u32,
    },
    /// Our FIN was sent while the peer may still send.
    FinSent,
    /// A system call on the socket failed for good.
    Failed(IoFailure),
    /// A deadline passed.
    TimedOut(Deadline),
}

impl Phase {
    /// The phase after `cause`. Total: a cause that means nothing in a phase leaves it unchanged.
    #[must_use]
    pub fn after(self, cause: Cause) -> Self {
        match (self, cause) {
            (Self::Closed(reason), _) => Self::Closed(reason),
            (_, Cause::Failed(failure)) => Self::Closed(Reason::Failed(failure)),
            (_, Cause::TimedOut(deadline)) => Self::Closed(Reason::TimedOut(deadline)),

            (Self::Open, Cause::StopRequested { unread }) => Self::Draining { unread },
            (Self::Draining { unread }, Cause::Received { bytes }) => Self::Draining {
                unread: unread.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX)),
            },
            (Self::Draining { .. }, Cause::FinSent) => Self::Lingering,
            (Self::Open | Self::Draining { .. } | Self::Lingering, Cause::PeerFinished) => {
                Self::Closed(Reason::Finished)
            }

            (Self::Open, Cause::Received { .. } | Cause::FinSent)
            | (Self::Draining { .. }, Cause::StopRequested { .. })
            | (
                Self::Lingering,
                Cause::Received { .. } | Cause::StopRequested { .. } | Cause::FinSent,
            ) => self,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Failed(failure) => failure.fmt(f),
            Self::TimedOut(Deadline::Idle) => f.write_str("idle timeout"),
            Self::TimedOut(Deadline::Drain) => f.write_str("drain timeout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    const RESET: IoFailure = IoFailure::Kind(ErrorKind::ConnectionReset);

    const OPEN_PHASES: [Phase; 3] = [Phase::Open, Phase::Draining { unread: 9 }, Phase::Lingering];

    const CAUSES: [Cause; 7] = [
        Cause::PeerFinished,
        Cause::Received { bytes: 4 },
        Cause::StopRequested { unread: 9 },
        Cause::FinSent,
        Cause::Failed(RESET),
        Cause::TimedOut(Deadline::Idle),
        Cause::TimedOut(Deadline::Drain),
    ];

    #[test]
    fn a_closed_connection_keeps_its_reason() {
        for reason in [
            Reason::Finished,
            Reason::Failed(RESET),
            Reason::TimedOut(Deadline::Idle),
        ] {
            for cause in CAUSES {
                assert_eq!(Phase::Closed(reason).after(cause), Phase::Closed(reason));
            }
        }
    }

    #[test]
    fn every_phase_can_fail_and_expire() {
        for phase in OPEN_PHASES {
            let failed = phase.after(Cause::Failed(RESET));
            assert_eq!(failed, Phase::Closed(Reason::Failed(RESET)));
            for deadline in [Deadline::Idle, Deadline::Drain] {
                let timed_out = phase.after(Cause::TimedOut(deadline));
                assert_eq!(timed_out, Phase::Closed(Reason::TimedOut(deadline)));
            }
        }
    }

    #[test]
    fn no_phase_leads_back_to_an_earlier_one() {
        for phase in OPEN_PHASES {
            for first in CAUSES {
                for second in CAUSES {
                    let next = phase.after(first);
                    let back = next.after(second) == phase && next != phase;
                    assert!(!back, "{phase:?} → {next:?} → {phase:?}");
                }
            }
        }
    }

    #[test]
    fn a_phase_that_reads_ends_with_the_peers_fin() {
        for phase in OPEN_PHASES {
            let closed = phase.after(Cause::PeerFinished);
            assert_eq!(closed, Phase::Closed(Reason::Finished));
        }
    }

    #[test]
    fn a_stop_drains_what_was_received_then_lingers_then_finishes() {
        let draining = Phase::Open.after(Cause::StopRequested { unread: 9 });
        assert_eq!(draining, Phase::Draining { unread: 9 });
        let less = draining.after(Cause::Received { bytes: 4 });
        assert_eq!(less, Phase::Draining { unread: 5 });
        let none = less.after(Cause::Received { bytes: 6 });
        assert_eq!(none, Phase::Draining { unread: 0 });
        let lingering = none.after(Cause::FinSent);
        assert_eq!(lingering, Phase::Lingering);
        let closed = lingering.after(Cause::PeerFinished);
        assert_eq!(closed, Phase::Closed(Reason::Finished));
    }
}
