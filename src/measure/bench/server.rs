//! The server of one measurement: started for it and stopped after it, or one that runs already.

use crate::measure::load::Transport;
use crate::measure::process::{Child, ChildFailure, CommandLine, ListenPlace, expect_reply};
use crate::server::Mode;
use crate::text::address::Address;
use crate::text::connect::connect;
use crate::text::endpoint::Endpoint;
use crate::text::os_error;
use std::borrow::Cow;
use std::env;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How long `mio-echo serve` may take to announce its address.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The start of the line with which it does.
const READY: &str = "listening on ";

/// How many of the last lines of standard error a report shows.
const STDERR_LINES: usize = 5;

/// How often a wait for a starting server asks whether to go on.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Where a server comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// `mio-echo serve` in this mode, started for each measurement.
    Own(Mode),
    /// A server that is already running, and is left running.
    Running {
        /// Where it listens.
        endpoint: Endpoint,
        /// Its process, whose costs are measured with those of its descendants; `None` if it is not known.
        pid: Option<u32>,
    },
    /// This command, started for each measurement; it says where the port goes, or the path of the
    /// Unix socket ([`ListenPlace`]).
    Command(CommandLine),
}

/// A server that accepts connections, or replies to datagrams. Dropping it stops the process that was started for it.
#[derive(Debug)]
pub struct BenchServer {
    /// Where it listens.
    pub address: Address,
    /// `None` for a server that was already running.
    child: Option<Child>,
    /// Where a command was told to listen. After the process, so that it is released after it.
    #[expect(dead_code, reason = "it exists to be dropped")]
    place: Option<ListenPlace>,
    /// The process whose costs are measured, with those of its descendants.
    pid: Option<u32>,
    /// What carries the messages.
    transport: Transport,
}

/// Why there is no server to measure.
#[derive(Debug)]
pub enum LaunchError {
    /// It did not start, or cannot be reached.
    Failed {
        /// Why, in one line.
        reason: String,
        /// The last lines of its standard error.
        stderr: Vec<String>,
    },
    /// The caller asked to stop.
    Stopped,
}

impl BenchServer {
    /// Starts the server of `origin` on `cores` and waits until it accepts or, over UDP, replies, for at most `timeout` and while `go_on`
    /// returns `Continue`. One that exits because another program has taken its port gets another port, once. Of a
    /// server that runs already, the first address that does is taken. Our own replies to all datagrams, at any rate.
    ///
    /// # Errors
    ///
    /// See [`LaunchError`].
    pub fn start(
        origin: &Origin,
        transport: Transport,
        cores: Option<&[usize]>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        match origin {
            Origin::Own(mode) => Self::start_own(*mode, transport, cores),
            Origin::Running { endpoint, pid } => Ok(Self {
                address: reachable_address(endpoint, transport, timeout).map_err(failed)?,
                child: None,
                place: None,
                pid: *pid,
                transport,
            }),
            Origin::Command(command) => {
                let place = ListenPlace::for_command(command).map_err(io_error)?;
                let address = place.address().clone();
                let mut spawn =
                    |place| Self::spawn(command, place, transport, cores, timeout, go_on);
                let started = spawn(place);
                match started {
                    Err(LaunchError::Failed { .. }) if is_taken(&address, transport) => {
                        spawn(ListenPlace::for_command(command).map_err(io_error)?)
                    }
                    started => started,
                }
            }
        }
    }

    fn start_own(
        mode: Mode,
        transport: Transport,
        cores: Option<&[usize]>,
    ) -> Result<Self, LaunchError> {
        let mode = mode.to_string();
        let arguments = ["serve", "--quiet", "--listen", "127.0.0.1:0", "--mode"];
        let udp: &[&str] = match transport {
            Transport::Stream => &[],
            Transport::Datagrams => &["--udp", "--udp-allow-any-source"],
        };
        let arguments = arguments.into_iter().chain([mode.as_str()]);
        let arguments = arguments.chain(udp.iter().copied());
        let program = env::current_exe().map_err(io_error)?;
        let command = CommandLine::new(program, arguments);
        let mut child = Child::spawn(&command, cores).map_err(io_error)?;
        let line = child.ready_line(START_TIMEOUT);
        let line = line.map_err(|failure| child_failed(&failure))?;
        match line.strip_prefix(READY).map(str::parse::<Address>) {
            Some(Ok(address)) => Ok(Self::of(child, address, transport)),
            Some(Err(_)) | None => Err(failed(format!(
                "it printed `{line}` instead of its address"
            ))),
        }
    }

