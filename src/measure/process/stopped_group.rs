//! A process group that does nothing for a while.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A process group that is stopped (SIGSTOP) until this value is dropped. The kernel keeps receiving for it, so
/// everything that arrives meanwhile is there at once when the group continues.
#[derive(Debug)]
pub struct StoppedGroup {
    group: Option<Pid>,
}

impl StoppedGroup {
    /// Stops the group of this number, and waits until its leader, a child of this process, has stopped or ended.
    pub fn new(group: u32) -> Self {
        let group = i32::try_from(group).ok().and_then(Pid::from_raw);
        let stopped = Self { group };
        stopped.signal(Signal::STOP);
        if let Some(leader) = group {
            let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Fails if the leader has been reaped.
            let _ended = waitid(WaitId::Pid(leader), either);
        }
        stopped
    }

    fn signal(&self, signal: Signal) {
        // Fails if the group has ended, which the next connection reports.
        let _ended = self.group.map(|group| kill_process_group(group, signal));
    }
}

impl Drop for StoppedGroup {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}
