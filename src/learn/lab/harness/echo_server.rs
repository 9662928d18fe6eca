//! The program's own echo server: as a process, to measure it, and within this process, to trace it.

use super::deadline::TIMEOUT;
use crate::learn::lab::variant::Variant;
use crate::measure::process::{Child, ChildFailure, CommandLine, StoppedTree, Usage};
use crate::server::{Config, Mode, Server};
use crate::text::address::Address;
use crate::trace::{Header, Target, Trace, Tracer};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;

/// A server of this program as a process of its own, which ends with this value.
#[derive(Debug)]
pub(crate) struct MeasuredServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl MeasuredServer {
    /// `mio-echo serve`, once it listens.
    pub(crate) fn start(program: &Path, mode: Mode) -> io::Result<Self> {
        let mode = mode.to_string();
        let listen = "127.0.0.1:0";
        Self::with(
            program,
            &["--quiet", "serve", "--listen", listen, "--mode", &mode],
        )
    }

    /// `mio-echo lab NAME --serve VARIANT`, once it listens.
    pub(crate) fn of_the_lab(program: &Path, name: &str, variant: Variant) -> io::Result<Self> {
        Self::with(program, &["lab", name, "--serve", &variant.to_string()])
    }

    fn with(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let arguments = arguments.iter().copied();
        let mut child = Child::spawn(&CommandLine::new(program, arguments), None)?;
        let line = child.ready_line(TIMEOUT).map_err(io::Error::other)?;
        let address = line.strip_prefix("listening on ");
        let address = address.and_then(|address| address.parse().ok());
        let unexpected = || io::Error::other(format!("unexpected output of the server: {line:?}"));
        let address = address.ok_or_else(unexpected)?;
        Ok(Self { child, address })
    }

    /// Runs `work` while the process is stopped, so that it meets all of it at once.
    pub(crate) fn while_stopped<T>(&self, work: impl FnOnce() -> T) -> T {
        let _continues_when_dropped = StoppedTree::new(self.child.processes());
        work()
    }

    /// How the process ended, once it has.
    pub(crate) fn failure(&mut self) -> Option<ChildFailure> {
        self.child.exit_within(TIMEOUT)
    }

    /// What the process has cost so far.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.pid())
    }
}

/// This many connections to the server at `address`.
pub(crate) fn connect(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let connect = |_| {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    (0..connections).map(connect).collect()
}

/// Sends one byte on every connection, then waits for every echo.
pub(crate) fn ping(connections: &mut [TcpStream]) -> io::Result<()> {
    for connection in &mut *connections {
        connection.write_all(b"!")?;
    }
    for connection in connections {
        connection.read_exact(&mut [0])?;
    }
    Ok(())
}

/// The trace of a server in this process, with this many connections, each of which pings it twice.
pub(crate) fn trace_pings(mode: Mode, connections: usize) -> io::Result<Trace> {
    let listen = "127.0.0.1:0".parse().map_err(io::Error::other)?;
    let config = Config {
        mode,
        listen: vec![listen],
        ..Config::default()
    };
    let server = Server::bind(config).map_err(io::Error::other)?;
    let address = server.local_addrs().first().and_then(Address::inet);
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let stopper = server.stopper();
    let tracer = Tracer::new(Target::Memory, Header::new(mode), None)?;
    let observer = tracer.clone();
    let running = thread::spawn(move || server.run(observer).map(drop));
    let pinged = ping_twice(address, connections);
    stopper.stop()?;
    running
        .join()
        .map_err(|_| io::Error::other("the server panicked"))??;
    pinged?;
    let lost = || io::Error::other("the trace is incomplete");
    tracer.finish()?.ok_or_else(lost)
}

fn ping_twice(address: SocketAddr, connections: usize) -> io::Result<()> {
    let mut connections = connect(address, connections)?;
    ping(&mut connections)?;
    ping(&mut connections)
}

/// The program's own server at `address`, until SIGINT or SIGTERM.
pub(crate) fn serve_in_mode(
    mode: Mode,
    address: SocketAddr,
    ready: &mut dyn FnMut(SocketAddr),
) -> io::Result<()> {
    let listen = address.to_string().parse().map_err(io::Error::other)?;
    let config = Config {
        mode,
        listen: vec![listen],
        ..Config::default()
    };
    let mut server = Server::bind(config).map_err(io::Error::other)?;
    server.handle_signals().map_err(io::Error::other)?;
    for address in server.local_addrs().iter().filter_map(Address::inet) {
        ready(address);
    }
    server.run(()).map(drop).map_err(io::Error::other)
}
