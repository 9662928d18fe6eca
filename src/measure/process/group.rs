//! A process and whoever it starts, ended together.

use super::HowLost;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

/// How long a process has to end after SIGTERM. An echo server with nothing to echo needs no time; one
/// that drains its connections gets a little.
const GRACE: Duration = Duration::from_secs(2);

/// Between two looks at a process whose end nobody announces.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// A process group (setpgid(2)) with its leader, which we started. When this value goes, so do they, also
/// when we unwind. A process that has left the group is not ours any more.
///
/// The leader is reaped last of all: until then its number, which is also the group's, belongs to nobody
/// else, and a signal to the group reaches no stranger.
#[derive(Debug)]
pub(super) struct Group {
    leader: process::Child,
}

impl Group {
    pub(super) fn spawn(command: &mut process::Command) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        Ok(Self { leader })
    }

    pub(super) fn leader(&mut self) -> &mut process::Child {
        &mut self.leader
    }

    pub(super) fn pid(&self) -> u32 {
        self.leader.id()
    }

    /// How the leader ended, if it has.
    pub(super) fn ending(&self) -> Option<HowLost> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id()), look) {
            Ok(status) => Some(how_ended(&status?)),
            Err(_) => Some(HowLost::Vanished),
        }
    }

    /// Sends a signal to all of them.
    pub(super) fn signal(&self, signal: Signal) {
        // Fails if they are all gone, which is as good.
        let _gone = kill_process_group(self.id(), signal);
    }

    /// Waits for the leader's end, for `patience` at most.
    pub(super) fn await_ending(&self, patience: Duration) -> Option<HowLost> {
        let deadline = Instant::now() + patience;
        loop {
            let ending = self.ending();
            if ending.is_some() || Instant::now() >= deadline {
                return ending;
            }
            thread::sleep(PAUSE);
        }
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.leader)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let _in_time = self.await_ending(GRACE);
        // Also for whoever the leader has left behind.
        self.signal(Signal::KILL);
        let _reaped = self.leader.wait();
    }
}

fn how_ended(status: &WaitIdStatus) -> HowLost {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => HowLost::Exited(code),
        (None, Some(signal)) => HowLost::Killed(signal),
        (None, None) => HowLost::Vanished,
    }
}
