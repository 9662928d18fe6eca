//! Pinning threads and processes to processor cores (`sched_setaffinity(2)`).
//!
//! A server and its load generator disturb each other least on separate cores, and a pinned thread keeps its
//! caches warm. Only Linux is supported.

use std::fs;
use std::io;

/// The cores that this thread may run on, by the kernel's numbers, in order. Empty if they cannot be determined.
pub fn allowed() -> Vec<usize> {
    system::allowed()
}

/// The cores that this thread may use, in groups that are hardware threads of one physical core (SMT) and take time from
/// each other. Only groups of several; none where the system does not show them.
pub fn siblings() -> Vec<Vec<usize>> {
    groups(&allowed(), |core| {
        let file = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        fs::read_to_string(file).ok()
    })
}

/// The groups among `cores`, of which `list` returns the siblings as the kernel writes them: `0,4` or `0-1`.
fn groups(cores: &[usize], list: impl Fn(usize) -> Option<String>) -> Vec<Vec<usize>> {
    let siblings = cores.iter().filter_map(|core| parse_list(&list(*core)?));
    let mut groups: Vec<Vec<usize>> = siblings.filter(|group| group.len() > 1).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// A list of cores as the kernel writes it: numbers and ranges, separated by commas.
fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        cores.extend(first..=last.min(first.saturating_add(MOST_SIBLINGS)));
    }
    Some(cores)
}

/// No physical core has that many threads.
const MOST_SIBLINGS: usize = 1023;

/// `core 0`, `cores 0, 2`.
pub(in crate::measure) fn list(cores: &[usize]) -> String {
    let numbers: Vec<String> = cores.iter().map(usize::to_string).collect();
    let noun = if cores.len() == 1 { "core" } else { "cores" };
    format!("{noun} {}", numbers.join(", "))
}

/// `0 and 4`, `0 and 1 and 2`.
pub(super) fn and_list(cores: &[usize]) -> String {
    let numbers: Vec<String> = cores.iter().map(usize::to_string).collect();
    numbers.join(" and ")
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

/// Runs `work`, which starts a tool, where this thread or the process `pid` may run; afterwards this thread may run where it
/// could before. A load generator that is pinned would otherwise share its cores with the tool.
pub(super) fn while_beside<T>(pid: u32, work: impl FnOnce() -> T) -> T {
    system::while_beside(pid, work)
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::Pid;
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

    pub(super) fn while_beside<T>(pid: u32, work: impl FnOnce() -> T) -> T {
        let before = sched_getaffinity(None);
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let of_process = pid.map(|pid| sched_getaffinity(Some(pid)));
        let (Ok(before), Some(Ok(mut both))) = (before, of_process) else {
            return work();
        };
        for core in (0..CpuSet::MAX_CPU).filter(|&core| before.is_set(core)) {
            both.set(core);
        }
        // Where it is not allowed, the tool starts on the cores of this thread.
        let _widened = sched_setaffinity(None, &both);
        let done = work();
        let _restored = sched_setaffinity(None, &before);
        done
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

    pub(super) fn while_beside<T>(_pid: u32, work: impl FnOnce() -> T) -> T {
        work()
    }

    pub(super) fn while_pinned_to<T>(_cores: &[usize], _work: impl FnOnce() -> T) -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;
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
    fn the_threads_of_a_physical_core_are_one_group() {
        let list = |core| match core {
            0 | 4 => Some("0,4\n".to_owned()),
            1 | 2 => Some("1-2\n".to_owned()),
            3 => Some("3\n".to_owned()),
            _ => None,
        };
        assert_eq!(groups(&[0, 1, 2, 3, 4, 5], list), [vec![0, 4], vec![1, 2]]);
        assert_eq!(groups(&[0], |_| Some("x".to_owned())), [[0_usize; 0]; 0]);
        let own = siblings();
        assert!(own.iter().all(|group| group.len() > 1), "{own:?}");
    }

    #[test]
    fn affinity_is_restored_when_the_work_is_done() {
        let before = allowed();
        let core = before[0];
        assert_eq!(while_pinned_to(&[core], allowed).unwrap(), [core]);
        assert_eq!(allowed(), before);
    }

    #[test]
    fn a_tool_may_run_where_the_server_does() {
        let all = allowed();
        let [first, .., last] = all[..] else {
            eprintln!("skipped: this machine has one core");
            return;
        };
        let start = || Command::new("sleep").arg("60").spawn().unwrap();
        let mut server = while_pinned_to(&[first], start).unwrap();
        let beside = || while_beside(server.id(), allowed);
        assert_eq!(while_pinned_to(&[last], beside).unwrap(), [first, last]);
        assert_eq!(allowed(), all);
        server.kill().unwrap();
        server.wait().unwrap();
    }

    #[test]
    fn a_core_that_does_not_exist_is_an_error() {
        assert!(pin_this_thread(&[1023]).is_err());
        assert!(pin_this_thread(&[usize::MAX]).is_err());
    }
}
