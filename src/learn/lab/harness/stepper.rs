//! Steps a server and its clients, and finds out how an exchange ended.

use super::client::{CloseKind, TestClient};
use super::connection::{Counters, Flow, TestConnection};
use super::deadline::{WaitLimit, until};
use super::server::{Behaviour, TestServer};
use super::socket_buffers::SocketBuffers;
use super::socket_probe;
use super::wait::Trigger;
use crate::learn::lab::variant::Variant;
use crate::trace::Trace;
use std::io;
use std::time::Duration;

/// The longest wait of a step while the harness waits for a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How long the poll must stay silent before it counts as having nothing to report: the state of a socket is
/// visible slightly before the event that it raises.
const GRACE: Duration = Duration::from_millis(20);

/// A server and the means to step it.
#[derive(Debug)]
pub(crate) struct Harness<B> {
    pub(crate) behaviour: B,
    pub(crate) server: TestServer,
    buffers: SocketBuffers,
}

/// A behaviour that contains its mistake in [`serve`](Behaviour::serve), as most do.
#[derive(Debug)]
pub(crate) struct ServeVariant {
    pub(crate) variant: Variant,
    pub(crate) serve: fn(Variant, &mut TestConnection) -> Flow,
}

impl Behaviour for ServeVariant {
    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        (self.serve)(self.variant, connection)
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExchangeEnd {
    /// Everything expected has come back.
    Complete,
    /// The server closed its side before that.
    Closed(CloseKind),
    /// The server is waiting, and nothing will wake it.
    Stalled,
}

impl Harness<ServeVariant> {
    /// A server that serves its connections with `serve`.
    pub(crate) fn serving(
        buffers: SocketBuffers,
        variant: Variant,
        serve: fn(Variant, &mut TestConnection) -> Flow,
    ) -> io::Result<Self> {
        Self::new(buffers, ServeVariant { variant, serve })
    }
}

impl<B: Behaviour> Harness<B> {
    /// A server that listens and has made no iteration yet.
    pub(crate) fn new(buffers: SocketBuffers, behaviour: B) -> io::Result<Self> {
        Ok(Self {
            server: TestServer::new(behaviour.trigger(), buffers)?,
            behaviour,
            buffers,
        })
    }

    // ── steps of the server ─────────────────────────────────────────────────────────────────────

    /// One iteration of the loop, which waits for at most `timeout`. Returns whether there was anything to do.
    pub(crate) fn step(&mut self, timeout: Duration) -> io::Result<bool> {
        self.behaviour.iterate(&mut self.server, timeout)
    }

    /// Requests a stop, which the server carries out before it looks for events again.
    pub(crate) fn stop(&mut self) {
        self.server.stop(&mut self.behaviour);
    }

    /// Steps the server until `condition` holds; it is checked before each step.
    pub(crate) fn step_until(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> io::Result<bool>,
    ) -> io::Result<()> {
        let deadline = WaitLimit::new(what);
        while !condition(self)? {
            deadline.check()?;
            self.step(POLL_INTERVAL)?;
        }
        Ok(())
    }

    /// Steps the server until `count` connections have been accepted, or the server waits although the backlog is not
    /// empty. Returns whether the backlog is empty.
    pub(crate) fn accept_until_stalled(&mut self, count: usize) -> io::Result<bool> {
        self.step_until(
            "all clients are accepted, or the server stalls",
            |harness| {
                // In this order: an idle step has not reported what was in the backlog before it.
                let has_stalled = harness.has_backlog()? && harness.idle_step()?;
                if has_stalled {
                    harness.server.trace.stalled();
                }
                Ok(has_stalled || harness.server.accepted == count)
            },
        )?;
        self.has_backlog().map(|has_backlog| !has_backlog)
    }

    // ── steps of a client ───────────────────────────────────────────────────────────────────────

    /// A client whose connection is in the backlog. The server is not stepped.
    pub(crate) fn connect_to_backlog(&self) -> io::Result<TestClient> {
        TestClient::connect(self.server.listener.local_addr()?, self.buffers)
    }

