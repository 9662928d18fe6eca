//! A process that ends a group if this program ends without doing so, for instance by SIGKILL.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Reads a line from this program. If there is none because this program has ended, the group is killed. `$1` is the
/// group.
const SCRIPT: &str = "read -r line || kill -s KILL -- \"-$1\"";

/// A shell that waits for the end of this program. It is in a group of its own, so that a Ctrl-C does not reach it.
///
/// The kernel can do the same (`PR_SET_PDEATHSIG`, prctl(2)), but only on Linux, for one process and not for the
/// processes that it has started, and from a child only with unsafe code.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    /// Guards the group of `leader`.
    ///
    /// # Errors
    ///
    /// There is no shell, or no process can be created.
    pub(super) fn start(leader: Pid) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard", &leader.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { shell })
    }
}

/// The group is gone: the guard ends too.
impl Drop for Guard {
    fn drop(&mut self) {
        let line = self
            .shell
            .stdin
            .take()
            .map(|mut stdin| stdin.write_all(b"\n"));
        if !matches!(line, Some(Ok(()))) {
            let _gone = kill_process_group(Pid::from_child(&self.shell), Signal::KILL);
        }
        let _reaped = self.shell.wait();
    }
}
