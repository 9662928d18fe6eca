//! strace(1), attached to a server or to one of its threads, so that some system calls fail.
//!
//! The kernel does not execute a call whose result is injected. So an injected error is what a caller sees that the
//! kernel refuses, and costs nothing else: a connection that accept(2) failed to return is still in the backlog, bytes
//! that recv(2) failed to return are still unread.

use crate::common::{Child, eventually, skip, tool_or_skip};
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Which threads of the server are traced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Threads {
    /// All of them. Each has its own count of calls, to which `when=` refers.
    All,
    /// The one that accepts; in the event loop, the only one.
    Main,
    /// The one of the connection that was accepted last.
    OfLastConnection,
}

/// An strace that is attached.
pub(super) struct Injection {
    strace: process::Child,
    directory: TempDir,
}

/// What the traced threads did.
#[derive(Debug)]
pub(super) struct Calls {
    /// All system calls.
    pub(super) all: usize,
    /// Those with an injected result.
    pub(super) injected: usize,
}

impl Injection {
    /// Injects from now on, as `fault` says: the value of strace's `--inject`.
    pub(super) fn start(server: &Child, threads: Threads, fault: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("strace");
        command.args(["-e", &format!("inject={fault}"), "-p"]);
        match threads {
            Threads::All => command.args([&server.id(), "-f"]),
            Threads::Main => command.arg(server.id()),
            Threads::OfLastConnection => command.arg(thread_of_last_connection(server)),
        };
        let strace = command
            .arg("-o")
            .arg(directory.path().join("calls"))
            .stderr(fs::File::create(directory.path().join("messages")).unwrap())
            .spawn()
            .unwrap();
        let injection = Self { strace, directory };
        eventually("strace is attached", || {
            let messages = injection.read("messages");
            assert!(!messages.contains("invalid"), "{messages}");
            messages.contains(" attached")
        });
        injection
    }

    /// How many calls were injected so far.
    pub(super) fn injected(&self) -> usize {
        self.read("calls").matches("(INJECTED)").count()
    }

    /// Detaches: from now on all calls are executed.
    pub(super) fn end(mut self) -> Calls {
        interrupt(&self.strace);
        eventually("strace has detached", || {
            self.strace.try_wait().unwrap().is_some()
        });
        let calls = self.read("calls");
        let is_call = |line: &&str| line.contains('(') && !line.contains("<unfinished");
        Calls {
            all: calls.lines().filter(is_call).count(),
            injected: self.injected(),
        }
    }

    fn read(&self, name: &str) -> String {
        let path: PathBuf = self.directory.path().join(name);
        fs::read_to_string(path).unwrap_or_default()
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let _ended = self.strace.kill();
        let _reaped = self.strace.wait();
    }
}

/// Whether strace is here and may attach to a process that is not its own child (ptrace(2), Yama).
pub(super) fn can_inject_or_skip() -> bool {
    static CAN_ATTACH: OnceLock<bool> = OnceLock::new();
    if !tool_or_skip("strace") {
        return false;
    }
    let can_attach = *CAN_ATTACH.get_or_init(|| {
        let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
        let strace = Command::new("timeout")
            .args(["-s", "INT", "0.1", "strace", "-p", &sleep.id().to_string()])
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let _ended = sleep.kill();
        let _reaped = sleep.wait();
        String::from_utf8_lossy(&strace.stderr).contains(" attached")
    });
    can_attach || skip("strace may not attach to another process here")
}

/// The thread with the highest connection number as its name, which it may not have yet.
fn thread_of_last_connection(server: &Child) -> String {
    let mut last = None;
    eventually("the connection has a thread", || {
        let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
        let connections = tasks.flatten().filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let number: u64 = name.trim().strip_prefix('#')?.parse().ok()?;
            Some((number, task.file_name().into_string().ok()?))
        });
        last = connections.max();
        last.is_some()
    });
    last.unwrap().1
}

fn interrupt(process: &process::Child) {
    let kill = ["-c", "kill -s INT \"$0\"", &process.id().to_string()];
    let status = Command::new("sh").args(kill).status().unwrap();
    assert!(status.success(), "expected to interrupt strace: {status}");
}
