//! The processes of the server, seen and signalled from outside.
//!
//! A server may be a launcher, a shell, a daemon or a program that forks for each connection, so what counts is all that the
//! command has started.

use super::symptom::Symptom;
use super::time_limit::TimeLimit;
use crate::measure::process::{
    CommandLine, ProcessTree, StoppedTree, Usage, holder_of, listening, receives,
};
use crate::text::address::Address;
use rustix::process::Signal;
use std::fs;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

/// How many windows a server has to come to rest.
pub(super) const WINDOWS: u32 = 3;

/// The processes of a server that was started for the check.
#[derive(Debug, Clone)]
pub(super) struct ServerProcess {
    tree: ProcessTree,
    command: CommandLine,
    address: Address,
}

/// What the processes have used and hold, all of them together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerUsage {
    /// Processor time of the processes that exist, and of their children that have ended.
    pub(super) cpu: Duration,
    /// Memory in bytes. Of a page that several processes share, each has its part; where the system does not report that, the
    /// page counts for each.
    pub(super) memory: u64,
    /// Open descriptors.
    pub(super) descriptors: usize,
}

impl ServerProcess {
    /// The command that was started to serve `address`.
    pub(super) fn new(tree: ProcessTree, command: CommandLine, address: Address) -> Self {
        Self {
            tree,
            command,
            address,
        }
    }

    /// Why the processes that serve cannot be seen; `None` if they can. A process that is not known must not pass for one that
    /// is idle.
    pub(super) fn hidden_because(&self) -> Option<String> {
        if Usage::of(std::process::id()).is_err() {
            return Some("this system shows no processes".to_owned());
        }
        let is_forbidden = |pid| {
            descriptors_of(pid).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        if self.tree.pids().into_iter().any(is_forbidden) {
            return Some(
                "the server runs as another user, so its processes cannot be seen".to_owned(),
            );
        }
        if self.serves() {
            return None;
        }
        let holder = holder_of(&self.address);
        let holder = holder.map_or(String::new(), |pid| format!(": process {pid}"));
        Some(format!(
            "the server runs in the background, outside the processes of the command{holder}"
        ))
    }

    /// Whether one of the processes listens.
    pub(super) fn serves(&self) -> bool {
        let bound = self.listening();
        bound.iter().any(|bound| receives(bound, &self.address))
    }

    /// Where the processes listen.
    pub(super) fn listening(&self) -> Vec<Address> {
        listening(&self.tree.pids())
    }

    /// Whether none of the processes is left, as far as the system shows them.
    pub(super) fn is_gone(&self) -> bool {
        self.tree.pids().is_empty()
    }

    /// What the processes use now.
    ///
    /// # Errors
    ///
    /// They have ended, or the system does not show one of them (proc(5)).
    pub(super) fn usage(&self) -> Result<ServerUsage, Symptom> {
        let usage = Usage::of_tree(&self.tree).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Symptom::of("the server's process has ended"),
            _ => Symptom::of(format!("the server's processes cannot be seen: {error}")),
        })?;
        Ok(ServerUsage {
            cpu: usage.cpu(),
            memory: usage.proportional.unwrap_or(usage.resident),
            descriptors: self
                .tree
                .pids()
                .into_iter()
                .filter_map(|pid| descriptors_of(pid).ok())
                .sum(),
        })
    }

    /// The processor time that the processes use within `window`, as a share of one core. A server that was just busy
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

    /// Waits for the processes to fall asleep, for at most `time`.
    pub(super) fn wait_until_asleep(&self, limit: &TimeLimit<'_>, time: Duration) {
        let wait = limit.wait_at_most(time);
        while !self.tree.is_asleep() && !wait.is_over() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs `work` while the processes are stopped (SIGSTOP). The kernel keeps receiving for them, so everything that
    /// arrives meanwhile is there at once when they continue.
    pub(super) fn while_stopped<T>(&self, work: impl FnOnce() -> T) -> T {
        let _continues_when_dropped = StoppedTree::new(&self.tree);
        work()
    }

    /// Asks the processes to end (SIGTERM).
    pub(super) fn terminate(&self) {
        self.tree.signal(Signal::TERM);
    }

    /// The command line that it was started with, its port left open.
    pub(super) fn command(&self) -> &CommandLine {
        &self.command
    }
}

/// How many descriptors a process has open (proc(5)).
fn descriptors_of(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
