//! One observer: statistics, the log, a trace and tests all see the server through this trait.

use crate::connection::{Fact, Reason};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Sees what the server does, as it does it.
///
/// Every method has an empty default, and `()` observes nothing at no cost. In threads mode each
/// connection's thread has an observer of its own, which sees what [`happened`](Self::happened) there and
/// nothing else, made by [`fork`](Self::fork) and given back to
/// [`merge`](Self::merge).
pub trait Observer: Clone + Send + 'static {
    /// An observer for one more thread, with nothing seen yet.
    #[must_use]
    fn fork(&self) -> Self {
        self.clone()
    }

    /// Takes over what a forked observer has seen.
    fn merge(&mut self, _seen: Self) {}

    /// A peer was accepted.
    fn accepted(&mut self, _id: ConnectionId, _peer: SocketAddr) {}

    /// A connection did something.
    fn happened(&mut self, _id: ConnectionId, _fact: Fact) {}

    /// A connection is over.
    fn closed(&mut self, _farewell: &Farewell) {}

    /// A peer was accepted, but could not be served.
    fn refused(&mut self, _peer: SocketAddr, _error: &io::Error) {}

    /// accept(2) reported an error that concerns one peer alone.
    fn accept_failed(&mut self, _error: &io::Error) {}

    /// Nobody is accepted for a while. Told once an episode: the next one begins when all who waited
    /// have been accepted.
    fn paused(&mut self, _pause: &Pause) {}

    /// A stop was requested with so many connections open.
    fn stopping(&mut self, _open: usize) {}

    /// Somebody asked for the statistics so far.
    fn report(&self) {}
}

/// Observes nothing.
impl Observer for () {}

/// Two observers see the same.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn fork(&self) -> Self {
        (self.0.fork(), self.1.fork())
    }

    fn merge(&mut self, seen: Self) {
        self.0.merge(seen.0);
        self.1.merge(seen.1);
    }

    fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        self.0.accepted(id, peer);
        self.1.accepted(id, peer);
    }

    fn happened(&mut self, id: ConnectionId, fact: Fact) {
        self.0.happened(id, fact);
        self.1.happened(id, fact);
    }

    fn closed(&mut self, farewell: &Farewell) {
        self.0.closed(farewell);
        self.1.closed(farewell);
    }

    fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        self.0.refused(peer, error);
        self.1.refused(peer, error);
    }

    fn accept_failed(&mut self, error: &io::Error) {
        self.0.accept_failed(error);
        self.1.accept_failed(error);
    }

    fn paused(&mut self, pause: &Pause) {
        self.0.paused(pause);
        self.1.paused(pause);
    }

    fn stopping(&mut self, open: usize) {
        self.0.stopping(open);
        self.1.stopping(open);
    }

    fn report(&self) {
        self.0.report();
        self.1.report();
    }
}

/// The name of a connection: counted from 1 in the order of acceptance, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The name for the connection after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What is left to say of a connection that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// Its name.
    pub id: ConnectionId,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Bytes heard to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    pub bytes_out: u64,
    /// Why it ended.
    pub reason: Reason,
}

/// Why nobody is accepted for a while.
#[derive(Debug)]
pub enum Pause {
    /// As many connections are open as may be. Peers wait in the backlog until one ends.
    Full(usize),
    /// Descriptors or memory have run out; accept(2) is tried again on a timer.
    Exhausted(io::Error),
}
