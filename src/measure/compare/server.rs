//! The server of one measurement: started for it, and ended behind it.

use super::entry::{Entry, Origin, told_its_port};
use super::model::Failure;
use crate::measure::bench::OwnServer;
use crate::measure::process::{Child, ChildFailure, CommandLine};
use crate::text::os_error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Between two questions whether to go on waiting.
const GLANCE: Duration = Duration::from_millis(100);

/// A server that accepts connections.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    process: Process,
}

/// Whose process it is.
#[derive(Debug)]
enum Process {
    /// Of this program.
    Own(OwnServer),
    /// Of a command.
    Started(Child),
    /// It was running before.
    Nobodys,
}

/// Why there is no server.
#[derive(Debug)]
pub(super) enum NoServer {
    Failed(Failure),
    /// Somebody wants to stop.
    Stopped,
}

impl Server {
    /// Starts the server of `entry` on `core` and waits until it accepts, for as long as `patience` and
    /// `go_on` allow.
    pub(super) fn start(
        entry: &Entry,
        core: Option<usize>,
        patience: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, NoServer> {
        match &entry.origin {
            Origin::Ours(mode) => {
                let own = OwnServer::start(*mode, core).map_err(|error| {
                    let why = error.to_string();
                    NoServer::Failed(Failure::NotStarted { why })
                })?;
                let address = own.address();
                let process = Process::Own(own);
                Ok(Self { address, process })
            }
            Origin::Running(endpoint) => {
                let addresses = endpoint.resolve().map_err(not_started)?;
                let first = addresses.first().copied();
                let address = first.ok_or_else(|| not_started(io::ErrorKind::NotFound.into()))?;
                let process = Process::Nobodys;
                Ok(Self { address, process })
            }
            Origin::Command(command) => Self::of_command(command, core, patience, go_on),
        }
    }

    fn of_command(
        command: &CommandLine,
        core: Option<usize>,
        patience: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, NoServer> {
        let address = free_address().map_err(not_started)?;
        let command = told_its_port(command, address.port());
        let mut child = Child::spawn(&command, core).map_err(not_started)?;
        let deadline = Instant::now() + patience;
        loop {
            match child.wait_until_accepting(address, GLANCE) {
                Ok(()) => break,
                Err(ChildFailure::NotReady { stderr, .. }) if Instant::now() >= deadline => {
                    let waited = patience;
                    let why = ChildFailure::NotReady { waited, stderr }.to_string();
                    return Err(NoServer::Failed(Failure::NotStarted { why }));
                }
                Err(failure @ ChildFailure::Exited { .. }) => {
                    let why = failure.to_string();
                    return Err(NoServer::Failed(Failure::NotStarted { why }));
                }
                Err(_) if go_on().is_break() => return Err(NoServer::Stopped),
                Err(_) => {}
            }
        }
        let process = Process::Started(child);
        Ok(Self { address, process })
    }

    /// Its process; none if it was running before.
    fn child(&mut self) -> Option<&mut Child> {
        match &mut self.process {
            Process::Own(own) => Some(own.child()),
            Process::Started(child) => Some(child),
            Process::Nobodys => None,
        }
    }

    /// The number of its process, if it can be seen.
    pub(super) fn pid(&mut self) -> Option<u32> {
        self.child().map(|child| child.pid())
    }

    /// How it ended, if it has.
    pub(super) fn early_exit(&mut self) -> Option<ChildFailure> {
        self.child()?.early_exit()
    }
}

/// A port that is free now. Another program may take it before the server does; that shows as a server that
/// does not start.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[allow(clippy::needless_pass_by_value, reason = "it stands behind map_err")]
fn not_started(error: io::Error) -> NoServer {
    let why = os_error::in_words(&error);
    NoServer::Failed(Failure::NotStarted { why })
}
