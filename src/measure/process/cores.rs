//! Pinning threads and processes to processor cores (`sched_setaffinity(2)`).
//!
//! A server and its load generator disturb each other least on separate cores, and a pinned thread keeps its
//! caches warm. Only Linux is supported.

use std::io;

/// The cores that this thread may run on, by the kernel's numbers, in order. Empty if they cannot be determined.
pub fn allowed() -> Vec<usize> {
    system::allowed()
}

/// `core 0`, `cores 0, 2`.
pub(in crate::measure) fn list(cores: &[usize]) -> String {
    let numbers: Vec<String> = cores.iter().map(usize::to_string).collect();
    let noun = if cores.len() == 1 { "core" } else { "cores" };
    format!("{noun} {}", numbers.join(", "))
}

/// Pins the calling thread to `cores`, and with it every thread and process that it starts from now on.
///
/// # Errors
///
/// None of the cores exists, this process may use none of them, or the system is not supported.
pub fn pin_this_thread(cores: &[usize]) -> io::Result<()> {
    system::pin_this_thread(cores)
}

/// Runs `work` on `cores` and returns its result; afterwards this thread may run where it could before. A process
/// started by `work` stays on `cores`: affinity is inherited through fork(2) and execve(2).
pub(super) fn while_pinned_to<T>(cores: &[usize], work: impl FnOnce() -> T) -> io::Result<T> {
    system::while_pinned_to(cores, work)
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use std::io;

    /// The call fails on a machine with more cores than a `CpuSet` can hold.
    pub(super) fn allowed() -> Vec<usize> {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        (0..CpuSet::MAX_CPU)
            .filter(|&core| allowed.is_set(core))
            .collect()
    }

    pub(super) fn pin_this_thread(cores: &[usize]) -> io::Result<()> {
        let mut only = CpuSet::new();
        for &core in cores {
            if core >= CpuSet::MAX_CPU {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            only.set(core);
        }
        Ok(sched_setaffinity(None, &only)?)
    }

    pub(super) fn while_pinned_to<T>(cores: &[usize], work: impl FnOnce() -> T) -> io::Result<T> {
        let before = sched_getaffinity(None)?;
        pin_this_thread(cores)?;
        let done = work();
        sched_setaffinity(None, &before)?;
        Ok(done)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    pub(super) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin_this_thread(_cores: &[usize]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn while_pinned_to<T>(_cores: &[usize], _work: impl FnOnce() -> T) -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_pinned_thread_may_run_on_one_core_and_its_parent_on_all() {
        let before = allowed();
        let core = *before.last().unwrap();
        let pinned = thread::spawn(move || {
            pin_this_thread(&[core]).unwrap();
            allowed()
        });
        assert_eq!(pinned.join().unwrap(), [core]);
        assert_eq!(allowed(), before);
    }

    #[test]
    fn affinity_is_restored_when_the_work_is_done() {
        let before = allowed();
        let core = before[0];
        assert_eq!(while_pinned_to(&[core], allowed).unwrap(), [core]);
        assert_eq!(allowed(), before);
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error() {
        assert!(pin_this_thread(&[1023]).is_err());
        assert!(pin_this_thread(&[usize::MAX]).is_err());
    }
}
