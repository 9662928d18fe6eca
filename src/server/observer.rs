//! The observer: statistics, the log, the trace and the tests all see the server through this trait.

use super::datagrams::event::DatagramEvent;
use super::proxy_header::ProxyHeader;
use crate::connection::{ConnectionEvent, Phase, Reason};
use crate::readiness::{EventFlags, Readiness};
use crate::text::address::Address;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Is notified of what the server does, as it happens.
///
/// Every method has an empty default, and `()` observes nothing at no cost. In threads mode each connection's thread
/// has an observer of its own, made by [`fork`](Self::fork) and handed back to [`merge`](Self::merge). It is notified
/// of what happens there ([`on_event`](Self::on_event), [`phase_changed`](Self::phase_changed),
/// [`blocking_call`](Self::blocking_call)) and of nothing else.
pub trait Observer: Clone + Send + 'static {
    /// Whether [`blocking_call`](Self::blocking_call) is called. If not, a message in threads mode costs two locks less.
    const OBSERVES_CALLS: bool = true;

    /// An observer for one more thread, which has observed nothing yet.
    #[must_use]
    fn fork(&self) -> Self {
        self.clone()
    }

    /// Takes over what a forked observer has observed.
    fn merge(&mut self, _forked: Self) {}

    /// The loop is about to wait for events, for `timeout` at most; `None` means until there is one.
    fn waiting(&mut self, _timeout: Option<Duration>) {}

    /// The wait is over; this many events are to be noted.
    fn woke(&mut self, _events: usize) {}

    /// An event was about something other than a connection.
    fn woken_by(&mut self, _source: WakeSource) {}

    /// The loop has entered its next phase. Waiting and noting are reported by [`waiting`](Self::waiting) and
    /// [`woke`](Self::woke).
    fn phase_entered(&mut self, _phase: LoopPhase) {}

    /// The socket of a connection whose acceptance is reported next. The observer must not change it.
    fn socket_accepted(&mut self, _id: ConnectionId, _socket: BorrowedFd<'_>) {}

    /// A connection was accepted.
    fn accepted(&mut self, _id: ConnectionId, _peer: &Address) {}

    /// The PROXY header of a connection was read, or is missing. `peer` is the address of its socket; at the end of the
    /// connection, its peer is the one in the header.
    fn proxy_header(&mut self, _id: ConnectionId, _peer: &Address, _header: ProxyHeader) {}

    /// The banner of a connection was written as a whole.
    fn banner_sent(&mut self, _id: ConnectionId, _bytes: usize) {}

    /// Whether [`socket_seen`](Self::socket_seen) is called.
    fn observes_sockets(&self) -> bool {
        false
    }

    /// The socket of a connection: before its acceptance is reported, after each event and each half of a turn, and in
    /// threads mode before each blocking call. The observer must not change it: the server goes on to use it.
    fn socket_seen(&mut self, _id: ConnectionId, _socket: BorrowedFd<'_>) {}

    /// An event was about a connection.
    fn flags_reported(&mut self, _id: ConnectionId, _flags: EventFlags) {}

    /// A system call of a connection did something.
    fn on_event(&mut self, _id: ConnectionId, _event: ConnectionEvent) {}

    /// The readiness of a connection, after each event and each half of a turn, changed or not.
    fn readiness_changed(&mut self, _id: ConnectionId, _readiness: Readiness) {}

    /// The phase of a connection, after each event and each half of a turn, changed or not.
    fn phase_changed(&mut self, _id: ConnectionId, _phase: Phase) {}

    /// A connection has had its turn and has more to do: it went to the back of the run queue.
    fn yielded(&mut self, _id: ConnectionId) {}

    /// A connection's thread is about to make a system call in which it may block.
    fn blocking_call(&mut self, _id: ConnectionId, _call: BlockingCall) {}

    /// A connection is over.
    fn closed(&mut self, _summary: &ConnectionSummary) {}

    /// A connection was accepted, but could not be served.
    fn refused(&mut self, _peer: &Address, _error: &io::Error) {}

    /// accept(2) reported an error that concerns one peer alone.
    fn accept_failed(&mut self, _error: &io::Error) {}

    /// No connection is accepted for a while. Reported once per episode: the next one begins when all connections that
    /// waited have been accepted.
    fn accept_paused(&mut self, _pause: &AcceptPause) {}

    /// All connections that waited have been accepted: the pause is over.
    fn accept_resumed(&mut self) {}

    /// Something happened to a datagram of `peer`.
    fn on_datagram(&mut self, _peer: SocketAddr, _event: DatagramEvent) {}

    /// In threads mode, the thread for datagrams is about to wait for some.
    fn waiting_for_datagrams(&mut self) {}

    /// A UDP socket reported an error instead of a datagram.
    fn receive_failed(&mut self, _error: &io::Error) {}

    /// A stop was requested with this many connections open.
    fn stopping(&mut self, _open: usize) {}

    /// The loop still iterates. Called at the interval of [`Config::heartbeat`](super::Config::heartbeat).
    fn heartbeat(&mut self) {}

    /// The statistics so far were requested (SIGUSR1).
    fn report(&self) {}

    /// The statistics so far were requested by another thread
    /// ([`SnapshotRequester`](super::SnapshotRequester)).
    fn publish(&self) {}

    /// Log files are to be opened again, because they have been renamed (SIGHUP, with
    /// [`HangupAction::ReopenLogs`](super::HangupAction::ReopenLogs)).
    fn reopen_logs(&mut self) {}
}

/// Observes nothing.
impl Observer for () {
    const OBSERVES_CALLS: bool = false;
}

/// The number of a connection: counted from 1 in the order of acceptance, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The number of the connection after this one.
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

/// What an event was about, if not about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum WakeSource {
    /// A listener: connections may wait to be accepted.
    Listener,
    /// A UDP socket: datagrams were received.
    Datagrams,
    /// The signal pipe.
    Signals,
    /// The waker: a stop or a copy of the statistics was requested, or a thread has ended.
    Waker,
}