    /// A client whose connection is accepted.
    pub(crate) fn connect(&mut self) -> io::Result<TestClient> {
        let client = self.connect_to_backlog()?;
        self.step_until("the client is accepted", |harness| {
            Ok(harness.is_open(&client))
        })?;
        // Registering the socket raises an edge for writing: consume it. (A level may hold forever.)
        if self.behaviour.trigger() == Trigger::Edge {
            while self.step(Duration::ZERO)? {}
        }
        Ok(client)
    }

    /// The client sends `bytes`, and all of them arrive. The server is not stepped, so they must fit into the
    /// kernel's buffers.
    pub(crate) fn deliver(&self, client: &mut TestClient, mut bytes: &[u8]) -> io::Result<()> {
        until("the kernel has accepted everything", || {
            let accepted = client.send(bytes)?;
            bytes = bytes.get(accepted..).unwrap_or_default();
            Ok(bytes.is_empty())
        })?;
        self.await_arrival(client)
    }

    /// Waits until everything that the client has sent is in the server's receive buffer. The server is not
    /// stepped.
    pub(crate) fn await_arrival(&self, client: &TestClient) -> io::Result<()> {
        until("everything sent has arrived", || self.has_arrived(client))
    }

    /// The client receives while the server is stepped, until `expected` bytes in all have come back or no more
    /// will come.
    pub(crate) fn exchange(
        &mut self,
        client: &mut TestClient,
        expected: usize,
    ) -> io::Result<ExchangeEnd> {
        let deadline = WaitLimit::new("the exchange ends or stalls");
        loop {
            client.receive()?;
            if client.received.len() >= expected {
                return Ok(ExchangeEnd::Complete);
            }
            if let Some(kind) = client.closed {
                return Ok(ExchangeEnd::Closed(kind));
            }
            if self.detect_stall(client)? {
                return Ok(ExchangeEnd::Stalled);
            }
            deadline.check()?;
            self.step(POLL_INTERVAL)?;
        }
    }

    // ── facts ───────────────────────────────────────────────────────────────────────────────────

    /// Whether the server will do nothing more for this client unless the client sends. Four facts prove it:
    /// everything written has been received, there is room to write, everything sent has arrived, and a step after
    /// that is idle. A stall is recorded in the trace.
    pub(crate) fn detect_stall(&mut self, client: &TestClient) -> io::Result<bool> {
        let Some(connection) = self.server.connections.to(client.address) else {
            return Ok(false);
        };
        let all_received = connection.counters.written == client.received.len();
        let settled = all_received
            && socket_probe::is_writable(&connection.socket)?
            && self.has_arrived(client)?;
        if !settled || !self.idle_step()? {
            return Ok(false);
        }
        self.server.trace.stalled();
        Ok(true)
    }

    /// Steps the server. Returns whether the poll reported nothing and there was nothing else to do.
    pub(crate) fn idle_step(&mut self) -> io::Result<bool> {
        Ok(!self.step(GRACE)?)
    }

    fn has_arrived(&self, client: &TestClient) -> io::Result<bool> {
        let Some(connection) = self.server.connections.to(client.address) else {
            return Ok(false);
        };
        let unread = socket_probe::unread(&connection.socket)?;
        let bytes_arrived = connection.counters.received + unread == client.sent;
        Ok(bytes_arrived && (!client.fin_sent || socket_probe::has_fin(&connection.socket)?))
    }

    /// What the server has moved for this client.
    pub(crate) fn counters(&self, client: &TestClient) -> Counters {
        self.server.connections.counters(client.address)
    }

    /// Bytes from this client that are in the server's receive buffer.
    pub(crate) fn unread(&self, client: &TestClient) -> io::Result<usize> {
        let connection = self.server.connections.to(client.address);
        connection.map_or(Ok(0), |connection| socket_probe::unread(&connection.socket))
    }

    /// Whether the server still has a socket for this client.
    pub(crate) fn is_open(&self, client: &TestClient) -> bool {
        self.server.connections.to(client.address).is_some()
    }

    /// Whether a connection is in the backlog.
    pub(crate) fn has_backlog(&self) -> io::Result<bool> {
        self.server.has_backlog()
    }

    /// Ends the experiment and returns what the server did.
    pub(crate) fn into_trace(self) -> Trace {
        self.server.trace.into_trace()
    }
}
