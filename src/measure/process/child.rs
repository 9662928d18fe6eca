//! A server process that we started.

use super::command_line::CommandLine;
use super::cores::while_pinned_to;
use super::descriptor_limit::while_limited_to;
use super::failure::{ChildFailure, ExitReason};
use super::output::{FirstLine, Tail};
use super::process_group::{POLL_INTERVAL, ProcessGroup};
use super::process_tree::ProcessTree;
use super::reply::expect_reply;
use crate::text::address::Address;
use crate::text::connect::connect;
use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait for the end of standard error once the process has exited. It comes at once, unless a
/// descendant is still running and holds the pipe open.
const STDERR_TIMEOUT: Duration = Duration::from_millis(200);

/// The timeout of one attempt to reach the server. A server with a full backlog may complete the handshake late
/// (listen(2)); the limit lets us notice meanwhile that the process has died.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// A server process that we started, in a process group of its own.
///
/// Its standard input is empty. Its output is read as it comes, so a full pipe never blocks it. Dropping
/// this value terminates all of its [`ProcessTree`]: SIGTERM, up to two seconds of grace, SIGKILL.
///
/// ```
/// use mio_echo::measure::process::{Child, CommandLine};
/// use std::time::Duration;
///
/// let command = CommandLine::new("sh", ["-c", "echo ready; exec sleep 60"]);
/// let mut child = Child::spawn(&command, None)?;
/// assert_eq!(child.ready_line(Duration::from_secs(10))?, "ready");
/// child.terminate();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Child {
    group: ProcessGroup,
    first_line: FirstLine,
    stderr: Tail,
}

impl Child {
    /// Starts `command`, pinned to `cores` if some are given.
    ///
    /// # Errors
    ///
    /// The program does not exist or is not executable, no process or thread can be created, or this process
    /// may use none of `cores` (see [`cores`](super::cores)).
    pub fn spawn(command: &CommandLine, cores: Option<&[usize]>) -> io::Result<Self> {
        let limit = command.descriptor_limit;
        let mut command = with_pipes(command);
        let mut spawn = || while_limited_to(limit, || ProcessGroup::spawn(&mut command));
        let mut group = match cores {
            Some(cores) => while_pinned_to(cores, spawn)??,
            None => spawn()?,
        };
        let leader = group.leader();
        // Cannot be missing: both are configured as pipes.
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdout = leader.stdout.take().ok_or_else(missing)?;
        let stderr = leader.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            first_line: FirstLine::read_from(stdout)?,
            stderr: Tail::read_from(stderr)?,
            group,
        })
    }

    /// The process ID.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// It and all processes that it has started.
    pub fn processes(&self) -> &ProcessTree {
        self.group.processes()
    }

    /// Waits for the first line of standard output and returns it without its line ending. A second call
    /// never succeeds.
    ///
    /// # Errors
    ///
    /// The process exited without writing a line, or wrote none within `timeout`.
    pub fn ready_line(&mut self, timeout: Duration) -> Result<String, ChildFailure> {
        let start = Instant::now();
        self.first_line.wait(timeout).map_err(|_| {
            // The process may have closed its standard output shortly before it exits.
            let left = timeout.saturating_sub(start.elapsed());
            match self.group.wait_for_exit(left) {
                Some(reason) => self.exited(reason),
                None => self.not_ready(timeout),
            }
        })
    }

    /// Waits until connections to `address` are accepted. Each probe is a connection that is closed at once.
    /// Only the caller, which chose the port, knows that this process is the one that accepts.
    ///
    /// # Errors
    ///
    /// The process exited, or did not accept within `timeout`.
    pub fn wait_until_accepting(
        &mut self,
        address: impl Into<Address>,
        timeout: Duration,
    ) -> Result<(), ChildFailure> {
        let address = address.into();
        self.wait_until(timeout, || connect(&address, CONNECT_TIMEOUT).is_ok())
    }

    /// Waits until a datagram to `address` gets a reply. Otherwise as
    /// [`wait_until_accepting`](Self::wait_until_accepting).
    ///
    /// # Errors
    ///
    /// The process exited, or did not reply within `timeout`.
    pub fn wait_until_replying(
        &mut self,
        address: SocketAddr,
        timeout: Duration,
    ) -> Result<(), ChildFailure> {
        self.wait_until(timeout, || expect_reply(address, CONNECT_TIMEOUT).is_ok())
    }

    fn wait_until(
        &mut self,
        timeout: Duration,
        is_ready: impl Fn() -> bool,
    ) -> Result<(), ChildFailure> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(failure) = self.early_exit() {
                return Err(failure);
            }
            if is_ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.not_ready(timeout));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// The last line of its standard error so far that is not blank.
    pub fn last_stderr_line(&self) -> Option<String> {
        let so_far = self.not_ready(Duration::ZERO);
        so_far.last_stderr_line().map(Cow::into_owned)
    }

    /// How the process ended; `None` while it is running.
    pub fn early_exit(&mut self) -> Option<ChildFailure> {
        let reason = self.group.exit_reason()?;
        Some(self.exited(reason))
    }

    /// How the process ended, if it ends within `timeout`.
    pub fn exit_within(&mut self, timeout: Duration) -> Option<ChildFailure> {
        let reason = self.group.wait_for_exit(timeout)?;
        Some(self.exited(reason))
    }

    /// Terminates the process and its descendants and waits until it has exited. Dropping the value does the
    /// same.
    pub fn terminate(self) {
        drop(self);
    }

    fn exited(&self, reason: ExitReason) -> ChildFailure {
        let stderr = self.stderr.text(STDERR_TIMEOUT);
        ChildFailure::Exited { reason, stderr }
    }

    fn not_ready(&self, waited: Duration) -> ChildFailure {
        let stderr = self.stderr.text(Duration::ZERO);
        ChildFailure::NotReady { waited, stderr }
    }
}

fn with_pipes(command: &CommandLine) -> Command {
    let mut with_pipes = Command::new(&command.program);
    with_pipes
        .args(&command.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    with_pipes
}
