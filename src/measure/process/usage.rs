//! What a process, or a process with its descendants, has cost so far, measured from outside.

use super::process_tree::ProcessTree;
use std::io;
use std::time::Duration;

/// What a process, or a group of them, has consumed since it started, and what it occupies now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time in user mode, of all threads, including those that have ended. For a group also that of the
    /// children that have ended, as soon as their parent has waited for them (wait(2)); the kernel keeps it in clock
    /// ticks of 10 ms for each child.
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
    /// How long its threads were ready to run and waited for a core, which other threads used; summed, so that it may be
    /// more than the time that has passed. Only of threads that still exist. `None` where the kernel does not report it.
    pub run_queue_delay: Option<Duration>,
    /// Resident memory in bytes, including shared pages. A page that several processes of a group share is counted
    /// once for each.
    pub resident: u64,
    /// Proportional memory in bytes (PSS): of a page that `n` processes share, each has an `n`-th. `None` where the
    /// system does not report it.
    pub proportional: Option<u64>,
    /// Threads that exist now.
    pub threads: u64,
    /// Processes that exist now.
    pub processes: u64,
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

    /// The usage of `pid`, of the other processes in the group that it leads (setpgid(2)), and of all their
    /// descendants. A process that has left the group and whose parent has ended is not found.
    ///
    /// Looking through the processes of the machine takes about 10 µs for each of them, before the processor time is
    /// read.
    ///
    /// # Errors
    ///
    /// No process of the group is left, or as for [`of`](Self::of).
    pub fn of_group(pid: u32) -> io::Result<Self> {
        system::usage_of_group(pid)
    }

    /// The usage of all processes of a command, daemons included.
    ///
    /// # Errors
    ///
    /// As for [`of_group`](Self::of_group).
    pub fn of_tree(processes: &ProcessTree) -> io::Result<Self> {
        system::usage_of_tree(processes)
    }

    /// The process ids of the processes that [`of_group`](Self::of_group) covers.
    ///
    /// # Errors
    ///
    /// The processes of the system cannot be listed.
    pub fn pids_of_group(pid: u32) -> io::Result<Vec<u32>> {
        system::pids_of_group(pid)
    }

    /// The processor time of the same processes so far. Costs a fraction of [`of_group`](Self::of_group), since no thread is
    /// looked at.
    ///
    /// # Errors
    ///
    /// As for [`of_group`](Self::of_group).
    pub fn cpu_of_group(pid: u32) -> io::Result<Duration> {
        system::cpu_of_group(pid)
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
            run_queue_delay: self
                .run_queue_delay
                .zip(earlier.run_queue_delay)
                .map(|(now, before)| now.saturating_sub(before)),
            ..*self
        }
    }

    /// How long some task of the machine was ready to run and had no core since the machine was booted (pressure stall
    /// information: proc(5), `/proc/pressure/cpu`); `None` where the system does not report it. Tasks that wait at the same
    /// time count once.
    pub fn cpu_pressure() -> Option<Duration> {
        system::cpu_pressure()
    }

    /// Bytes in the buffers of all TCP sockets of the network namespace, to within 1 MiB for each core (proc(5),
    /// `/proc/net/sockstat`); `None` where the system does not report them.
    pub fn tcp_buffers() -> Option<u64> {
        system::tcp_buffers()
    }

    /// The bytes in these buffers above which the kernel saves memory: it delays and drops segments (tcp(7), `tcp_mem`). `None`
    /// where the system does not report it.
    pub fn tcp_buffers_pressure() -> Option<u64> {
        system::tcp_buffers_pressure()
    }

    /// The smallest change of [`tcp_buffers`](Self::tcp_buffers) that is one; `None` where the system does not report it.
    pub fn tcp_buffers_step() -> Option<u64> {
        system::tcp_buffers_step()
    }

    /// Processor time, user and system together.
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }

    /// Adds another process to a group.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "no usage to add"))]
    fn add(&mut self, other: &Self) {
        self.user += other.user;
        self.system += other.system;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.resident += other.resident;
        // The sum of no processes is known: it is 0.
        let is_first = self.processes == 0;
        let known = self.proportional.or(is_first.then_some(0));
        self.proportional = known.zip(other.proportional).map(|(sum, add)| sum + add);
        let known = self.run_queue_delay.or(is_first.then_some(Duration::ZERO));
        let delay = known.zip(other.run_queue_delay);
        self.run_queue_delay = delay.map(|(sum, add)| sum + add);
        self.threads += other.threads;
        self.processes += other.processes;
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{ProcessTree, Usage};
    use crate::measure::process::proc::{self, Stat};
    use std::io::{self, ErrorKind};
    use std::time::Duration;

    /// How often the members are read again because one of them ended meanwhile: its time may have moved to its
    /// parent before or after that was read.
    const ATTEMPTS: u32 = 3;

    pub(super) fn usage_of(pid: u32) -> io::Result<Usage> {
        let cpu = proc::cpu_time(pid)?;
        usage(pid, &proc::stat(pid)?, cpu)
    }

    pub(super) fn usage_of_group(pid: u32) -> io::Result<Usage> {
        usage_of_tree(&ProcessTree::of_group(pid))
    }

    pub(super) fn usage_of_tree(processes: &ProcessTree) -> io::Result<Usage> {
        let mut sum = Usage::default();
        for _ in 0..ATTEMPTS {
            let members = processes.members(proc::all()?);
            let times: Vec<Option<Duration>> = members
                .iter()
                .map(|(member, _)| proc::cpu_time(*member).ok())
                .collect();
            sum = Usage::default();
            let mut has_gaps = false;
            for ((member, stat), cpu) in members.iter().zip(times) {
                match cpu.map(|cpu| member_usage(*member, stat, cpu)) {
                    Some(Ok(usage)) => sum.add(&usage),
                    Some(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                        return Err(error);
                    }
                    Some(Err(_)) | None => has_gaps = true,
                }
            }
            if !has_gaps {
                break;
            }
        }
        if sum.processes == 0 {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(sum)
    }

    pub(super) fn cpu_of_group(pid: u32) -> io::Result<Duration> {
        let members = ProcessTree::of_group(pid).members(proc::all()?).into_iter();
        let times: Vec<Duration> = members
            .filter_map(|(member, stat)| {
                let (user, system) = stat.ended_children();
                Some(proc::cpu_time(member).ok()? + user + system)
            })
            .collect();
        if times.is_empty() {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(times.into_iter().sum())
    }

    pub(super) fn pids_of_group(pid: u32) -> io::Result<Vec<u32>> {
        let members = ProcessTree::of_group(pid).members(proc::all()?).into_iter();
        Ok(members.map(|(member, _)| member).collect())
    }

    pub(super) fn cpu_pressure() -> Option<Duration> {
        proc::cpu_pressure()
    }

    pub(super) fn tcp_buffers() -> Option<u64> {
        proc::tcp_buffers()
    }

    pub(super) fn tcp_buffers_pressure() -> Option<u64> {
        proc::tcp_buffers_pressure()
    }

    pub(super) fn tcp_buffers_step() -> Option<u64> {
        proc::tcp_buffers_step()
    }

    /// The usage of one process, with that of its children that have ended.
    fn member_usage(pid: u32, stat: &Stat, cpu: Duration) -> io::Result<Usage> {
        if stat.is_zombie() {
            let system = stat.system_part(cpu);
            let user = cpu.saturating_sub(system);
            return Ok(Usage {
                user,
                system,
                run_queue_delay: Some(Duration::ZERO),
                proportional: Some(0),
                ..Usage::default()
            });
        }
        let stat = proc::stat(pid)?;
        let mut usage = usage(pid, &stat, cpu)?;
        let (user, system) = stat.ended_children();
        usage.user += user;
        usage.system += system;
        Ok(usage)
    }

    fn usage(pid: u32, stat: &Stat, cpu: Duration) -> io::Result<Usage> {
        let switches = proc::switches(pid)?;
        let system = stat.system_part(cpu);
        let memory = proc::memory(pid)?;
        Ok(Usage {
            user: cpu.saturating_sub(system),
            system,
            voluntary_switches: switches.voluntary,
            involuntary_switches: switches.involuntary,
            run_queue_delay: proc::run_queue_delay(pid),
            resident: memory.resident,
            proportional: memory.proportional,
            threads: stat.threads,
            processes: 1,
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{ProcessTree, Usage};
    use std::io;
    use std::time::Duration;

    pub(super) fn usage_of_group(pid: u32) -> io::Result<Usage> {
        usage_of(pid)
    }

    pub(super) fn usage_of_tree(processes: &ProcessTree) -> io::Result<Usage> {
        usage_of(processes.leader())
    }

    pub(super) fn cpu_of_group(pid: u32) -> io::Result<Duration> {
        usage_of(pid).map(|usage| usage.cpu())
    }

    pub(super) fn pids_of_group(pid: u32) -> io::Result<Vec<u32>> {
        Ok(vec![pid])
    }

    pub(super) fn cpu_pressure() -> Option<Duration> {
        None
    }

    pub(super) fn tcp_buffers() -> Option<u64> {
        None
    }

    pub(super) fn tcp_buffers_pressure() -> Option<u64> {
        None
    }

    pub(super) fn tcp_buffers_step() -> Option<u64> {
        None
    }

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
