//! Whether the limits on this process leave memory for one more thread, or for a larger buffer.
//!
//! Few allocations can fail without ending the process: std aborts when a small one does, and when a new thread cannot
//! map its signal stack. So the large ones ask here first, and leave a [`RESERVE`] for the small ones.
//!
//! What cannot be excluded: only `RLIMIT_AS` and `RLIMIT_DATA` are known here (getrlimit(2)), and only on Linux with `/proc`
//! mounted. A limit that is first met elsewhere (cgroups(7), `vm.overcommit_memory` 2 of proc(5)), or a mapping that the
//! kernel refuses for another reason, can still end the process.

use super::capacity::memory_limits;
use super::limits::THREAD_STACK;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are left for small allocations: a heap grows by 132 KiB, and there are up to eight for each core.
const RESERVE: u64 = 2 * 1024 * 1024;

/// Bytes for threads: without them the server does not start, and a large buffer leaves them. The C library keeps much of
/// what is freed, so what buffers have taken does not come back for the stacks of threads.
const THREADS: u64 = 8 * 1024 * 1024;

/// Bytes that a thread maps before it echoes: its stack, its signal stack, and, if there are few, a heap of 132 KiB.
const THREAD: u64 = THREAD_STACK as u64 + 192 * 1024;

/// The memory that is left, less what is about to be mapped.
#[derive(Debug)]
pub(super) struct MemoryRoom {
    /// What this process has mapped: `/proc/self/statm` (proc(5)), kept open. Without it, that is taken to be nothing.
    statm: Option<File>,
    /// Bytes of all [`Reservation`]s.
    reserved: AtomicU64,
}

impl MemoryRoom {
    /// The memory of this process.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            statm: File::open("/proc/self/statm").ok(),
            reserved: AtomicU64::new(0),
        })
    }

    /// Checks that there is room for some threads.
    ///
    /// # Errors
    ///
    /// ENOMEM: there is none.
    pub(super) fn check() -> io::Result<()> {
        Self::new().reserve(THREADS, RESERVE).map(drop)
    }

    /// Reserves what one more thread maps, beside `open` ones. The first may use the reserve: the C library keeps some
    /// memory of the threads that have ended, so there might never be more room than that.
    ///
    /// # Errors
    ///
    /// ENOMEM: there is no room for it.
    pub(super) fn reserve_thread(self: &Arc<Self>, open: usize) -> io::Result<Reservation> {
        let reserve = if open == 0 { 0 } else { RESERVE };
        self.reserve(THREAD, reserve)
    }

    /// Reserves the bytes of a buffer.
    ///
    /// # Errors
    ///
    /// ENOMEM: there is no room for it.
    pub(super) fn reserve_buffer(self: &Arc<Self>, bytes: usize) -> io::Result<Reservation> {
        self.reserve(bytes as u64, RESERVE + THREADS)
    }

    fn reserve(self: &Arc<Self>, bytes: u64, reserve: u64) -> io::Result<Reservation> {
        let reserved = self.reserved.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let reservation = Reservation {
            room: Arc::clone(self),
            bytes,
        };
        if self.left() < reserved + reserve {
            return Err(Errno::NOMEM.into());
        }
        Ok(reservation)
    }

    /// Bytes that may still be mapped.
    fn left(&self) -> u64 {
        let limits = memory_limits();
        if limits == [u64::MAX; 2] {
            return u64::MAX;
        }
        let mapped = self.statm.as_ref().and_then(mapped).unwrap_or_default();
        let left =
            std::iter::zip(limits, mapped).map(|(limit, mapped)| limit.saturating_sub(mapped));
        left.min().unwrap_or(u64::MAX)
    }
}

/// Room for what is about to be mapped. Dropped once it is, so that it does not count twice.
#[derive(Debug)]
pub(super) struct Reservation {
    room: Arc<MemoryRoom>,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.room.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes that `RLIMIT_AS` counts, and bytes that `RLIMIT_DATA` counts, and those of the main thread's stack.
fn mapped(statm: &File) -> Option<[u64; 2]> {
    let mut text = [0; 256];
    let length = statm.read_at(&mut text, 0).ok()?;
    mapped_pages(text.get(..length)?)
        .map(|pages| pages.map(|pages| pages * rustix::param::page_size() as u64))
}

/// The fields `size` and `data` of proc(5), `/proc/pid/statm`.
fn mapped_pages(statm: &[u8]) -> Option<[u64; 2]> {
    let text = std::str::from_utf8(statm).ok()?;
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    let size = fields.next()?.ok()?;
    let data = fields.nth(4)?.ok()?;
    Some([size, data])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_is_the_first_field_and_what_is_data_the_sixth() {
        let statm = b"5555 1444 1111 222 0 777 0\n";
        assert_eq!(mapped_pages(statm), Some([5555, 777]));
        assert_eq!(mapped_pages(b"5555 1444"), None);
        assert_eq!(mapped_pages(b""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_larger_process_has_mapped_more() {
        const MORE: usize = 64 << 20;
        let room = MemoryRoom::new();
        let mapped = || mapped(room.statm.as_ref().unwrap()).unwrap();
        let before = mapped();
        let bytes = std::hint::black_box(Vec::<u8>::with_capacity(MORE));
        let after = mapped();
        drop(bytes);
        for (before, after) in before.into_iter().zip(after) {
            assert!(after > before, "{before} {after}");
        }
    }

    #[test]
    fn a_reservation_counts_until_it_is_dropped() {
        let room = MemoryRoom::new();
        let reserved = || room.reserved.load(Ordering::Relaxed);
        let first = room.reserve(5, 0).unwrap();
        let second = room.reserve(7, 0).unwrap();
        assert_eq!(reserved(), 12);
        drop(first);
        assert_eq!(reserved(), 7);
        drop(second);
        assert_eq!(reserved(), 0);
    }
}
