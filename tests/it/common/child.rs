//! A child process that outlives no test, and is never waited for in vain.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a fact may take to come about. Only a failing test takes so long.
const DEADLINE: Duration = Duration::from_mins(1);

/// A process with its three streams in our hands.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts it with all three streams piped.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::spawn(command)
    }

    /// Starts it with standard input and output as they are set already; what is not piped is not seen.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: chunks_of(child.stdout.take()),
            stderr: chunks_of(child.stderr.take()),
            seen: Vec::new(),
            child,
        }
    }

    /// Writes to its standard input, which stays open.
    pub(crate) fn write(&mut self, input: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(input).unwrap();
    }

    /// Waits until its standard output, from the beginning, is `expected`.
    pub(crate) fn wait_for_output(&mut self, expected: &[u8]) {
        let deadline = Instant::now() + DEADLINE;
        while self.seen.len() < expected.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = self.stdout.recv_timeout(left).expect("no more output");
            self.seen.extend(chunk);
        }
        assert_eq!(self.seen, expected);
    }

    /// Waits for the first line of its standard output.
    pub(crate) fn first_line(&mut self) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(end) = self.seen.iter().position(|&byte| byte == b'\n') {
                return String::from_utf8(self.seen[..end].to_vec()).unwrap();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = self.stdout.recv_timeout(left).expect("no line");
            self.seen.extend(chunk);
        }
    }

    /// Asserts that for all of `time` it neither writes nor ends. (That nothing happens can only be seen
    /// by waiting.)
    pub(crate) fn assert_quiet_for(&self, time: Duration) {
        let event = self.stdout.recv_timeout(time);
        assert_eq!(event, Err(RecvTimeoutError::Timeout));
    }

    /// Sends a signal, such as `INT`.
    #[allow(
        dead_code,
        reason = "not every test that includes this file stops a process"
    )]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status()
            .unwrap();
        assert!(status.success(), "expected to send SIG{name}: {status}");
    }

    /// Feeds it `input`, as all that there will be, and waits for its end.
    pub(crate) fn finish(mut self, input: Vec<u8>) -> Finished {
        let stdin = self.stdin.take();
        // It may end before it has read everything.
        thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input).ok()));
        self.end()
    }

    /// Waits for its end, with its standard input left open.
    pub(crate) fn end(mut self) -> Finished {
        let deadline = Instant::now() + DEADLINE;
        let mut stdout = std::mem::take(&mut self.seen);
        stdout.extend(rest(&self.stdout, deadline));
        let stderr = rest(&self.stderr, deadline);
        // It has closed both; what is left to it is to exit.
        let status = self.child.wait().unwrap();
        Finished {
            code: status.code(),
            stdout,
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has been waited for already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn chunks_of(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn rest(stream: &Receiver<Vec<u8>>, deadline: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match stream.recv_timeout(left) {
            Ok(chunk) => bytes.extend(chunk),
            Err(RecvTimeoutError::Disconnected) => return bytes,
            Err(RecvTimeoutError::Timeout) => panic!("still running after {DEADLINE:?}"),
        }
    }
}