/// The phases of an iteration of the loop after `wait` and `note`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum LoopPhase {
    /// Accepting connections.
    Admit,
    /// The first half of `serve`: the read pass.
    Read,
    /// The second half of `serve`: the write pass.
    Write,
    /// Answering datagrams. Entered only if there may be some.
    Datagrams,
}

/// A system call in which a thread may block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum BlockingCall {
    /// Until there is something to read.
    Read,
    /// Until there is room to write.
    Write,
}

/// What is reported about a connection that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSummary {
    /// Its number.
    pub id: ConnectionId,
    /// The peer's address.
    pub peer: Address,
    /// Bytes received to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    pub bytes_out: u64,
    /// Why it ended.
    pub reason: Reason,
}

/// Why no connection is accepted for a while.
#[derive(Debug)]
pub enum AcceptPause {
    /// This limit on connections is reached. Further ones wait in the backlog until one ends.
    Full(usize),
    /// Descriptors, memory or threads have run out, or accept(2) keeps failing; it is tried again on a timer.
    Exhausted(io::Error),
}

/// Two observers of the same server.
impl<A: Observer, B: Observer> Observer for (A, B) {
    const OBSERVES_CALLS: bool = A::OBSERVES_CALLS || B::OBSERVES_CALLS;

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

    fn socket_accepted(&mut self, id: ConnectionId, socket: BorrowedFd<'_>) {
        self.0.socket_accepted(id, socket);
        self.1.socket_accepted(id, socket);
    }

    fn accepted(&mut self, id: ConnectionId, peer: &Address) {
        self.0.accepted(id, peer);
        self.1.accepted(id, peer);
    }

    fn proxy_header(&mut self, id: ConnectionId, peer: &Address, header: ProxyHeader) {
        self.0.proxy_header(id, peer, header);
        self.1.proxy_header(id, peer, header);
    }

    fn banner_sent(&mut self, id: ConnectionId, bytes: usize) {
        self.0.banner_sent(id, bytes);
        self.1.banner_sent(id, bytes);
    }

    fn observes_sockets(&self) -> bool {
        self.0.observes_sockets() || self.1.observes_sockets()
    }

    fn socket_seen(&mut self, id: ConnectionId, socket: BorrowedFd<'_>) {
        self.0.socket_seen(id, socket);
        self.1.socket_seen(id, socket);
    }

    fn flags_reported(&mut self, id: ConnectionId, flags: EventFlags) {
        self.0.flags_reported(id, flags);
        self.1.flags_reported(id, flags);
    }

    fn on_event(&mut self, id: ConnectionId, event: ConnectionEvent) {
        self.0.on_event(id, event);
        self.1.on_event(id, event);
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

    fn refused(&mut self, peer: &Address, error: &io::Error) {
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

    fn on_datagram(&mut self, peer: SocketAddr, event: DatagramEvent) {
        self.0.on_datagram(peer, event);
        self.1.on_datagram(peer, event);
    }

    fn waiting_for_datagrams(&mut self) {
        self.0.waiting_for_datagrams();
        self.1.waiting_for_datagrams();
    }

    fn receive_failed(&mut self, error: &io::Error) {
        self.0.receive_failed(error);
        self.1.receive_failed(error);
    }

    fn stopping(&mut self, open: usize) {
        self.0.stopping(open);
        self.1.stopping(open);
    }

    fn heartbeat(&mut self) {
        self.0.heartbeat();
        self.1.heartbeat();
    }

    fn report(&self) {
        self.0.report();
        self.1.report();
    }

    fn publish(&self) {
        self.0.publish();
        self.1.publish();
    }

    fn reopen_logs(&mut self) {
        self.0.reopen_logs();
        self.1.reopen_logs();
    }
}

#[cfg(test)]
mod tests;
