//! A process in the hands of a test: its output is collected as it comes, every wait has a deadline, and it does not
//! outlive the test.
//!
//! Dropping a [`Child`] kills and reaps the process, also when the test panics. If the test program itself is killed,
//! no destructor runs; then the kernel kills the children, because [`command`] starts them through setpriv(1), which
//! asks for that (prctl(2), `PR_SET_PDEATHSIG`). The request has to be made between fork and exec, where Rust code of
//! our own would be `unsafe`. To the kernel the parent is the *thread* that started the process: when that thread ends,
//! the child is killed.

use super::output::Output;
use super::{DEADLINE, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mio-echo");

/// How long a program may take to start, or to do all of its work and end: Python takes a while to start on a machine
/// that is busy with other tests.
const LONG_DEADLINE: Duration = Duration::from_mins(1);

/// A command without input, whose output can be collected, and whose process does not outlive ours.
///
/// Without setpriv(1), as on systems other than Linux, a test program that is killed leaves its children behind.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    static SETPRIV: OnceLock<bool> = OnceLock::new();
    let die_with_us = ["--pdeathsig", "KILL", "--"];
    let has_setpriv = SETPRIV.get_or_init(|| {
        let status = Command::new("setpriv")
            .args(die_with_us)
            .arg("true")
            .status();
        status.is_ok_and(|status| status.success())
    });
    let mut command = if *has_setpriv {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(die_with_us).arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `mio-echo` with these arguments, its log level not set by the environment of the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = command(PROGRAM);
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// `mio-echo serve` on 127.0.0.1 and a port of the system's choice, after `setup` in the same shell.
pub(crate) fn serve_after(setup: &str, arguments: &[&str]) -> Command {
    let mut command = command("sh");
    command
        .args(["-c", &format!("{setup}; exec \"$0\" \"$@\""), PROGRAM])
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("RUST_LOG");
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Exit {
    Child::spawn(command).wait_within(LONG_DEADLINE)
}

/// The address that a ready line announces.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    line.strip_prefix("listening on ")
        .and_then(|address| address.trim_end().parse().ok())
        .unwrap_or_else(|| panic!("expected `listening on ADDRESS`, got {line:?}"))
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Exit {
    /// `None` if a signal killed it.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard output, less the lines that were taken before.
    pub(crate) stdout: Vec<u8>,
    /// What it wrote to standard error, without the last line break.
    pub(crate) stderr: String,
}

impl Child {
    /// Starts a process, usually a [`command`] of this module.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            stdin: process.stdin.take(),
            stdout: Output::collect(process.stdout.take()),
            stderr: Output::collect(process.stderr.take()),
            process,
        }
    }

    /// Starts a process to which the test will write.
    pub(crate) fn spawn_with_input(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::piped()))
    }

    /// Starts `mio-echo serve` on 127.0.0.1 and a port of the system's choice. Returns it with its address.
    pub(crate) fn serve(arguments: &[&str]) -> (Self, SocketAddr) {
        let mut command = program(&["serve", "--listen", "127.0.0.1:0"]);
        let child = Self::spawn(command.args(arguments));
        let address = child.address();
        (child, address)
    }

    #[cfg(any(feature = "measure", feature = "trace"))]
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    pub(crate) fn id(&self) -> String {
        self.process.id().to_string()
    }

    /// The address in the next line of standard output, which is a ready line.
    pub(crate) fn address(&self) -> SocketAddr {
        address_in(&self.next_line())
    }

    /// Waits for the next line of standard output, and takes it.
    pub(crate) fn next_line(&self) -> String {
        self.next_until(b'\n')
    }

    /// Waits for standard output up to the byte `end`, and takes it.
    pub(crate) fn next_until(&self, end: u8) -> String {
        let part = self.stdout.wait(LONG_DEADLINE, |it| it.take_until(end));
        part.unwrap_or_else(|| panic!("expected more output; the log is: {}", self.log()))
    }

    /// Waits until the standard output is `expected`.
    pub(crate) fn wait_for_output(&self, expected: &[u8]) {
        let output = self.stdout.wait(LONG_DEADLINE, |output| {
            let bytes = output.rest();
            (bytes.len() >= expected.len()).then(|| bytes.to_vec())
        });
        assert_eq!(output.as_deref(), Some(expected));
    }

    /// Asserts that for all of `time` it neither writes to standard output nor ends. That nothing happens can only be
    /// seen by waiting.
    pub(crate) fn assert_quiet_for(&self, time: Duration) {
        let mut before = None;
        let broke_silence = self.stdout.wait(time, |output| {
            let now = output.bytes.len();
            (output.has_ended || *before.get_or_insert(now) != now).then_some(())
        });
        assert_eq!(broke_silence, None, "expected no output and no end");
    }

    /// The lines on standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lines().trim_end().to_owned()
    }

    /// How many lines on standard error contain `words`.
    pub(crate) fn log_lines_with(&self, words: &str) -> usize {
        let lines = self.stderr.lines();
        lines.lines().filter(|line| line.contains(words)).count()
    }

    /// Waits for a line with `words` on standard error.
    pub(crate) fn wait_for_log(&self, words: &str) {
        let found = self.stderr.wait(DEADLINE, |output| {
            output.lines().contains(words).then_some(())
        });
        assert!(
            found.is_some(),
            "expected {words:?} on standard error: {}",
            self.log()
        );
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).expect("the process should be there");
    }

    /// Stops it, and waits until it has: kill(2) returns before. It goes on with `Signal::CONT`.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
        #[cfg(target_os = "linux")]
        eventually("the process is stopped", || {
            let [state]: [char; 1] = self.statistics([3]);
            matches!(state, 'T' | 't')
        });
    }

    /// Writes to its standard input, which stays open.
    pub(crate) fn write(&mut self, input: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(input).unwrap();
    }

    /// Writes the last of its input, and waits until it has done all of its work.
    pub(crate) fn finish(mut self, input: Vec<u8>) -> Exit {
        let mut stdin = self.stdin.take().unwrap();
        // It may end before it has read everything.
        thread::spawn(move || stdin.write_all(&input).ok());
        self.wait_within(LONG_DEADLINE)
    }

    /// Waits for the end of the process, with its standard input left open.
    pub(crate) fn wait(self) -> Exit {
        self.wait_within(DEADLINE)
    }

    /// As [`wait`](Self::wait), for as long as `time`.
    pub(crate) fn wait_within(mut self, time: Duration) -> Exit {
        let deadline = Instant::now() + time;
        let left = || deadline.saturating_duration_since(Instant::now());
        let stdout = self.stdout.wait_for_end(left());
        let stderr = self.stderr.wait_for_end(left());
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            panic!("still running after {time:?}; the log is: {}", self.log());
        };
        // Both streams are closed; now it only has to exit.
        let mut status: Option<ExitStatus> = None;
        eventually("the process ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let stderr = String::from_utf8(stderr).expect("errors are text");
        Exit {
            code: status.unwrap().code(),
            stdout,
            stderr: stderr.strip_suffix('\n').unwrap_or(&stderr).to_owned(),
        }
    }

    /// Processor time used so far, in clock ticks (proc(5), `/proc/PID/stat`, utime and stime).
    #[cfg(target_os = "linux")]
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let [user, system]: [u64; 2] = self.statistics([14, 15]);
        user + system
    }

    /// Bytes of virtual memory (proc(5), `/proc/PID/stat`, vsize).
    #[cfg(target_os = "linux")]
    pub(crate) fn address_space(&self) -> u64 {
        let [vsize]: [u64; 1] = self.statistics([23]);
        vsize
    }

    /// Fields of `/proc/PID/stat`, by their numbers in proc(5), which counts from 1.
    #[cfg(target_os = "linux")]
    fn statistics<T: FromStr, const N: usize>(&self, fields: [usize; N]) -> [T; N]
    where
        T::Err: Debug,
    {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The name of the program, in parentheses, may contain spaces; the fields after it do not.
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let columns: Vec<&str> = behind_name.split_whitespace().collect();
        // The third is the first behind the name.
        fields.map(|field| columns[field - 3].parse().unwrap())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail if the process has been waited for already.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Exit {
    /// Standard output as text, without the last line break.
    pub(crate) fn text(&self) -> &str {
        let text = std::str::from_utf8(&self.stdout).expect("the output is text");
        text.strip_suffix('\n').unwrap_or(text)
    }
}
