//! What a check has to work with: the server, connections to it, and a limit on its time.

use super::content::Content;
use super::probe::Probe;
use super::process::ServerProcess;
use super::server::{CheckedServer, LaunchSetup};
use super::symptom::Symptom;
use super::time_limit::TimeLimit;
use crate::measure::load::Payload;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    address: SocketAddr,
    /// The server's process, if it was started for the check.
    pub(super) process: Option<&'a ServerProcess>,
    pub(super) limit: TimeLimit<'a>,
    cancelled: &'a AtomicBool,
    effort: Effort,
    payload: &'a Payload,
    /// Connections made so far: each sends other bytes than the one before.
    connections: AtomicU64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        server: &'a CheckedServer,
        limit: TimeLimit<'a>,
        cancelled: &'a AtomicBool,
        effort: Effort,
        payload: &'a Payload,
    ) -> Self {
        Self {
            address: server.address(),
            process: server.process(),
            limit,
            cancelled,
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
    pub(super) fn connect_to(&self, address: SocketAddr) -> Result<Probe<'a>, Symptom> {
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
    pub(super) fn expect_service_of(&self, address: SocketAddr) -> Result<(), Symptom> {
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

    /// Starts another server like the one under check.
    ///
    /// # Errors
    ///
    /// It does not start in this setup, for the reason given.
    pub(super) fn start_another(
        &self,
        process: &ServerProcess,
        setup: LaunchSetup,
    ) -> Result<CheckedServer, String> {
        CheckedServer::start(process.command(), setup, self.cancelled)
    }

    /// One of two values, by effort.
    pub(super) fn scaled<T>(&self, quick: T, thorough: T) -> T {
        match self.effort {
            Effort::Quick => quick,
            Effort::Thorough => thorough,
        }
    }
}

/// `connection 3 of 150`.
pub(super) fn place(index: usize, count: usize) -> String {
    format!(
        "connection {} of {}",
        crate::text::units::count(index + 1),
        crate::text::units::count(count)
    )
}
