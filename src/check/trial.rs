//! What a check has to work with: the server, connections to it, and a limit on its time.

use super::content::Content;
use super::datagram_probe::DatagramProbe;
use super::probe::Probe;
use super::process::ServerProcess;
use super::server::{CheckedServer, LaunchSetup};
use super::symptom::{Symptom, bytes};
use super::time_limit::TimeLimit;
use crate::measure::load::{Payload, Transport};
use crate::text::address::Address;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes of a small message.
pub(super) const MESSAGE: u64 = 64;

/// How much a check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A few rounds, for a probe that runs all the time.
    Quick,
    /// Enough rounds to meet a rare fault.
    Thorough,
}

/// One run of one check.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    address: &'a Address,
    transport: Transport,
    /// The server's process, if it was started for the check.
    pub(super) process: Option<&'a ServerProcess>,
    pub(super) limit: TimeLimit<'a>,
    effort: Effort,
    payload: &'a Payload,
    /// Connections made and texts taken so far: each has other bytes than the one before.
    connections: AtomicU64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        server: &'a CheckedServer,
        limit: TimeLimit<'a>,
        effort: Effort,
        payload: &'a Payload,
    ) -> Self {
        Self {
            address: server.address(),
            transport: server.transport(),
            process: server.process(),
            limit,
            effort,
            payload,
            connections: AtomicU64::new(0),
        }
    }

    /// A new connection.
    pub(super) fn connect(&self) -> Result<Probe<'a>, Symptom> {
        self.connect_to(self.address)
    }

    /// A new connection to another server than the one under check.
    pub(super) fn connect_to(&self, address: &Address) -> Result<Probe<'a>, Symptom> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let content = Content::Text {
            payload: self.payload,
            start: Payload::offset_of(number),
        };
        Probe::connect(address, content, self.limit)
    }

    /// A new connection on which these bytes are sent.
    pub(super) fn connect_with<'b>(&self, bytes: &'b [u8]) -> Result<Probe<'b>, Symptom>
    where
        'a: 'b,
    {
        Probe::connect(self.address, Content::Bytes(bytes), self.limit)
    }

    /// Expects a fresh connection to echo a small message.
    pub(super) fn expect_service(&self) -> Result<(), Symptom> {
        self.expect_service_of(self.address)
    }

    /// Expects a fresh connection to another server to echo a small message.
    pub(super) fn expect_service_of(&self, address: &Address) -> Result<(), Symptom> {
        let fresh = self.connect_to(address)?;
        fresh.exchange(0..MESSAGE)
    }

    /// Expects the server to have survived: fresh connections are served now and, since a server may take a moment
    /// to fail, a little later.
    pub(super) fn expect_survival(&self) -> Result<(), Symptom> {
        self.expect_service()?;
        self.limit.pause(Duration::from_millis(50));
        self.expect_service()
    }

    /// A socket that exchanges datagrams with the server under check.
    pub(super) fn datagram_probe(&self) -> Result<DatagramProbe<'a>, Symptom> {
        DatagramProbe::open(self.inet_address()?, self.limit)
    }

    /// Sends a datagram and expects its echo. Either may be lost, so a few are sent, each from another port. Returns the
    /// socket on which the echo arrived.
    pub(super) fn exchange_datagram(&self, message: &[u8]) -> Result<DatagramProbe<'a>, Symptom> {
        self.exchange_datagram_with(self.address, message)
    }

    /// The same with another server than the one under check.
    pub(super) fn exchange_datagram_with(
        &self,
        address: &Address,
        message: &[u8],
    ) -> Result<DatagramProbe<'a>, Symptom> {
        const ATTEMPTS: u32 = 3;
        let address = inet(address)?;
        for _ in 0..ATTEMPTS {
            let mut probe = DatagramProbe::open(address, self.limit)?;
            probe.send(message)?;
            if probe.receives_echo(message, &self.limit.wait_for_one_of(ATTEMPTS))? {
                return Ok(probe);
            }
        }
        let size = bytes(message.len() as u64);
        Err(Symptom::of(format!(
            "no reply to a datagram of {size}, sent {ATTEMPTS} times"
        )))
    }

    /// Printable text of this length, another one at each call.
    pub(super) fn text(&self, length: u64) -> &'a [u8] {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        self.payload.slice(Payload::offset_of(number), length)
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &Address {
        self.address
    }

    /// Where the server is, if it has an IP address.
    pub(super) fn inet_address(&self) -> Result<SocketAddr, Symptom> {
        inet(self.address)
    }

    /// Starts another server like the one under check.
    ///
    /// # Errors
    ///
    /// It does not start in this setup, or cannot be seen, for the reason given.
    pub(super) fn start_another(
        &self,
        process: &ServerProcess,
        setup: LaunchSetup,
    ) -> Result<CheckedServer, String> {
        let command = process.command();
        let server = CheckedServer::start(command, self.transport, setup, &self.limit)?;
        let hidden = server.process().and_then(ServerProcess::hidden_because);
        hidden.map_or(Ok(server), Err)
    }

    /// One of two values, by effort.
    pub(super) fn scaled<T>(&self, quick: T, thorough: T) -> T {
        match self.effort {
            Effort::Quick => quick,
            Effort::Thorough => thorough,
        }
    }
}

fn inet(address: &Address) -> Result<SocketAddr, Symptom> {
    let address = address.to_inet();
    address.map_err(|error| Symptom::cannot_connect(&error))
}

/// `connection 3 of 150`.
pub(super) fn place(index: usize, count: usize) -> String {
    format!(
        "connection {} of {}",
        crate::text::units::count(index + 1),
        crate::text::units::count(count)
    )
}
