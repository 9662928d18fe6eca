//! The server of one measurement, started for it and stopped after it.

use crate::measure::bench::OwnServer;
use crate::measure::compare::contender::{ContenderSpec, Origin, with_port};
use crate::measure::compare::model::ContenderFailure;
use crate::measure::process::{Child, ChildFailure, CommandLine};
use crate::text::os_error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How often a wait for a starting server asks whether to go on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A server that accepts connections. Dropping it stops the process that was started for it.
#[derive(Debug)]
pub(super) struct ContenderServer {
    pub(super) address: SocketAddr,
    /// `None` for a server that was already running.
    child: Option<Child>,
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
    /// returns `Continue`.
    pub(super) fn start(
        spec: &ContenderSpec,
        core: Option<usize>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        match &spec.origin {
            Origin::Own(mode) => {
                let own = OwnServer::start(*mode, core).map_err(not_started)?;
                Ok(Self {
                    address: own.address,
                    child: Some(own.child),
                })
            }
            Origin::Running(endpoint) => {
                let addresses = endpoint.resolve().map_err(io_error)?;
                let first = addresses.first().copied();
                Ok(Self {
                    address: first.ok_or_else(|| io_error(io::ErrorKind::NotFound.into()))?,
                    child: None,
                })
            }
            Origin::Command(command) => Self::spawn(command, core, timeout, go_on),
        }
    }

    fn spawn(
        command: &CommandLine,
        core: Option<usize>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        let address = free_address().map_err(io_error)?;
        let command = with_port(command, address.port());
        let mut child = Child::spawn(&command, core).map_err(io_error)?;
        let deadline = Instant::now() + timeout;
        loop {
            match child.wait_until_accepting(address, POLL_INTERVAL) {
                Ok(()) => {
                    let child = Some(child);
                    return Ok(Self { address, child });
                }
                Err(exited @ ChildFailure::Exited { .. }) => return Err(not_started(exited)),
                Err(ChildFailure::NotReady { stderr, .. }) if Instant::now() >= deadline => {
                    let waited = timeout;
                    return Err(not_started(ChildFailure::NotReady { waited, stderr }));
                }
                Err(ChildFailure::NotReady { .. }) => {
                    if go_on().is_break() {
                        return Err(LaunchError::Stopped);
                    }
                }
            }
        }
    }

    /// Its process id, if its process is visible.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::pid)
    }

    /// How it terminated, if it has.
    pub(super) fn early_exit(&mut self) -> Option<ChildFailure> {
        self.child.as_mut()?.early_exit()
    }
}

/// A port that is free now. If another program takes it before the server does, the server does not start.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn not_started(reason: impl ToString) -> LaunchError {
    let reason = reason.to_string();
    LaunchError::Failed(ContenderFailure::NotStarted { reason })
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn io_error(error: io::Error) -> LaunchError {
    not_started(os_error::describe(&error))
}
