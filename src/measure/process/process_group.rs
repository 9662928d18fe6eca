//! A process and its descendants, terminated together.

use super::failure::ExitReason;
use super::guard::Guard;
use super::process_tree::ProcessTree;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use std::io;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

/// How long the processes have to exit after SIGTERM. An idle echo server needs no time; one that drains its
/// connections gets a little.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// The pause between two checks of a process: nothing here wakes us when it changes.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A process that we started, the leader of a process group (setpgid(2)). Dropping this value, also while unwinding,
/// terminates all of its [`ProcessTree`]; if this program ends without doing so, the [`Guard`] kills it.
///
/// The leader is reaped last. Until then the kernel cannot reuse its number, which is also the group's, so a
/// signal to the group never reaches an unrelated process.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    processes: ProcessTree,
    leader: process::Child,
    /// `None` where it could not be started. Dropped last, when the group has been terminated.
    _guard: Option<Guard>,
}

impl ProcessGroup {
    /// Starts `command` as the leader of a new group.
    pub(super) fn spawn(command: &mut process::Command) -> io::Result<Self> {
        let (processes, leader) = ProcessTree::spawn(command)?;
        let guard = Guard::start(&processes).ok();
        Ok(Self {
            processes,
            leader,
            _guard: guard,
        })
    }

    pub(super) fn leader(&mut self) -> &mut process::Child {
        &mut self.leader
    }

    pub(super) fn pid(&self) -> u32 {
        self.leader.id()
    }

    pub(super) fn processes(&self) -> &ProcessTree {
        &self.processes
    }

    /// How the leader ended; `None` while it is running.
    pub(super) fn exit_reason(&self) -> Option<ExitReason> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id()), options) {
            Ok(status) => Some(reason_in(&status?)),
            Err(_) => Some(ExitReason::Unknown),
        }
    }

    /// Sends a signal to every process.
    pub(super) fn signal(&self, signal: Signal) {
        self.processes.signal(signal);
    }

    /// Waits at most `timeout` for the leader to exit.
    pub(super) fn wait_for_exit(&self, timeout: Duration) -> Option<ExitReason> {
        let deadline = Instant::now() + timeout;
        loop {
            let reason = self.exit_reason();
            if reason.is_some() || Instant::now() >= deadline {
                return reason;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Kills what is left, also when the leader has exited. A process outside of the group may start another one meanwhile,
    /// so this goes on until there is none.
    fn kill(&self) {
        let deadline = Instant::now() + TERM_GRACE;
        loop {
            self.signal(Signal::KILL);
            if !self.processes.has_strays() || Instant::now() >= deadline {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.leader)
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + TERM_GRACE;
        let _in_time = self.wait_for_exit(TERM_GRACE);
        while self.processes.has_strays() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        self.kill();
        let _reaped = self.leader.wait();
    }
}

fn reason_in(status: &WaitIdStatus) -> ExitReason {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitReason::Code(code),
        (None, Some(signal)) => ExitReason::Signal(signal),
        (None, None) => ExitReason::Unknown,
    }
}
