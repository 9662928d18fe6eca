//! `mio-echo serve` as a child process.

use crate::measure::process::{Child, ChildFailure, CommandLine};
use crate::server::Mode;
use std::env;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The start of the line with which it announces its address.
const READY: &str = "listening on ";

/// `mio-echo serve` on a free port of the loopback interface. Dropping its child stops it.
#[derive(Debug)]
pub struct OwnServer {
    /// Its process.
    pub child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
}

/// Why the server did not start.
#[derive(Debug)]
pub enum OwnServerError {
    /// Its process could not be started.
    CannotSpawn(io::Error),
    /// Its process ended, or did not listen in time.
    NotListening(ChildFailure),
    /// Its first line of output announces no address.
    UnexpectedOutput(String),
}

impl OwnServer {
    /// Starts a server in `mode`, on `core` if one is given, and waits until it listens.
    ///
    /// # Errors
    ///
    /// See [`OwnServerError`].
    pub fn start(mode: Mode, core: Option<usize>) -> Result<Self, OwnServerError> {
        let spawned = command(mode).and_then(|command| Child::spawn(&command, core));
        let mut child = spawned.map_err(OwnServerError::CannotSpawn)?;
        let line = child
            .ready_line(START_TIMEOUT)
            .map_err(OwnServerError::NotListening)?;
        match line.strip_prefix(READY).and_then(|it| it.parse().ok()) {
            Some(address) => Ok(Self { child, address }),
            None => Err(OwnServerError::UnexpectedOutput(line)),
        }
    }
}

fn command(mode: Mode) -> io::Result<CommandLine> {
    let mode = mode.to_string();
    let arguments = ["serve", "--quiet", "--listen", "127.0.0.1:0", "--mode"];
    Ok(CommandLine::new(
        env::current_exe()?,
        arguments.into_iter().chain([mode.as_str()]),
    ))
}

impl fmt::Display for OwnServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotSpawn(error) => write!(f, "cannot start a server: {error}"),
            Self::NotListening(failure) => write!(f, "the server did not start: {failure}"),
            Self::UnexpectedOutput(line) => {
                write!(f, "the server printed `{line}` instead of its address")
            }
        }
    }
}
