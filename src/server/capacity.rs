//! How many connections the system allows, as far as that is known at start. Limits on memory are looked at when a thread
//! is to start (`memory`).

use super::limits::RESERVED_DESCRIPTORS;
use super::mode::Mode;
use std::fs;

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

/// The limits on the address space and on the data of this process, in bytes, `u64::MAX` for none: getrlimit(2), `RLIMIT_AS`
/// and `RLIMIT_DATA`.
pub(super) fn memory_limits() -> [u64; 2] {
    [rlimit::Resource::AS, rlimit::Resource::DATA].map(|resource| match resource.get() {
        Ok((rlimit::INFINITY, _)) | Err(_) => u64::MAX,
        Ok((limit, _hard)) => limit,
    })
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
