//! A tool that looks at another process: we start it, talk to it, and it ends with us.

use super::{CannotCount, Tool};
use crate::measure::process::HowLost;
use crate::measure::process::group::Group;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long a tool may take to attach itself, and to sum up. Far longer than either takes, even with a
/// thousand threads.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tool, with its words as they come.
#[derive(Debug)]
pub(super) struct Tracer {
    tool: Tool,
    group: Group,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What has been taken from `stderr`, for the case that it was a complaint.
    said: String,
}

impl Tracer {
    pub(super) fn start(tool: Tool, arguments: &[&str]) -> Result<Self, CannotCount> {
        let mut command = Command::new(tool.to_string());
        command
            .args(arguments)
            // Its numbers and words are not to be those of the country.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group =
            Group::spawn(&mut command).map_err(|error| CannotCount::NoTool(tool, error))?;
        let leader = group.leader();
        Ok(Self {
            tool,
            stdout: lines_of(leader.stdout.take()),
            stderr: lines_of(leader.stderr.take()),
            said: String::new(),
            group,
        })
    }

    /// Writes a line to its standard input.
    pub(super) fn tell(&mut self, line: &str) -> Result<(), CannotCount> {
        let told = match &mut self.group.leader().stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()),
            None => Ok(()),
        };
        told.map_err(|_| self.refusal())
    }

    /// Waits for a line of its standard output.
    pub(super) fn answer(&mut self) -> Result<String, CannotCount> {
        let answer = self.stdout.recv_timeout(PATIENCE);
        answer.map_err(|_| self.refusal())
    }

    /// Waits for a line of its standard error that `is_meant`.
    pub(super) fn await_remark(
        &mut self,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<(), CannotCount> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                return Err(self.refusal());
            };
            if is_meant(&line) {
                return Ok(());
            }
            self.note(&line);
        }
    }

    /// Asks it to end, as Ctrl-C would, and returns what else it wrote to standard error.
    pub(super) fn sum_up(mut self) -> Result<String, CannotCount> {
        self.group.signal(Signal::INT);
        self.said.clear();
        let ending = self.group.await_ending(PATIENCE);
        self.note_the_rest();
        match ending {
            Some(_) => Ok(self.said),
            None => Err(self.refusal()),
        }
    }

    /// Why it does not do as it should.
    fn refusal(&mut self) -> CannotCount {
        // Its pipe may be closed a moment before it ends.
        let ending = self.group.await_ending(Duration::from_secs(1));
        if ending.is_some() {
            self.note_the_rest();
        }
        let how = ending.unwrap_or(HowLost::NotReady(PATIENCE));
        CannotCount::Refused(self.tool, how, std::mem::take(&mut self.said))
    }

    /// To be called when it has ended, and with it its standard error.
    fn note_the_rest(&mut self) {
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE) {
            self.note(&line);
        }
    }

    fn note(&mut self, line: &str) {
        self.said.push_str(line);
        self.said.push('\n');
    }
}

/// The lines of a stream as they come; closed at its end. The tools say little, and we read all of it.
fn lines_of(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (line_read, lines) = mpsc::channel();
    let read = move || {
        for line in stream.into_iter().flat_map(|s| BufReader::new(s).lines()) {
            let Ok(line) = line else { break };
            if line_read.send(line).is_err() {
                break;
            }
        }
    };
    // Without a thread to read it the stream is as good as ended, and the tool is told off as silent.
    let _no_thread = thread::Builder::new().name("reader".to_owned()).spawn(read);
    lines
}
