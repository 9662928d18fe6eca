//! A server of the lab on its own, for other programs to talk to: `lab NAME --serve`, and the project of `lab --edit`.

use super::listener;
use super::server::{Behaviour, TestServer};
use super::socket_buffers::SocketBuffers;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest wait of an iteration. A signal ends it.
const LONG: Duration = Duration::from_hours(1);

/// How long the connections may take to end after a stop.
const GRACE: Duration = Duration::from_secs(5);

/// A behaviour without a mistake.
#[derive(Debug)]
pub(crate) struct Correct;

impl Behaviour for Correct {}

/// Listens at `address`, calls `ready` with the address that it got, and serves until SIGINT or SIGTERM. A second signal
/// ends the process.
pub(crate) fn serve_until_signal(
    behaviour: impl Behaviour,
    address: SocketAddr,
    ready: &mut dyn FnMut(SocketAddr),
) -> io::Result<()> {
    let listener = listener::at(address, SocketBuffers::default())?;
    let server = TestServer::until_signal(behaviour.trigger(), listener)?;
    ready(server.listener.local_addr()?);
    serve_with(behaviour, server)
}

/// Serves until SIGINT or SIGTERM, then until the connections have ended or the time for that is over.
pub(crate) fn serve_with(mut behaviour: impl Behaviour, mut server: TestServer) -> io::Result<()> {
    while !server.is_stop_requested() {
        behaviour.iterate(&mut server, LONG)?;
    }
    server.stop(&mut behaviour);
    let deadline = Instant::now() + GRACE;
    while !server.keys().is_empty() && Instant::now() < deadline {
        behaviour.iterate(
            &mut server,
            deadline.saturating_duration_since(Instant::now()),
        )?;
    }
    Ok(())
}
