//! This program's own server, as a process of its own.

use crate::measure::process::{Child, ChildFailure, CommandLine};
use crate::server::Mode;
use std::env;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it announces, before its address.
const READY: &str = "listening on ";

/// A server of this program, on a port of the system's choice on the loopback interface. It ends with
/// this value.
#[derive(Debug)]
pub struct OwnServer {
    child: Child,
    address: SocketAddr,
}

/// Why it does not serve.
#[derive(Debug)]
pub enum NoServer {
    /// It could not be started.
    NotStarted(io::Error),
    /// It was started and did not get to listen.
    Lost(ChildFailure),
    /// It announced something else.
    Mumbled(String),
}

impl OwnServer {
    /// The command line of such a server.
    ///
    /// # Errors
    ///
    /// This program cannot be found.
    pub fn command(mode: Mode) -> io::Result<CommandLine> {
        let mode = mode.to_string();
        let arguments = [
            "serve",
            "--quiet",
            "--listen",
            "127.0.0.1:0",
            "--mode",
            &mode,
        ];
        Ok(CommandLine::new(env::current_exe()?, arguments))
    }

    /// Starts one, on `core` if one is given, and waits until it listens.
    ///
    /// # Errors
    ///
    /// See [`NoServer`].
    pub fn start(mode: Mode, core: Option<usize>) -> Result<Self, NoServer> {
        let spawned = Self::command(mode).and_then(|command| Child::spawn(&command, core));
        let mut child = spawned.map_err(NoServer::NotStarted)?;
        let line = child.ready_line(PATIENCE).map_err(NoServer::Lost)?;
        let address = line.strip_prefix(READY).and_then(|it| it.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => Err(NoServer::Mumbled(line)),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, to be watched.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "cannot start a server: {error}"),
            Self::Lost(lost) => write!(f, "the server did not get to listen: {lost}"),
            Self::Mumbled(line) => write!(f, "the server announced '{line}'"),
        }
    }
}
