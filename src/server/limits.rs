//! The limits of the server: each number with its unit and its reason.

use std::time::Duration;

/// Bytes of the read buffer: the most that one read brings in, and so the most that one peer can be pending.
///
/// Chosen by measurement on streams of 64 KiB and 1 MiB messages: 64 KiB cost up to three times the CPU
/// time per byte (ten streams, each left before its receive queue was empty), 512 KiB and 1 MiB gain on
/// one stream and lose on ten (what is sent has left the processor's cache). Small messages do not care.
pub const READ_BUFFER: usize = 256 * 1024;

/// Bytes of the largest read buffer that may be asked for.
pub const LARGEST_READ_BUFFER: usize = 64 * 1024 * 1024;

/// Connections that may wait to be accepted, per listener. The kernel caps it (on Linux at
/// `net.core.somaxconn`). With std's 128, ten thousand peers that connect at once meet SYN retries of
/// a second and more.
pub const BACKLOG: u16 = 4096;

/// Events taken from the kernel in one wait. More would serve fewer system calls, but wait longer
/// before the first of them is answered.
pub(super) const EVENTS_PER_WAIT: usize = 1024;

/// Connections accepted in one turn of the loop, so that a storm of connects does not keep those who are
/// in from being served.
pub(super) const ACCEPTS_PER_TURN: usize = 64;

/// Bytes that are received, from as many connections as it takes, before they are answered. Many small
/// messages belong together; a bulk of bytes does not: it is cheapest to send while it is still in the
/// processor's cache.
pub(super) const READ_BUDGET: usize = 32 * 1024;

/// How long the listeners pause when the process or the system is out of descriptors or memory.
/// Somebody has to close something first; trying more often would only burn time.
pub(super) const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// An idle timeout is told in so many ticks: expiry is late by one of them at most.
pub(super) const IDLE_TICKS: u32 = 8;

/// The shortest idle timeout that may be asked for: a tick must not be shorter than the poll's
/// resolution of a millisecond.
pub const SHORTEST_IDLE_TIMEOUT: Duration = Duration::from_millis(8);

/// How long a stop waits for the peers to finish.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Descriptors that are not for connections: the standard three, poll, waker, the signal pipe, the bell,
/// listeners, and some for the libraries underneath.
pub(super) const RESERVED_DESCRIPTORS: u64 = 32;

/// Bytes of a thread's stack. A conversation needs a few hundred; the rest is for the formatting of a
/// log line. The buffer is on the heap.
pub(super) const THREAD_STACK: usize = 64 * 1024;

/// The longest that a blocked thread stays deaf to everything but its socket (see `conversation`). Short
/// enough that nobody notices it in a stop, long enough that a conversation in full flow never looks up.
pub(super) const LONGEST_BLOCKING_CALL: Duration = Duration::from_millis(50);

/// Raises this process's soft limit on open files to the hard one. Where that fails, the soft one stays.
/// Source: getrlimit(2), `RLIMIT_NOFILE`.
pub fn raise_descriptor_limit() {
    let _stays_as_it_is = rlimit::increase_nofile_limit(u64::MAX);
}

/// How many connections fit below the limit on open files. Where it cannot be read, 1024 is assumed.
pub fn connections_that_fit() -> usize {
    let (limit, _hard) = rlimit::Resource::NOFILE.get().unwrap_or((1024, 1024));
    let room = limit.saturating_sub(RESERVED_DESCRIPTORS).max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}
