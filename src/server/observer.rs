//! One observer: statistics, the log, a trace and tests all see the server through this trait.

use crate::connection::{ConnectionEvent, Phase, Reason};
use crate::readiness::{EventFlags, Readiness};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Sees what the server does, as it does it.
///
/// Every method has an empty default, and `()` observes nothing at no cost. In threads mode each
/// connection's thread has an observer of its own, which sees what happens there
/// ([`on_event`](Self::on_event), [`phase_changed`](Self::phase_changed), [`blocking_call`](Self::blocking_call)) and nothing else,
/// made by [`fork`](Self::fork) and given back to [`merge`](Self::merge).
pub trait Observer: Clone + Send + 'static {
    /// An observer for one more thread, with nothing seen yet.
    #[must_use]
    fn fork(&self) -> Self {
        self.clone()
    }

    /// Takes over what a forked observer has seen.
    fn merge(&mut self, _seen: Self) {}

    /// The loop is about to wait for events, `timeout` at most; without one, until there are some.
    fn waiting(&mut self, _timeout: Option<Duration>) {}

    /// The loop has so many events to note.
    fn woke(&mut self, _events: usize) {}

    /// An event spoke of something else than a connection.
    fn woken_by(&mut self, _by: WakeSource) {}

    /// A turn of the loop came to its next phase. Waiting and noting are told by
    /// [`waiting`](Self::waiting) and [`woke`](Self::woke).
    fn phase_entered(&mut self, _phase: LoopPhase) {}

    /// A peer was accepted.
    fn accepted(&mut self, _id: ConnectionId, _peer: SocketAddr) {}

    /// An event spoke of a connection.
    fn flags_reported(&mut self, _id: ConnectionId, _edge: EventFlags) {}

    /// A connection did something.
    fn on_event(&mut self, _id: ConnectionId, _fact: ConnectionEvent) {}

    /// What the loop believes of a connection's socket by now. Told after each event and each half of a
    /// turn, changed or not.
    fn readiness_changed(&mut self, _id: ConnectionId, _readiness: Readiness) {}

    /// Where a connection stands by now, changed or not.
    fn phase_changed(&mut self, _id: ConnectionId, _phase: Phase) {}

    /// A connection has had its turn and has more to do: it went to the back of the run queue.
    fn yielded(&mut self, _id: ConnectionId) {}

    /// A connection's thread is about to make a call in which it may sleep.
    fn blocking_call(&mut self, _id: ConnectionId, _call: BlockingCall) {}

    /// A connection is over.
    fn closed(&mut self, _farewell: &ConnectionSummary) {}

    /// A peer was accepted, but could not be served.
    fn refused(&mut self, _peer: SocketAddr, _error: &io::Error) {}

    /// accept(2) reported an error that concerns one peer alone.
    fn accept_failed(&mut self, _error: &io::Error) {}

    /// Nobody is accepted for a while. Told once an episode: the next one begins when all who waited
    /// have been accepted.
    fn accept_paused(&mut self, _pause: &AcceptPause) {}

    /// All who waited have been accepted: the pause is over.
    fn accept_resumed(&mut self) {}

    /// A stop was requested with so many connections open.
    fn stopping(&mut self, _open: usize) {}

    /// Somebody asked for the statistics so far.
    fn report(&self) {}
}

/// Observes nothing.
impl Observer for () {}

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

/// Who an event spoke of, if not of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum WakeSource {
    /// A listener: somebody may wait to be accepted.
    Listener,
    /// The signal pipe.
    Signals,
    /// The waker: a stop was requested, or a thread has ended.
    Waker,
}

/// The phases of a turn of the loop that are told apart behind `wait` and `note`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum LoopPhase {
    /// Accepting who wants in.
    Admit,
    /// The first half of `serve`.
    Read,
    /// The second half of `serve`.
    Write,
}

/// A call in which a thread may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum BlockingCall {
    /// Until the peer speaks.
    Read,
    /// Until the kernel has room.
    Write,
}

/// What is left to say of a connection that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// Its name.
    pub id: ConnectionId,
    /// Where it came from.
    pub peer: SocketAddr,
    /// Bytes received to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    pub bytes_out: u64,
    /// Why it ended.
    pub reason: Reason,
}

/// Why nobody is accepted for a while.
#[derive(Debug)]
pub enum AcceptPause {
    /// As many connections are open as may be. Peers wait in the backlog until one ends.
    Full(usize),
    /// Descriptors or memory have run out; accept(2) is tried again on a timer.
    Exhausted(io::Error),
}

/// Two observers see the same.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn fork(&self) -> Self {
        (self.0.fork(), self.1.fork())
    }

    fn merge(&mut self, seen: Self) {
        self.0.merge(seen.0);
        self.1.merge(seen.1);
    }

    fn waiting(&mut self, timeout: Option<Duration>) {
        self.0.waiting(timeout);
        self.1.waiting(timeout);
    }

    fn woke(&mut self, events: usize) {
        self.0.woke(events);
        self.1.woke(events);
    }

    fn woken_by(&mut self, by: WakeSource) {
        self.0.woken_by(by);
        self.1.woken_by(by);
    }

    fn phase_entered(&mut self, phase: LoopPhase) {
        self.0.phase_entered(phase);
        self.1.phase_entered(phase);
    }

    fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        self.0.accepted(id, peer);
        self.1.accepted(id, peer);
    }

    fn flags_reported(&mut self, id: ConnectionId, edge: EventFlags) {
        self.0.flags_reported(id, edge);
        self.1.flags_reported(id, edge);
    }

    fn on_event(&mut self, id: ConnectionId, fact: ConnectionEvent) {
        self.0.on_event(id, fact);
        self.1.on_event(id, fact);
    }

    fn readiness_changed(&mut self, id: ConnectionId, readiness: Readiness) {
        self.0.readiness_changed(id, readiness);
        self.1.readiness_changed(id, readiness);
    }

    fn phase_changed(&mut self, id: ConnectionId, phase: Phase) {
        self.0.phase_changed(id, phase);
        self.1.phase_changed(id, phase);
    }

    fn yielded(&mut self, id: ConnectionId) {
        self.0.yielded(id);
        self.1.yielded(id);
    }

    fn blocking_call(&mut self, id: ConnectionId, call: BlockingCall) {
        self.0.blocking_call(id, call);
        self.1.blocking_call(id, call);
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        self.0.closed(summary);
        self.1.closed(summary);
    }

    fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        self.0.refused(peer, error);
        self.1.refused(peer, error);
    }

    fn accept_failed(&mut self, error: &io::Error) {
        self.0.accept_failed(error);
        self.1.accept_failed(error);
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        self.0.accept_paused(pause);
        self.1.accept_paused(pause);
    }

    fn accept_resumed(&mut self) {
        self.0.accept_resumed();
        self.1.accept_resumed();
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