    fn of(child: Child, address: Address, transport: Transport) -> Self {
        Self {
            address,
            pid: Some(child.pid()),
            child: Some(child),
            place: None,
            transport,
        }
    }

    fn spawn(
        command: &CommandLine,
        place: ListenPlace,
        transport: Transport,
        cores: Option<&[usize]>,
        timeout: Duration,
        go_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<Self, LaunchError> {
        let (address, command) = (place.address().clone(), place.fill_in(command));
        let mut child = Child::spawn(&command, cores).map_err(io_error)?;
        let deadline = Instant::now() + timeout;
        loop {
            let ready = match transport {
                Transport::Stream => child.wait_until_accepting(address.clone(), POLL_INTERVAL),
                Transport::Datagrams => {
                    let address = address.to_inet().map_err(io_error)?;
                    child.wait_until_replying(address, POLL_INTERVAL)
                }
            };
            match ready {
                Ok(()) => {
                    return Ok(Self {
                        place: Some(place),
                        ..Self::of(child, address, transport)
                    });
                }
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
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Ends the process that was started. Returns whether another program listens on its port.
    pub fn has_lost_port(&mut self) -> bool {
        let started = self.child.take();
        let was_started = started.is_some();
        drop(started);
        was_started && is_taken(&self.address, self.transport)
    }

    /// How it terminated, if it has or does within `timeout`; never for a server that was running already.
    pub fn exit_within(&mut self, timeout: Duration) -> Option<ChildFailure> {
        self.child.as_mut()?.exit_within(timeout)
    }
}

/// The last lines of standard error that a report shows.
pub fn last_lines(failure: &ChildFailure) -> Vec<String> {
    let lines = failure.last_stderr_lines(STDERR_LINES).into_iter();
    lines.map(Cow::into_owned).collect()
}

/// Whether another socket is bound there, although the server that was to be has ended.
fn is_taken(address: &Address, transport: Transport) -> bool {
    let bound = address.inet().map(|address| match transport {
        Transport::Stream => TcpListener::bind(address).map(drop),
        Transport::Datagrams => UdpSocket::bind(address).map(drop),
    });
    bound.is_some_and(|bound| bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse))
}

/// The first address of `endpoint` that accepts a connection, or replies to a datagram.
fn reachable_address(
    endpoint: &Endpoint,
    transport: Transport,
    timeout: Duration,
) -> Result<Address, String> {
    let addresses = endpoint
        .addresses()
        .map_err(|error| format!("cannot resolve {endpoint}: {}", os_error::describe(&error)))?;
    let mut last_error = format!("{endpoint} has no address");
    for address in addresses {
        let (reached, failure) = match transport {
            Transport::Stream => {
                let connected = connect(&address, timeout);
                (connected.map(drop), "cannot connect to")
            }
            Transport::Datagrams => {
                let inet = address.to_inet();
                let replied = inet.and_then(|inet| expect_reply(inet, timeout));
                (replied, "no reply to a datagram from")
            }
        };
        match reached {
            Ok(()) => return Ok(address),
            Err(error) => {
                let reason = os_error::describe(&error);
                last_error = format!("{failure} {address}: {reason}");
            }
        }
    }
    Err(last_error)
}

fn child_failed(failure: &ChildFailure) -> LaunchError {
    LaunchError::Failed {
        reason: failure.to_string(),
        stderr: last_lines(failure),
    }
}

fn failed(reason: String) -> LaunchError {
    let stderr = Vec::new();
    LaunchError::Failed { reason, stderr }
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn io_error(error: io::Error) -> LaunchError {
    failed(os_error::describe(&error))
}
