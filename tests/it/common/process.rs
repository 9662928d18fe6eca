//! A server as a process of its own.

use super::{DEADLINE, eventually};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mio-echo");

/// A process whose words are read as they come, and which does not outlive its test.
pub(crate) struct Child {
    process: process::Child,
    stdout: Receiver<String>,
    stderr: Arc<Mutex<Vec<String>>>,
    /// Says when standard error has been read to its end.
    stderr_ended: Receiver<()>,
}

/// What a process left behind.
pub(crate) struct Exit {
    /// None if a signal killed it.
    pub(crate) code: Option<i32>,
    /// Lines that nobody has asked for yet.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// `mio-echo` with these arguments, its log level not set by the environment of the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("RUST_LOG");
    command
}

/// `mio-echo serve` on 127.0.0.1 and a port of the system's choice, behind what `setup` does in a shell.
pub(crate) fn serve_after(setup: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{setup}; exec \"$0\" \"$@\""), PROGRAM])
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("RUST_LOG");
    command
}

impl Child {
    /// `mio-echo serve` on 127.0.0.1 and a port of the system's choice. Returns it with its address.
    pub(crate) fn serve(arguments: &[&str]) -> (Self, SocketAddr) {
        let mut command = program(&["serve", "--listen", "127.0.0.1:0"]);
        let child = Self::spawn(command.args(arguments));
        let address = child.address();
        (child, address)
    }

    /// Starts a process and listens to what it says.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program should start");
        Self::watch(process)
    }

    /// Takes over a process, and listens to what is left of its standard output and error.
    pub(crate) fn watch(mut process: process::Child) -> Self {
        let stdout = lines_of(process.stdout.take());
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (end, stderr_ended) = mpsc::channel();
        let (lines, said) = (lines_of(process.stderr.take()), Arc::clone(&stderr));
        thread::spawn(move || {
            for line in lines {
                said.lock().unwrap().push(line);
            }
            let _nobody_waits = end.send(());
        });
        Self {
            process,
            stdout,
            stderr,
            stderr_ended,
        }
    }

    /// The address in the next ready line.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.stdout.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            panic!(
                "expected a ready line ({error}), but heard: {}",
                self.said()
            )
        });
        address_in(&line)
    }

    pub(crate) fn id(&self) -> String {
        self.process.id().to_string()
    }

    /// What it has said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }

    /// How many lines on standard error contain `words`.
    pub(crate) fn times_said(&self, words: &str) -> usize {
        let lines = self.stderr.lock().unwrap();
        lines.iter().filter(|line| line.contains(words)).count()
    }

    /// Waits until it has said `words` on standard error.
    pub(crate) fn wait_until_said(&self, words: &str) {
        eventually(&format!("a line with {words:?} on standard error"), || {
            self.times_said(words) > 0
        });
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.id()])
            .status()
            .unwrap();
        assert!(status.success(), "expected to send SIG{name}: {status}");
    }

    /// Waits for the end of the process, with a deadline.
    pub(crate) fn wait(mut self) -> Exit {
        let mut status: Option<ExitStatus> = None;
        eventually("the process ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let _all_read = self.stderr_ended.recv_timeout(DEADLINE);
        Exit {
            code: status.unwrap().code(),
            stdout: self.stdout.iter().collect(),
            stderr: self.said(),
        }
    }

    /// Processor time used so far, in clock ticks (proc(5), `/proc/PID/stat`, utime and stime).
    #[cfg(target_os = "linux")]
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The name of the program, in parentheses, may hold spaces; the numbers behind it do not.
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let columns: Vec<&str> = behind_name.split_whitespace().collect();
        let ticks = |column: usize| columns[column].parse::<u64>().unwrap();
        ticks(11) + ticks(12)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Fails if it has ended already, which is as good.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// The address that a ready line announces.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    line.strip_prefix("listening on ")
        .and_then(|address| address.trim_end().parse().ok())
        .unwrap_or_else(|| panic!("expected `listening on ADDRESS`, got {line:?}"))
}

/// The lines of a pipe, as they come.
fn lines_of(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (line_read, lines) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if line_read.send(line).is_err() {
                    break;
                }
            }
        });
    }
    lines
}
