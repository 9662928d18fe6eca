//! What a process has cost so far, seen from outside.

use std::io;
use std::time::Duration;

/// What a process has cost since it began, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time in its own code, all threads together, those included that are gone. The sum of
    /// user and system time is exact, but for what a thread that runs right now on another core has used
    /// since that core's last clock tick (some milliseconds); how it is divided is what the kernel found at
    /// its ticks, and means something from a second upwards.
    pub user: Duration,
    /// Processor time in the kernel on its behalf; see [`user`](Self::user).
    pub system: Duration,
    /// How often one of its threads waited for something. Of the threads that exist: what a thread has
    /// done is forgotten when it ends, and with threads coming and going this is too small.
    pub voluntary_switches: u64,
    /// How often one of its threads was made to give way; of the threads that exist.
    pub involuntary_switches: u64,
    /// Bytes of it that are in memory, shared ones included.
    pub resident: u64,
    /// Threads that exist.
    pub threads: u64,
}

impl Usage {
    /// What the process `pid` has cost so far. The processor time is read first, so that two calls enclose
    /// what happens between their beginnings.
    ///
    /// A call takes some 50 µs, and some tens of them more for each thread of the process: tens of
    /// milliseconds for a thousand, which are not to be spent while something is measured. The process itself
    /// runs on; only a thread that changes its memory map just then waits.
    ///
    /// # Errors
    ///
    /// It has ended, or is not ours to see (proc(5)); and always elsewhere than on Linux, where none of
    /// this can be seen from outside without special rights.
    pub fn of(pid: u32) -> io::Result<Self> {
        system::usage_of(pid)
    }

    /// What has been added to time and switches since `earlier`. Memory and threads are not used up but
    /// held: they stay as they are now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let cpu = self.cpu().saturating_sub(earlier.cpu());
        // Each is rounded for itself; their sum must not suffer from it.
        let system = self.system.saturating_sub(earlier.system).min(cpu);
        Self {
            user: cpu.saturating_sub(system),
            system,
            voluntary_switches: self
                .voluntary_switches
                .saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
            ..*self
        }
    }

    /// Processor time, user and system together.
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::Usage;
    use crate::measure::process::proc;
    use std::io;

    pub(super) fn usage_of(pid: u32) -> io::Result<Usage> {
        let cpu = proc::cpu_time(pid)?;
        let stat = proc::stat(pid)?;
        let switches = proc::switches(pid)?;
        let system = stat.system_part(cpu);
        Ok(Usage {
            user: cpu.saturating_sub(system),
            system,
            voluntary_switches: switches.voluntary,
            involuntary_switches: switches.involuntary,
            resident: proc::resident(pid)?,
            threads: stat.threads,
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Usage;
    use std::io;

    pub(super) fn usage_of(_pid: u32) -> io::Result<Usage> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "what a process costs cannot be seen on this system",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(user: u64, system: u64, voluntary: u64, resident: u64) -> Usage {
        Usage {
            user: Duration::from_millis(user),
            system: Duration::from_millis(system),
            voluntary_switches: voluntary,
            resident,
            threads: 3,
            ..Usage::default()
        }
    }

    #[test]
    fn what_is_used_up_is_subtracted_and_what_is_held_stays() {
        let added = usage(30, 70, 12, 5000).since(&usage(10, 40, 2, 4000));
        assert_eq!(added, usage(20, 30, 10, 5000));
    }

    #[test]
    fn a_share_that_wavers_leaves_the_sum_alone() {
        let added = usage(10, 45, 0, 0).since(&usage(15, 35, 0, 0));
        assert_eq!(added.cpu(), Duration::from_millis(5));
        let added = usage(25, 30, 0, 0).since(&usage(15, 35, 0, 0));
        assert_eq!(added.cpu(), Duration::from_millis(5));
    }

    #[test]
    fn switches_of_threads_that_are_gone_do_not_make_it_negative() {
        let added = usage(1, 1, 5, 0).since(&usage(1, 1, 9, 0));
        assert_eq!(added.voluntary_switches, 0);
    }
}
