//! All processes of a command that was started: also those that have left its process group.

#[cfg(target_os = "linux")]
use super::proc::{self, Stat};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::process;

/// The variable of the environment by which a daemon is recognized. Each command gets another value.
const MARK: &str = "MIO_ECHO_STARTED";

/// The processes of a command: those of the group that it leads (setpgid(2)), their descendants, and those that have left
/// the group and whose parent has ended: daemons. On Linux, these are recognized by a variable of the environment that the
/// command was started with; a daemon that has cleared its environment, or that belongs to another user, is not found. On
/// other systems, only the group is known.
#[derive(Debug, Clone)]
pub struct ProcessTree {
    leader: u32,
    /// `NAME=VALUE`, as in the environment. `None` if only the group and its descendants are asked for.
    mark: Option<String>,
}

impl ProcessTree {
    /// Starts `command` as the leader of a new group.
    pub(super) fn spawn(command: &mut process::Command) -> std::io::Result<(Self, process::Child)> {
        use std::os::unix::process::CommandExt;
        // The number of this process alone may have been that of another one.
        let value = format!(
            "{}-{:016x}",
            process::id(),
            RandomState::new().hash_one(MARK)
        );
        let leader = command.env(MARK, &value).process_group(0).spawn()?;
        let tree = Self {
            leader: leader.id(),
            mark: Some(format!("{MARK}={value}")),
        };
        Ok((tree, leader))
    }

    /// Those of the group that `leader` leads, and their descendants.
    #[cfg(target_os = "linux")]
    pub(super) fn of_group(leader: u32) -> Self {
        Self { leader, mark: None }
    }

    /// The process ID of the command, and so the ID of its group.
    pub fn leader(&self) -> u32 {
        self.leader
    }

    /// What a daemon has in its environment.
    pub(super) fn mark(&self) -> &str {
        self.mark.as_deref().unwrap_or_default()
    }

    /// Sends a signal to every process. One that ends meanwhile is left out, and so is one that is started meanwhile
    /// outside of the group.
    pub fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.leader).ok().and_then(Pid::from_raw);
        // Fails only when no process of the group is left.
        let _empty_group = group.map(|group| kill_process_group(group, signal));
        self.signal_strays(signal);
    }
}

#[cfg(target_os = "linux")]
impl ProcessTree {
    /// The process IDs of those that exist. A process that has ended and was not waited for is none of them.
    pub fn pids(&self) -> Vec<u32> {
        self.alive().map(|(pid, _)| pid).collect()
    }

    /// Whether all of them sleep until something happens.
    pub fn is_asleep(&self) -> bool {
        self.alive().all(|(_, stat)| stat.is_asleep())
    }

    /// Whether any is left outside of the group.
    pub(super) fn has_strays(&self) -> bool {
        self.strays().next().is_some()
    }

    /// Whether those outside of the group have stopped (SIGSTOP).
    pub(super) fn strays_are_stopped(&self) -> bool {
        self.strays().all(|(_, stat)| stat.is_stopped())
    }

    fn alive(&self) -> impl Iterator<Item = (u32, Stat)> {
        let members = self.members(proc::all().unwrap_or_default()).into_iter();
        members.filter(|(_, stat)| !stat.is_zombie())
    }

    fn strays(&self) -> impl Iterator<Item = (u32, Stat)> {
        self.alive().filter(|(_, stat)| stat.group != self.leader)
    }

    /// The number of a process that ends may be another one's when the signal is sent, so they are looked for again once
    /// their descriptors are open (`pidfd_open(2)`).
    fn signal_strays(&self, signal: Signal) {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        let open = |(pid, _)| {
            let id = Pid::from_raw(i32::try_from(pid).ok()?)?;
            Some((pid, pidfd_open(id, PidfdFlags::empty()).ok()?))
        };
        let strays: Vec<_> = self.strays().filter_map(open).collect();
        if strays.is_empty() {
            return;
        }
        let still: Vec<u32> = self.strays().map(|(pid, _)| pid).collect();
        for (pid, handle) in strays {
            if still.contains(&pid) {
                let _ended = pidfd_send_signal(handle, signal);
            }
        }
    }

    /// Those of `all` processes that belong to the tree. This program is not one of them, even if the same shell has started
    /// both.
    pub(super) fn members(&self, mut all: Vec<(u32, Stat)>) -> Vec<(u32, Stat)> {
        let own = process::id();
        all.retain(|(other, _)| *other == self.leader || *other != own);
        let is_root = |(pid, stat): &(u32, Stat)| {
            *pid == self.leader || stat.group == self.leader || self.has_mark(*pid)
        };
        let (mut members, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_root);
        let mut at = 0;
        while let Some(&(parent, _)) = members.get(at) {
            let (children, rest) = others
                .into_iter()
                .partition(|(_, stat): &(u32, Stat)| stat.parent == parent);
            members.extend::<Vec<_>>(children);
            others = rest;
            at += 1;
        }
        members
    }

    fn has_mark(&self, pid: u32) -> bool {
        let mark = self.mark.as_ref();
        mark.is_some_and(|mark| proc::has_in_environment(pid, mark))
    }
}

#[cfg(not(target_os = "linux"))]
impl ProcessTree {
    /// The process IDs of those that exist. None, since this system does not show them.
    pub fn pids(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Whether all of them sleep until something happens; as far as is known.
    pub fn is_asleep(&self) -> bool {
        true
    }

    pub(super) fn has_strays(&self) -> bool {
        false
    }

    pub(super) fn strays_are_stopped(&self) -> bool {
        true
    }

    fn signal_strays(&self, _signal: Signal) {}
}
