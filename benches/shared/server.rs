//! A server as a process of its own, observed from outside through proc(5).

use mio_echo::measure::process::{Child, ChildFailure, CommandLine, ExitReason, Usage};
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take for what it does at once. A busy machine needs some of it.
const TIMEOUT: Duration = Duration::from_mins(1);

const READY_LINE: &str = "listening on ";

/// The server under test. Dropping it terminates it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program that writes `listening on ADDRESS` to standard output when it is ready.
    pub(crate) fn start<W: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = W>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut child = Child::spawn(&CommandLine::new(program, arguments), None)?;
        let line = child.ready_line(TIMEOUT)?;
        let address = line.strip_prefix(READY_LINE).ok_or("no ready line")?;
        let address = address.parse()?;
        Ok(Self { child, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let error = |error| io::Error::other(format!("the server cannot be observed: {error}"));
        Usage::of(self.pid()).map_err(error)
    }

    /// Processor time used since `before`.
    pub(crate) fn cpu_since(&self, before: &Usage) -> io::Result<Duration> {
        Ok(self.usage()?.since(before).cpu())
    }

    /// Open descriptors (proc(5), `/proc/PID/fd`).
    pub(crate) fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn early_exit(&mut self) -> Option<ChildFailure> {
        self.child.early_exit()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(io::ErrorKind::NotFound)?, signal)?)
    }

    /// Requests a stop, and returns how long it took.
    pub(crate) fn stop(self) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        self.signal(Signal::TERM)?;
        self.wait_for_exit()?;
        Ok(start.elapsed())
    }

    /// Waits for its end; fails unless it exits with code 0.
    pub(crate) fn wait_for_exit(mut self) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            match self.early_exit() {
                None => thread::sleep(Duration::from_millis(1)),
                Some(ChildFailure::Exited {
                    reason: ExitReason::Code(0),
                    ..
                }) => return Ok(()),
                Some(failure) => return Err(failure.into()),
            }
        }
        Err("the server does not stop".into())
    }
}
