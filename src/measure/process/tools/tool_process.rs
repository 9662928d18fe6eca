//! A tool as a child process: started, controlled through its pipes, terminated with this value.

use super::tool::{Tool, ToolError};
use crate::measure::process::failure::ChildFailure;
use crate::measure::process::process_group::ProcessGroup;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long a tool may take to attach, to respond, and to exit. Even with a thousand threads it takes far less.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a tool whose pipe has closed may take to exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A running tool, with the lines it prints.
#[derive(Debug)]
pub(super) struct ToolProcess {
    tool: Tool,
    group: ProcessGroup,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// Lines taken from `stderr`: the result, or the error message if the tool fails.
    output: String,
}

impl ToolProcess {
    pub(super) fn start(tool: Tool, arguments: &[&str]) -> Result<Self, ToolError> {
        let mut command = Command::new(tool.to_string());
        command
            .args(arguments)
            // Numbers and messages as they are parsed here, whatever the user's locale.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group =
            ProcessGroup::spawn(&mut command).map_err(|error| ToolError::CannotRun(tool, error))?;
        let leader = group.leader();
        Ok(Self {
            tool,
            stdout: lines_of(leader.stdout.take()),
            stderr: lines_of(leader.stderr.take()),
            output: String::new(),
            group,
        })
    }

    /// Sends a control command of perf. Perf acknowledges each.
    pub(super) fn send(&mut self, command: &str) -> Result<(), ToolError> {
        let written = match &mut self.group.leader().stdin {
            Some(stdin) => stdin.write_all(command.as_bytes()),
            None => Ok(()),
        };
        written.map_err(|_| self.failure())
    }

    /// Waits for the line with which perf acknowledges the next of its commands.
    pub(super) fn wait_for_acknowledgement(&mut self) -> Result<(), ToolError> {
        let line = self.stdout.recv_timeout(TIMEOUT);
        line.map(drop).map_err(|_| self.failure())
    }

    /// Waits for a line of standard error that `matches`.
    pub(super) fn wait_for_stderr_line(
        &mut self,
        matches: impl Fn(&str) -> bool,
    ) -> Result<(), ToolError> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                return Err(self.failure());
            };
            if matches(&line) {
                return Ok(());
            }
            self.keep(&line);
        }
    }

    /// Stops the tool with SIGINT, as Ctrl-C would, and returns what it prints on standard error from now on.
    pub(super) fn finish(mut self) -> Result<String, ToolError> {
        self.group.signal(Signal::INT);
        self.output.clear();
        let exit = self.group.wait_for_exit(TIMEOUT);
        self.keep_rest();
        match exit {
            Some(_) => Ok(self.output),
            None => Err(self.failure()),
        }
    }

    /// Why the tool did not respond.
    fn failure(&mut self) -> ToolError {
        // Its pipes may close a moment before it exits.
        let exit = self.group.wait_for_exit(EXIT_TIMEOUT);
        if exit.is_some() {
            self.keep_rest();
        }
        let stderr = std::mem::take(&mut self.output);
        let waited = TIMEOUT;
        let failure = match exit {
            Some(reason) => ChildFailure::Exited { reason, stderr },
            None => ChildFailure::NotReady { waited, stderr },
        };
        ToolError::Failed(self.tool, failure)
    }

    /// Keeps the remaining lines of standard error, which ends when the tool exits.
    fn keep_rest(&mut self) {
        while let Ok(line) = self.stderr.recv_timeout(TIMEOUT) {
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }
}

/// The lines of a stream as they are written; disconnected at its end. The tools print little, so all of it is
/// kept.
fn lines_of(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (line_read, lines) = mpsc::channel();
    let read = move || {
        let mut read = stream
            .into_iter()
            .flat_map(|stream| BufReader::new(stream).lines().map_while(Result::ok));
        read.try_for_each(|line| line_read.send(line))
    };
    // Without a reader thread the channel is disconnected at once, and the tool counts as failed.
    let _no_thread = thread::Builder::new().name("reader".to_owned()).spawn(read);
    lines
}
