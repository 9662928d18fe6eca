//! A process that kills the processes of a command if this program ends without doing so, for instance by SIGKILL.

use super::process_tree::ProcessTree;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Reads a line from this program. If there is none because this program has ended, the group `$1` is killed, and what has
/// the mark `$2` in its environment, where the system shows that. It does not while a process is in exec(2).
const SCRIPT: &str = r#"
read -r line && exit
kill -s KILL -- "-$1"
for attempt in 1 2 3; do
    for file in $(grep -lsF -- "$2" /proc/[0-9]*/environ); do
        pid=${file%/environ}
        kill -s KILL "${pid#/proc/}"
    done
    sleep 1
done
"#;

/// A shell that waits for the end of this program. It is in a group of its own, so that a Ctrl-C does not reach it.
///
/// The kernel can do the same (`PR_SET_PDEATHSIG`, prctl(2)), but only on Linux, for one process and not for the
/// processes that it has started, and from a child only with unsafe code.
#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
}

impl Guard {
    /// Guards these processes.
    ///
    /// # Errors
    ///
    /// There is no shell, or no process can be created.
    pub(super) fn start(processes: &ProcessTree) -> io::Result<Self> {
        let leader = processes.leader().to_string();
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard", &leader, processes.mark()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { shell })
    }
}

/// The processes are gone: the guard ends too.
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
