//! How many connections the system allows.

use super::limits::RESERVED_DESCRIPTORS;
use super::mode::Mode;
use rustix::io::Errno;
use std::fs;
use std::io;

/// Raises this process's soft limit on open files to the hard one, and returns what it was. If that fails, the soft limit is
/// unchanged. `None` if it cannot be read. Source: getrlimit(2), `RLIMIT_NOFILE`.
pub fn raise_descriptor_limit() -> Option<u64> {
    let before = rlimit::Resource::NOFILE.get_soft().ok();
    let _unchanged = rlimit::increase_nofile_limit(u64::MAX);
    before
}

/// How many connections the system allows this process to hold in `mode`: as many as fit within the limit on open files
/// and, with a thread for each, within the limit on memory mappings. If the former cannot be read, 1024 is assumed; if
/// the latter cannot, there is none.
pub fn connections_that_fit(mode: Mode) -> usize {
    let (files, _hard) = rlimit::Resource::NOFILE.get().unwrap_or((1024, 1024));
    let threads = match mode {
        Mode::EventLoop => None,
        Mode::Threads => threads_that_fit(),
    };
    connections_within(files, threads)
}

/// How many connections fit within a limit on open files and one on threads. At least one.
fn connections_within(files: u64, threads: Option<u64>) -> usize {
    let files = files.saturating_sub(RESERVED_DESCRIPTORS);
    let limit = files.min(threads.unwrap_or(u64::MAX));
    usize::try_from(limit.max(1)).unwrap_or(usize::MAX)
}

/// Memory mappings of one thread: its stack with the guard page, its signal stack with another one, and its read buffer.
const MAPPINGS_PER_THREAD: u64 = 5;

/// Mappings beyond those at start that are not for connections: arenas of the allocator, libraries.
const RESERVED_MAPPINGS: u64 = 512;

/// How many threads this process can start before a mapping fails; `None` if the limit is not known.
///
/// A mapping that fails while a thread starts ends the whole process: std maps a thread's signal stack in the thread
/// itself, and aborts if it cannot. Source: proc(5), `/proc/sys/vm/max_map_count`.
fn threads_that_fit() -> Option<u64> {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
    let limit: u64 = limit.trim().parse().ok()?;
    let used = fs::read_to_string("/proc/self/maps").ok()?.lines().count() as u64;
    Some(limit.saturating_sub(used + RESERVED_MAPPINGS) / MAPPINGS_PER_THREAD)
}

/// The limit on the process's address space (getrlimit(2), `RLIMIT_AS`), which is rarely set.
#[derive(Debug)]
pub(super) struct AddressSpace {
    /// Bytes; `None` for no limit.
    limit: Option<u64>,
    /// The most threads that were started at once.
    peak: usize,
}

impl AddressSpace {
    /// Bytes that must be free for a thread to start: its stacks, its heap, and those of others that are starting.
    const MARGIN: u64 = 16 * 1024 * 1024;

    pub(super) fn new() -> Self {
        let limit = rlimit::Resource::AS.get().ok().map(|(limit, _hard)| limit);
        Self {
            limit: limit.filter(|limit| *limit != rlimit::INFINITY),
            peak: 0,
        }
    }

    /// Takes room for one more thread beside the `open` ones. A thread that does not fit would end the process.
    ///
    /// The C library keeps the stacks and the heaps of threads that have ended, for the next ones. So there is room for
    /// half as many threads as there have been at once, however large the process is.
    ///
    /// # Errors
    ///
    /// ENOMEM: the margin is not free any more.
    pub(super) fn take_room_for_a_thread(&mut self, open: usize) -> io::Result<()> {
        let Some(limit) = self.limit.filter(|_| open >= self.peak / 2) else {
            return Ok(());
        };
        let statm = fs::read_to_string("/proc/self/statm")?;
        let pages: u64 = statm
            .split(' ')
            .next()
            .and_then(|pages| pages.parse().ok())
            .unwrap_or(0);
        let used = pages * rustix::param::page_size() as u64;
        if used + Self::MARGIN > limit {
            return Err(Errno::NOMEM.into());
        }
        self.peak = self.peak.max(open);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_decides_and_one_connection_always_fits() {
        assert_eq!(connections_within(1032, None), 1000);
        assert_eq!(connections_within(1032, Some(2000)), 1000);
        assert_eq!(connections_within(1032, Some(7)), 7);
        assert_eq!(connections_within(32, None), 1);
        assert_eq!(connections_within(0, Some(0)), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_limit_on_mappings_limits_the_threads() {
        let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let limit: u64 = limit.trim().parse().unwrap();
        let threads = threads_that_fit().unwrap();
        assert!(threads * MAPPINGS_PER_THREAD < limit);
        let all = connections_that_fit(Mode::Threads);
        assert!(u64::try_from(all).unwrap() <= threads.max(1) + 8, "{all}");
    }
}
