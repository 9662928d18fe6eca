//! What a process has cost so far, measured from outside.

use std::io;
use std::time::Duration;

/// What a process has consumed since it started, and what it occupies now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time in user mode, of all threads, including those that have ended.
    ///
    /// The sum of user and system time is exact, except for what a thread that is running on another core has
    /// used since that core's last clock tick (a few milliseconds). The kernel divides it into user and system
    /// time by sampling at its ticks, so the division is meaningful from about a second upwards.
    pub user: Duration,
    /// Processor time in the kernel on behalf of the process; see [`user`](Self::user).
    pub system: Duration,
    /// Context switches because a thread had to wait. Only of threads that still exist: the kernel drops the
    /// count of a thread that ends, so with short-lived threads this is too small.
    pub voluntary_switches: u64,
    /// Context switches because a thread was preempted. Only of threads that still exist.
    pub involuntary_switches: u64,
    /// Resident memory in bytes, including shared pages.
    pub resident: u64,
    /// Threads that exist now.
    pub threads: u64,
}

impl Usage {
    /// The usage of the process `pid` so far. The processor time is read first, so two calls enclose exactly
    /// what happens between their beginnings.
    ///
    /// A call takes about 50 µs, plus a few tens of microseconds per thread of the process: tens of milliseconds
    /// for a thousand threads, which must not fall into a measurement. The process keeps running meanwhile; only
    /// a thread that changes the memory map waits.
    ///
    /// # Errors
    ///
    /// The process has ended, or belongs to another user (proc(5)). On systems other than Linux always: there,
    /// none of this can be read without special privileges.
    pub fn of(pid: u32) -> io::Result<Self> {
        system::usage_of(pid)
    }

    /// The time and switches added since `earlier`. Memory and threads are occupied rather than consumed: they
    /// keep their current values.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let cpu = self.cpu().saturating_sub(earlier.cpu());
        // User and system time may each be rounded down; their sum must stay exact.
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
            "the cost of another process cannot be read on this system",
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
    fn consumption_is_subtracted_and_occupation_kept() {
        let added = usage(30, 70, 12, 5000).since(&usage(10, 40, 2, 4000));
        assert_eq!(added, usage(20, 30, 10, 5000));
    }

    #[test]
    fn rounding_of_the_parts_leaves_the_sum_exact() {
        let added = usage(10, 45, 0, 0).since(&usage(15, 35, 0, 0));
        assert_eq!(added.cpu(), Duration::from_millis(5));
        let added = usage(25, 30, 0, 0).since(&usage(15, 35, 0, 0));
        assert_eq!(added.cpu(), Duration::from_millis(5));
    }

    #[test]
    fn switches_of_ended_threads_do_not_make_the_difference_negative() {
        let added = usage(1, 1, 5, 0).since(&usage(1, 1, 9, 0));
        assert_eq!(added.voluntary_switches, 0);
    }
}
