//! strace(1), attached to a server or to one of its threads, so that some system calls fail.
//!
//! The kernel does not execute a call whose result is injected. So an injected error is what a caller sees that the
//! kernel refuses, and costs nothing else: a connection that accept(2) failed to return is still in the backlog, bytes
//! that recv(2) failed to return are still unread.

use crate::harness::{Child, Signal, command, eventually, skip, tool_or_skip};
use std::fs;
use std::path::PathBuf;
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
    strace: Child,
    /// The directory in proc(5) of the server's threads.
    threads: PathBuf,
    /// Where it writes down the calls.
    directory: TempDir,
}

/// The name of the file.
const CALLS: &str = "calls";

/// The mark of strace on a call with an injected result.
const INJECTED: &str = "(INJECTED)";

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
    ///
    /// Attaching interrupts the call in which a thread sleeps. Only what the thread calls after that is traced, so this
    /// waits for a call.
    pub(super) fn start(server: &Child, threads: Threads, fault: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut strace = command("strace");
        strace.args(["-e", &format!("inject={fault}"), "-o"]);
        strace.arg(directory.path().join(CALLS)).arg("-p");
        match threads {
            Threads::All => strace.args([&server.id(), "-f"]),
            Threads::Main => strace.arg(server.id()),
            Threads::OfLastConnection => strace.arg(thread_of_last_connection(server)),
        };
        let strace = Child::spawn(&mut strace);
        strace.wait_for_log(" attached");
        eventually("a traced thread has made a call", || {
            !read(&directory).is_empty()
        });
        Self {
            strace,
            threads: format!("/proc/{}/task", server.id()).into(),
            directory,
        }
    }

    /// How many calls were injected so far.
    pub(super) fn injected(&self) -> usize {
        read(&self.directory).matches(INJECTED).count()
    }

    /// Detaches: from now on all calls are executed.
    ///
    /// A call that is being injected at this moment would fail with ENOSYS, so this waits until all threads sleep.
    pub(super) fn end(self) -> Calls {
        eventually("the server sleeps", || self.all_threads_sleep());
        self.strace.signal(Signal::INT);
        self.strace.wait();
        let calls = read(&self.directory);
        let is_call = |line: &&str| line.contains('(') && !line.contains("<unfinished");
        Calls {
            all: calls.lines().filter(is_call).count(),
            injected: calls.matches(INJECTED).count(),
        }
    }

    fn all_threads_sleep(&self) -> bool {
        let mut threads = fs::read_dir(&self.threads).unwrap().flatten();
        threads.all(|thread| {
            // The state follows the name, in parentheses. A thread that has ended has none.
            let stat = fs::read_to_string(thread.path().join("stat"));
            stat.map_or(true, |stat| stat.contains(") S "))
        })
    }
}

fn read(directory: &TempDir) -> String {
    fs::read_to_string(directory.path().join(CALLS)).unwrap_or_default()
}

/// Whether strace is here and may attach to a process that is not its own child (ptrace(2), Yama).
pub(super) fn can_inject_or_skip() -> bool {
    static CAN_ATTACH: OnceLock<bool> = OnceLock::new();
    if !tool_or_skip("strace") {
        return false;
    }
    let can_attach = *CAN_ATTACH.get_or_init(|| {
        let sleep = Child::spawn(command("sleep").arg("60"));
        let attach = ["1", "strace", "-p", &sleep.id(), "-o", "/dev/null"];
        let strace = Child::spawn(command("timeout").args(["-s", "INT"]).args(attach));
        eventually("strace is attached or fails", || !strace.log().is_empty());
        strace.log().contains(" attached")
    });
    can_attach || skip("strace may not attach to another process here")
}

/// The thread whose name is the highest number of a connection. It has that name before it echoes anything.
fn thread_of_last_connection(server: &Child) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let connections = tasks.flatten().filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let connection: u64 = name.trim().strip_prefix('#')?.parse().ok()?;
        Some((connection, task.file_name().into_string().ok()?))
    });
    connections.max().expect("a connection").1
}
