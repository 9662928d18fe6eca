//! A server that we started.

use super::group::{Group, PAUSE};
use super::stream::{FirstLine, Tail};
use super::{Command, HowLost, Lost, cores};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::{self, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the last words of a process that has ended may be on their way. They are there already,
/// unless it has left someone behind who holds its standard error open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long one attempt to connect may take. A server with a full backlog answers late (listen(2)); one
/// that has died meanwhile is to be noticed.
const ONE_ATTEMPT: Duration = Duration::from_millis(250);

/// A server that we started, in a process group of its own. Its standard input is empty; what it says is
/// read as it comes, so that it never waits for us; it ends with this value: SIGTERM to the group, two
/// seconds, SIGKILL.
///
/// ```
/// use mio_echo::measure::process::{Child, Command};
/// use std::time::Duration;
///
/// let command = Command::new("sh", ["-c", "echo ready; exec sleep 60"]);
/// let mut child = Child::spawn(&command, None)?;
/// assert_eq!(child.ready_line(Duration::from_secs(10))?, "ready");
/// child.end();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Child {
    group: Group,
    first_line: FirstLine,
    stderr: Tail,
}

impl Child {
    /// Starts `command`, on `core` if one is given.
    ///
    /// # Errors
    ///
    /// There is no such program, or it may not be run; no process or thread is to be had; or `core` is not
    /// ours to give (see [`cores`]).
    pub fn spawn(command: &Command, core: Option<usize>) -> io::Result<Self> {
        let mut command = prepared(command);
        let mut spawn = || Group::spawn(&mut command);
        let mut group = match core {
            Some(core) => cores::while_pinned_to(core, spawn)??,
            None => spawn()?,
        };
        let leader = group.leader();
        // Both are there: they were asked for.
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdout = leader.stdout.take().ok_or_else(missing)?;
        let stderr = leader.stderr.take().ok_or_else(missing)?;
        Ok(Self {
            first_line: FirstLine::of(stdout)?,
            stderr: Tail::of(stderr)?,
            group,
        })
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// The first line of its standard output, without its end; to be asked for once.
    ///
    /// # Errors
    ///
    /// It ended without one, or did not say one within `patience`.
    pub fn ready_line(&mut self, patience: Duration) -> Result<String, Lost> {
        let start = Instant::now();
        self.first_line.within(patience).map_err(|_| {
            // It may have closed its standard output on its way to the end.
            let left = patience.saturating_sub(start.elapsed());
            let how = self.group.await_ending(left);
            self.lost(how.unwrap_or(HowLost::NotReady(patience)))
        })
    }

    /// Waits until someone accepts connections at `at`; the one that is made to find out is closed at
    /// once. That it is this process who does is for the caller to know, who chose the port.
    ///
    /// # Errors
    ///
    /// It ended, or did not accept within `patience`.
    pub fn wait_until_it_accepts(
        &mut self,
        at: SocketAddr,
        patience: Duration,
    ) -> Result<(), Lost> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(lost) = self.death() {
                return Err(lost);
            }
            if accepts(at) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.lost(HowLost::NotReady(patience)));
            }
            thread::sleep(PAUSE);
        }
    }

    /// How it ended, if it has.
    pub fn death(&mut self) -> Option<Lost> {
        let how = self.group.ending()?;
        Some(self.lost(how))
    }

    /// Ends it and whoever it has started, and waits for the end: SIGTERM to its group, two seconds,
    /// SIGKILL. Dropping it does the same.
    pub fn end(self) {
        drop(self);
    }

    fn lost(&self, how: HowLost) -> Lost {
        let patience = match how {
            HowLost::NotReady(_) => Duration::ZERO,
            HowLost::Exited(_) | HowLost::Killed(_) | HowLost::Vanished => LAST_WORDS,
        };
        let stderr = self.stderr.text(patience);
        Lost { how, stderr }
    }
}

fn prepared(command: &Command) -> process::Command {
    let mut prepared = process::Command::new(&command.program);
    prepared
        .args(&command.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    prepared
}

/// Whether a connection comes about. One that meets itself does not count: where nobody listens, the
/// system may choose the very port that we ask for as our own (RFC 9293, simultaneous open).
fn accepts(at: SocketAddr) -> bool {
    TcpStream::connect_timeout(&at, ONE_ATTEMPT)
        .and_then(|stream| Ok(stream.local_addr()? != stream.peer_addr()?))
        .unwrap_or(false)
}
