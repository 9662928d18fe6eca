//! The workbench: one small edge-triggered event loop into which an experiment hangs its mistake, and a
//! hand on its crank.
//!
//! Server and clients share one thread. The experimenter lets a client speak, then lets the server make
//! turns, so what happens first is written in the experiment and left to nobody's luck. The sockets are
//! real: what the two sides share is the kernel and nothing else.
//!
//! That a server is stuck is not a matter of patience here but a fact, asked from the kernel in this order
//! (see [`Workbench::sleeps_for_good`]): everything sent has arrived, everything written has been received,
//! and the poll has nothing to report. Nobody will ever wake such a loop.

use super::buffers::Buffers;
use super::client::{Client, End};
use super::kernel;
use super::peer::Ledger;
use super::site::{Rules, Site};
use crate::trace::{Record, Trace};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a fact may take to come about: far longer than any of them takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How long a turn sleeps at most while something is awaited.
const A_MOMENT: Duration = Duration::from_millis(1);

/// How long a poll is asked before it is believed to have nothing to report: what the kernel says of a
/// socket shows a little earlier than the event that it raises.
const GRACE: Duration = Duration::from_millis(20);

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All that was expected came back.
    Complete,
    /// The server ended its side before that.
    Closed(End),
    /// The server sleeps, and nothing will wake it.
    Asleep,
}

/// A server under experiment.
#[derive(Debug)]
pub(crate) struct Workbench<R> {
    rules: R,
    site: Site,
}

impl<R: Rules> Workbench<R> {
    /// A server with these rules, which listens and has made no turn yet.
    pub(crate) fn new(buffers: Buffers, rules: R) -> io::Result<Self> {
        let site = Site::new(buffers)?;
        Ok(Self { rules, site })
    }

    // ── the crank ───────────────────────────────────────────────────────────────────────────────

    /// One turn of the loop, which sleeps for `timeout` at most. Returns whether there was anything to do.
    pub(crate) fn turn(&mut self, timeout: Duration) -> io::Result<bool> {
        self.site.turn(timeout, &mut self.rules)
    }

    /// Turns until `done`, which is asked before each.
    pub(crate) fn turn_until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&mut Self) -> io::Result<bool>,
    ) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self)? {
            if Instant::now() >= deadline {
                return Err(too_late(what));
            }
            self.turn(A_MOMENT)?;
        }
        Ok(())
    }

    // ── what a client does while the server turns ───────────────────────────────────────────────

    /// A client that is in the backlog; the server has not turned.
    pub(crate) fn knock(&self) -> io::Result<Client> {
        Client::connect(self.address()?, self.site.buffers)
    }

    /// A client that has been accepted.
    pub(crate) fn connect(&mut self) -> io::Result<Client> {
        let client = self.knock()?;
        self.turn_until("the client is accepted", |bench| {
            Ok(bench.site.peer(&client).is_some())
        })?;
        // What registering the socket raises, an edge for writing, is over and done with.
        while self.turn(Duration::ZERO)? {}
        Ok(client)
    }

    /// The client sends all `bytes`, and they arrive, before the server turns. They must fit into the
    /// kernel's buffers.
    pub(crate) fn send_ahead(&self, client: &mut Client, mut bytes: &[u8]) -> io::Result<()> {
        until("the kernel has taken everything", || {
            let taken = client.send(bytes)?;
            bytes = bytes.get(taken..).unwrap_or_default();
            Ok(bytes.is_empty())
        })?;
        self.await_arrival(client)
    }

    /// Waits until all that the client has sent lies in the server's kernel. The server does not turn.
    pub(crate) fn await_arrival(&self, client: &Client) -> io::Result<()> {
        until("everything sent has arrived", || self.has_arrived(client))
    }

    /// The client receives while the server turns, until `expected` bytes have come back or no more will.
    pub(crate) fn converse(&mut self, client: &mut Client, expected: usize) -> io::Result<Ending> {
        let mut ending = None;
        self.turn_until(
            "the conversation ends, or the server sleeps for good",
            |bench| {
                client.receive()?;
                ending = match client.end {
                    _ if client.received.len() >= expected => Some(Ending::Complete),
                    Some(end) => Some(Ending::Closed(end)),
                    None if bench.sleeps_for_good(client)? => Some(Ending::Asleep),
                    None => None,
                };
                Ok(ending.is_some())
            },
        )?;
        Ok(ending.unwrap_or(Ending::Asleep))
    }

    // ── what is so ──────────────────────────────────────────────────────────────────────────────

    /// Whether the server will never again do anything for this client, unless the client speaks: all
    /// that was sent has arrived, all that was written was received, there is room to write - and the
    /// poll, asked after all that, reports nothing.
    pub(crate) fn sleeps_for_good(&mut self, client: &Client) -> io::Result<bool> {
        let Some(peer) = self.site.peer(client) else {
            return Ok(false);
        };
        let taken = peer.ledger.written == client.received.len();
        let settled = taken && kernel::is_writable(&peer.socket)? && self.has_arrived(client)?;
        if !settled || !self.is_idle()? {
            return Ok(false);
        }
        self.site.journal.sleeps();
        Ok(true)
    }

    /// Makes a turn. Returns whether there was nothing to do, and the poll had nothing to report.
    pub(crate) fn is_idle(&mut self) -> io::Result<bool> {
        Ok(!self.turn(GRACE)?)
    }

    fn has_arrived(&self, client: &Client) -> io::Result<bool> {
        let Some(peer) = self.site.peer(client) else {
            return Ok(false);
        };
        let arrived = peer.ledger.heard + kernel::unread(&peer.socket)? == client.sent;
        Ok(arrived && (!client.finished || kernel::has_fin(&peer.socket)?))
    }

    /// What the server has moved for this client; nothing if it has not accepted it.
    pub(crate) fn ledger(&self, client: &Client) -> Ledger {
        self.site.ledger(client)
    }

    /// Bytes from this client that the server's kernel has and the server has not read.
    pub(crate) fn unread(&self, client: &Client) -> io::Result<usize> {
        let peer = self.site.peer(client);
        peer.map_or(Ok(0), |peer| kernel::unread(&peer.socket))
    }

    /// Whether the server still holds a socket for this client.
    pub(crate) fn is_open(&self, client: &Client) -> bool {
        self.site.peer(client).is_some()
    }

    /// Whether somebody waits to be accepted.
    pub(crate) fn somebody_waits(&self) -> io::Result<bool> {
        kernel::is_readable(&self.site.listener)
    }

    /// How many were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.site.accepted
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.site.listener.local_addr()
    }

    /// What the server did so far.
    pub(crate) fn records(&self) -> &[Record] {
        self.site.journal.records()
    }

    /// The end of the experiment: what the server did.
    pub(crate) fn into_trace(self) -> Trace {
        self.site.journal.into_trace()
    }
}

/// Waits for a fact of which nobody is notified.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done()? {
        if Instant::now() >= deadline {
            return Err(too_late(what));
        }
        std::thread::sleep(A_MOMENT);
    }
    Ok(())
}

fn too_late(what: &str) -> io::Error {
    let words = format!("did not come about within {PATIENCE:?}: {what}");
    io::Error::new(ErrorKind::TimedOut, words)
}
