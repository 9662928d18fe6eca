//! What one system call of a connection did: the raw material of statistics, traces and tests.

/// One thing that happened on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// A read moved `bytes`, which are to be echoed.
    Read {
        /// Never zero.
        bytes: usize,
    },
    /// A read found nothing.
    ReadWouldBlock,
    /// A read met the peer's FIN.
    PeerFinished,
    /// The kernel took `bytes` of the `offered` ones.
    Wrote {
        /// Never zero.
        bytes: usize,
        /// How many the write was given.
        offered: usize,
    },
    /// The kernel took nothing.
    WriteWouldBlock,
    /// What the kernel refused was kept: the write queue now holds `bytes`.
    Queued {
        /// Never zero.
        bytes: usize,
    },
    /// A read moved `bytes` that will not be echoed: our FIN is already out.
    Discarded {
        /// Never zero.
        bytes: usize,
    },
    /// Our FIN was sent while the peer may still send.
    FinSent,
}
