//! The processes of a command that do nothing for a while.

use super::process_tree::ProcessTree;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for a process that is no child of ours to stop. It takes microseconds, unless a call of the kernel
/// that cannot be interrupted holds it up.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The processes of a command, stopped (SIGSTOP) until this value is dropped. The kernel keeps receiving for them, so
/// everything that arrives meanwhile is there at once when they continue.
#[derive(Debug)]
pub struct StoppedTree<'a> {
    processes: &'a ProcessTree,
}

impl<'a> StoppedTree<'a> {
    /// Stops them, and waits until the command itself, a child of this process, and those outside of its group have stopped
    /// or ended.
    pub fn new(processes: &'a ProcessTree) -> Self {
        processes.signal(Signal::STOP);
        let leader = i32::try_from(processes.leader()).ok();
        if let Some(leader) = leader.and_then(Pid::from_raw) {
            let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Fails if the leader has been reaped.
            let _ended = waitid(WaitId::Pid(leader), either);
        }
        let deadline = Instant::now() + TIMEOUT;
        while !processes.strays_are_stopped() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        Self { processes }
    }
}

impl Drop for StoppedTree<'_> {
    fn drop(&mut self) {
        self.processes.signal(Signal::CONT);
    }
}
