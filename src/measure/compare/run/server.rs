//! The server of one measurement, started for it and stopped after it.

use crate::measure::bench::OwnServer;
use crate::measure::compare::contender::{ContenderSpec, Origin, with_port};
use crate::measure::compare::model::ContenderFailure;
use crate::measure::process::{Child, ChildFailure, CommandLine, free_address};
use crate::text::os_error;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How many of the last lines of standard error a report shows.
const STDERR_LINES: usize = 5;

/// How often a wait for a starting server asks whether to go on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A server that accepts connections. Dropping it stops the process that was started for it.
#[derive(Debug)]
pub(super) struct ContenderServer {
    pub(super) address: SocketAddr,
    /// `None` for a server that was already running.
    child: Option<Child>,
    /// The process whose costs are measured, with those of its descendants.
    pid: Option<u32>,
}

/// Why there is no server to measure.
#[derive(Debug)]
pub(super) enum LaunchError {
    Failed(ContenderFailure),
    /// The progress observer asked to stop.
    Stopped,
}

impl ContenderServer {
    /// Starts the server of `spec` on `core` and waits until it accepts, for at most `timeout` and while `go_on`
    /// returns `Continue`. One that exits because another program has taken its port gets another port, once.
    pub(super) fn start(
        spec: &ContenderSpec,
        core: Option<usize>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        match &spec.origin {
            Origin::Own(mode) => {
                let own = OwnServer::start(*mode, core).map_err(not_started)?;
                Ok(Self::of(own.child, own.address))
            }
            Origin::Running { endpoint, pid } => {
                let addresses = endpoint.resolve().map_err(io_error)?;
                let first = addresses.first().copied();
                Ok(Self {
                    address: first.ok_or_else(|| io_error(io::ErrorKind::NotFound.into()))?,
                    child: None,
                    pid: *pid,
                })
            }
            Origin::Command(command) => {
                let address = free_address().map_err(io_error)?;
                let started = Self::spawn(command, address, core, timeout, go_on);
                match started {
                    Err(LaunchError::Failed(_)) if is_taken(address) => {
                        let address = free_address().map_err(io_error)?;
                        Self::spawn(command, address, core, timeout, go_on)
                    }
                    started => started,
                }
            }
        }
    }

    fn of(child: Child, address: SocketAddr) -> Self {
        Self {
            address,
            pid: Some(child.pid()),
            child: Some(child),
        }
    }

    fn spawn(
        command: &CommandLine,
        address: SocketAddr,
        core: Option<usize>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        let command = with_port(command, address.port());
        let mut child = Child::spawn(&command, core).map_err(io_error)?;
        let deadline = Instant::now() + timeout;
        loop {
            match child.wait_until_accepting(address, POLL_INTERVAL) {
                Ok(()) => return Ok(Self::of(child, address)),
                Err(exited @ ChildFailure::Exited { .. }) => return Err(child_failed(&exited)),
                Err(ChildFailure::NotReady { stderr, .. }) if Instant::now() >= deadline => {
                    let waited = timeout;
                    return Err(child_failed(&ChildFailure::NotReady { waited, stderr }));
                }
                Err(ChildFailure::NotReady { .. }) => {
                    if go_on().is_break() {
                        return Err(LaunchError::Stopped);
                    }
                }
            }
        }
    }

    /// Its process id, if it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Ends the process that was started. Returns whether another program listens on its port.
    pub(super) fn has_lost_port(&mut self) -> bool {
        let started = self.child.take();
        let was_started = started.is_some();
        drop(started);
        was_started && is_taken(self.address)
    }

    /// How it terminated, if it has or does within `timeout`.
    pub(super) fn exit_within(&mut self, timeout: Duration) -> Option<ChildFailure> {
        self.child.as_mut()?.exit_within(timeout)
    }
}

/// The last lines of standard error that a report shows.
pub(super) fn last_lines(failure: &ChildFailure) -> Vec<String> {
    let lines = failure.last_stderr_lines(STDERR_LINES).into_iter();
    lines.map(str::to_owned).collect()
}

/// Whether a socket listens there, although the server that was to do so has ended.
fn is_taken(address: SocketAddr) -> bool {
    let bound = TcpListener::bind(address);
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

fn child_failed(failure: &ChildFailure) -> LaunchError {
    LaunchError::Failed(ContenderFailure::NotStarted {
        reason: failure.to_string(),
        stderr: last_lines(failure),
    })
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn not_started(reason: impl ToString) -> LaunchError {
    let reason = reason.to_string();
    let stderr = Vec::new();
    LaunchError::Failed(ContenderFailure::NotStarted { reason, stderr })
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn io_error(error: io::Error) -> LaunchError {
    not_started(os_error::describe(&error))
}
