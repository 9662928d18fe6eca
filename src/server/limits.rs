//! The limits of the server: each number with its unit and its reason.

use std::time::Duration;

/// Bytes of the read buffer: the most that one read brings in, and so the most that can be pending for one peer.
///
/// Chosen by measurement on streams of 64 KiB and 1 MiB messages: 64 KiB cost up to three times the processor time
/// per byte (ten streams, each left before its receive queue was empty), 512 KiB and 1 MiB gain on one stream and
/// lose on ten (what is sent has left the processor's cache). For small messages the size makes no difference.
pub const READ_BUFFER: usize = 256 * 1024;

/// Bytes of the largest read buffer that may be configured.
pub const LARGEST_READ_BUFFER: usize = 64 * 1024 * 1024;

/// Connections that may wait to be accepted, per listener. The kernel caps it (on Linux at `net.core.somaxconn`).
/// With std's 128, ten thousand peers that connect at once wait for SYN retries of a second and more.
pub const BACKLOG: u16 = 4096;

/// Events taken from the kernel in one wait. More would need fewer system calls, but delay the first echo.
pub(super) const EVENTS_PER_WAIT: usize = 1024;

/// Slab keys visited in one iteration of the loop when something concerns all connections: a tick of the idle clock, a
/// stop. For a tick, that many take 5 µs.
pub(super) const WALK_BUDGET: usize = 1024;

/// How many keys of [`WALK_BUDGET`] a visit counts for that leads to system calls. An idle connection is asked about and
/// closed by five of them, which take up to 25 µs: for 64 connections about a millisecond.
pub(super) const VISIT_WITH_SYSTEM_CALLS: usize = 16;

/// Connections accepted in one iteration of the loop, so that a storm of connects does not starve the connections that
/// are open.
pub(super) const ACCEPTS_PER_ITERATION: usize = 64;

/// Bytes after which the read pass ends and the write pass begins. Many small messages are handled together. Large amounts
/// are not: sending them is cheapest while they are still in the processor's cache.
pub(super) const READ_BUDGET: usize = 32 * 1024;

/// Datagrams of one source that are answered at once after a pause: more than a person or a health check sends.
pub const DATAGRAM_BURST: u32 = 1000;

/// After the burst, one datagram is answered per interval. Two servers that answer each other within a millisecond exceed
/// that rate; the datagram that exceeds it gets no reply, and the exchange ends.
pub const DATAGRAM_INTERVAL: Duration = Duration::from_millis(1);

/// Buckets that count the datagrams of all sources: 64 KiB of memory.
pub(super) const RATE_BUCKETS: usize = 4096;

/// Bytes of the receive buffer of a UDP socket. The kernel drops what does not fit, and it caps this (on Linux at
/// `net.core.rmem_max`).
#[cfg(feature = "udp")]
pub(super) const DATAGRAM_BUFFER: usize = 1024 * 1024;

/// Receives in a row that may fail before a UDP socket waits for its next event: an error that lasts must not make the loop
/// spin.
pub(super) const FAILED_RECEIVES_IN_A_ROW: u32 = 128;

/// How long the listeners pause when the process or the system is out of descriptors or memory. A descriptor must be
/// closed first; trying more often would only burn processor time.
pub(super) const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts in a row that may fail for reasons of the peer before the listeners pause: an error that concerns every peer,
/// such as EPERM from a security module, must not make the loop spin.
pub(super) const FAILED_ACCEPTS_IN_A_ROW: u32 = 128;

/// Within this time after the first signal that requests a stop, further ones count as its repetition.
pub(super) const SIGNAL_REPEAT: Duration = Duration::from_secs(1);

/// Ticks per idle timeout: expiry is late by one tick at most.
pub(super) const IDLE_TICKS: u32 = 8;

/// The shortest idle timeout that may be configured: a tick must not be shorter than the poll's resolution of a
/// millisecond.
pub const SHORTEST_IDLE_TIMEOUT: Duration = Duration::from_millis(8);

/// How long a stop waits for the peers to finish.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to send its PROXY header: time for a segment to be lost and sent again, twice.
#[cfg(feature = "preamble")]
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Descriptors that are not for connections: the standard three, poll, waker, the signal pipe, the shutdown pipe,
/// listeners, and some for the libraries underneath.
pub(super) const RESERVED_DESCRIPTORS: u64 = 32;

/// Bytes of a thread's stack. A connection needs a few hundred; the rest is for formatting a log line. The read buffer
/// is on the heap.
pub(super) const THREAD_STACK: usize = 64 * 1024;

/// The longest that a thread blocks in recv(2) or send(2), where it cannot notice a stop (see `threads`). Short enough
/// not to be noticed in a stop, long enough that a busy connection never times out.
pub(super) const BLOCKING_CALL_TIMEOUT: Duration = Duration::from_millis(50);
