//! The process of the server, seen and signalled from outside.
//!
//! A server may be a launcher, a shell or a program that forks for each connection, so what counts is the whole
//! process group.

use super::symptom::Symptom;
use super::time_limit::TimeLimit;
use crate::measure::process::{CommandLine, StoppedGroup, Usage};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::time::{Duration, Instant};

/// How many windows a server has to come to rest.
pub(super) const WINDOWS: u32 = 3;

/// The process group of a server that was started for the check.
#[derive(Debug, Clone)]
pub(super) struct ServerProcess {
    /// The process ID of the leader, and so the ID of the group (setpgid(2)).
    group: u32,
    command: CommandLine,
}

/// What a process group has used and holds, all of its processes together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GroupUsage {
    /// Processor time of the processes that exist.
    pub(super) cpu: Duration,
    /// Resident memory in bytes; pages that processes share count for each.
    pub(super) resident: u64,
    /// Open descriptors.
    pub(super) descriptors: usize,
}

impl ServerProcess {
    pub(super) fn new(group: u32, command: CommandLine) -> Self {
        Self { group, command }
    }

    /// Whether this system shows the processes of the group.
    pub(super) fn is_visible(&self) -> bool {
        members(self.group).next().is_some()
    }

    /// What the group uses now.
    ///
    /// # Errors
    ///
    /// It has ended, or the system does not show it (proc(5)).
    pub(super) fn usage(&self) -> Result<GroupUsage, Symptom> {
        let members: Vec<GroupUsage> = members(self.group).filter_map(usage_of).collect();
        if members.is_empty() {
            return Err(Symptom::of("the server's process has ended"));
        }
        Ok(members
            .iter()
            .fold(GroupUsage::default(), |sum, one| GroupUsage {
                cpu: sum.cpu + one.cpu,
                resident: sum.resident + one.resident,
                descriptors: sum.descriptors + one.descriptors,
            }))
    }

    /// The processor time that the group uses within `window`, as a share of one core. A server that was just busy
    /// gets a few windows to come to rest: this is the first share that is at most `bound`, or else the last one.
    pub(super) fn resting_share(
        &self,
        limit: &TimeLimit<'_>,
        window: Duration,
        bound: f64,
    ) -> Result<f64, Symptom> {
        let mut share = 0.0;
        for _ in 0..WINDOWS {
            let before = self.usage()?.cpu;
            limit.pause(window);
            let used = self.usage()?.cpu.saturating_sub(before);
            share = used.as_secs_f64() / window.as_secs_f64();
            if share <= bound {
                break;
            }
        }
        Ok(share)
    }

    /// Waits for the group to fall asleep, for at most `time`.
    pub(super) fn wait_until_asleep(&self, limit: &TimeLimit<'_>, time: Duration) {
        let until = Instant::now() + time;
        let is_asleep = |process| state_of(process).as_deref() == Some("S");
        while !members(self.group).all(is_asleep) && Instant::now() < until {
            limit.pause(Duration::from_millis(5));
        }
    }

    /// Runs `work` while the group is stopped (SIGSTOP). The kernel keeps receiving for it, so everything that
    /// arrives meanwhile is there at once when the group continues.
    pub(super) fn while_stopped<T>(&self, work: impl FnOnce() -> T) -> T {
        let _continues_when_dropped = StoppedGroup::new(self.group);
        work()
    }

    /// Asks the group to end (SIGTERM).
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// The command line that it was started with, its port left open.
    pub(super) fn command(&self) -> &CommandLine {
        &self.command
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.group).ok().and_then(Pid::from_raw);
        // Fails if the group has ended, which the next connection reports.
        let _ended = group.map(|group| kill_process_group(group, signal));
    }
}

/// The processes of a group (proc(5)); none where there is no such file system.
fn members(group: u32) -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(move |id| group_of(*id) == Some(group))
}

/// The group of a process.
fn group_of(pid: u32) -> Option<u32> {
    stat_field(pid, 2)?.parse().ok()
}

/// The state of a process: `S` if it sleeps.
fn state_of(pid: u32) -> Option<String> {
    stat_field(pid, 0)
}

/// A field behind the name of a process, which stands in parentheses and may contain some itself (`proc_pid_stat(5)`).
fn stat_field(pid: u32, index: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(index).map(str::to_owned)
}

/// `None` if the process has ended meanwhile.
fn usage_of(pid: u32) -> Option<GroupUsage> {
    let usage = Usage::of(pid).ok()?;
    Some(GroupUsage {
        cpu: usage.cpu(),
        resident: usage.resident,
        descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
    })
}
