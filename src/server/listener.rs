//! Accepting connections without ever ending the server and without ever spinning.
//!
//! The errors of accept(2) fall into three kinds:
//!
//! - One peer disappeared before it was accepted, or a signal came first: accept the next one. Many such errors in a row lead
//!   to a pause, because they would make the loop spin.
//! - This process or the system is out of descriptors or memory: pause and try again on a timer, because an edge-triggered
//!   listener is not reported again for the connections that already wait.
//! - The listener itself is broken: the server ends.

use super::clock;
use super::kernel::Accept;
use super::limits::{ACCEPT_RETRY, FAILED_ACCEPTS_IN_A_ROW};
use super::observer::{AcceptPause, Observer, WakeSource};
use super::sources::Source;
use super::stream_listener::StreamListener;
use crate::text::address::Address;
use mio::Registry;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem::{self, Discriminant};
use std::time::Instant;

/// What one attempt to accept yielded.
#[derive(Debug)]
pub(super) enum Accepted<S> {
    /// A connection, its socket non-blocking, and the peer's address.
    Peer(S, Address),
    /// This accept yielded no connection; try again.
    Retry,
    /// No connection can be accepted for now.
    Nothing,
}

/// All listening sockets, with what is remembered of their readiness.
#[derive(Debug)]
pub(super) struct Listeners<L = StreamListener> {
    /// In the order in which they will accept.
    open: VecDeque<Listener<L>>,
    /// While set, nothing is accepted: descriptors or memory had run out.
    retry_at: Option<Instant>,
    /// How many accepts have failed since one succeeded or found nothing.
    failures: u32,
    /// Which pause has been reported in the current episode.
    reported_pause: Option<Discriminant<AcceptPause>>,
    /// How many connections may wait on each listener.
    backlog: u32,
}

#[derive(Debug)]
struct Listener<L> {
    number: usize,
    socket: L,
    /// An edge was reported, and no `WouldBlock` since.
    ready: bool,
    /// Once a stop was requested: how many more connections may be accepted from the backlog.
    drain_left: Option<u32>,
    origin: SocketOrigin,
}

/// Where a listening socket comes from. It decides what becomes of its backlog at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketOrigin {
    /// This process: the backlog ends with the socket, so it is drained.
    Bound,
    /// Another process, which keeps the socket open: connections in the backlog wait for the next server.
    Inherited,
}

impl Listeners {
    /// Registers each socket once: those that another process passed to this one, and those that this one bound.
    pub(super) fn new(
        inherited: Vec<StreamListener>,
        bound: Vec<StreamListener>,
        backlog: u16,
        registry: &Registry,
    ) -> io::Result<Self> {
        let first_bound = inherited.len();
        let mut sockets = inherited;
        sockets.extend(bound);
        for (number, socket) in sockets.iter_mut().enumerate() {
            socket.register(registry, Source::Listener(number).into())?;
        }
        let mut listeners = Self::of_registered(sockets, backlog);
        for listener in listeners.open.iter_mut().take(first_bound) {
            listener.origin = SocketOrigin::Inherited;
        }
        Ok(listeners)
    }
}

impl<L> Listeners<L> {
    /// The same listeners, each socket replaced.
    pub(super) fn map<M>(self, replace: impl Fn(L) -> M) -> Listeners<M> {
        let open = self.open.into_iter().map(|listener| Listener {
            number: listener.number,
            origin: listener.origin,
            socket: replace(listener.socket),
            ready: listener.ready,
            drain_left: listener.drain_left,
        });
        Listeners {
            open: open.collect(),
            retry_at: self.retry_at,
            failures: self.failures,
            reported_pause: self.reported_pause,
            backlog: self.backlog,
        }
    }
}

impl<L: Accept> Listeners<L> {
    /// Sockets that are registered, each under its number: its place among them.
    pub(super) fn of_registered(sockets: Vec<L>, backlog: u16) -> Self {
        let listeners = sockets.into_iter().enumerate();
        let open = listeners.map(|(number, socket)| Listener {
            number,
            socket,
            ready: false,
            drain_left: None,
            origin: SocketOrigin::Bound,
        });
        Self {
            open: open.collect(),
            retry_at: None,
            failures: 0,
            reported_pause: None,
            backlog: backlog.into(),
        }
    }

    /// Remembers an edge.
    pub(super) fn note(&mut self, number: usize, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Listener);
        for listener in &mut self.open {
            listener.ready |= listener.number == number;
        }
    }

    /// Ends a pause whose time is over.
    pub(super) fn note_time(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
    }

    /// When a pause ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Whether an accept is worth a system call.
    pub(super) fn are_ready(&self) -> bool {
        !self.are_paused() && self.open.iter().any(|listener| listener.ready)
    }

    /// Whether no listener is left.
    pub(super) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// A stop was requested: connections that are already in the backlog are still accepted, because the kernel may have
    /// received bytes from them; then the listeners close. No more connections are accepted than the backlog can hold,
    /// because new ones may arrive as fast as the old ones are accepted.
    ///
    /// An inherited socket closes at once. The poll still reports its connections, because the socket itself lives on
    /// (epoll(7)); such an event finds no listener and is ignored.
    pub(super) fn drain_backlog(&mut self) {
        self.open
            .retain(|listener| listener.origin == SocketOrigin::Bound);
        for listener in &mut self.open {
            listener.ready = true;
            // Linux queues one connection more than it was asked for.
            listener.drain_left = Some(self.backlog + 1);
        }
    }

    /// Closes all listeners. Connections that still wait in a backlog are reset.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// The limit on connections is reached. Reported once per episode.
    pub(super) fn pause_while_full(
        &mut self,
        max_connections: usize,
        observer: &mut impl Observer,
    ) {
        if self.are_ready() {
            self.report_pause(&AcceptPause::Full(max_connections), observer);
        }
    }

    /// One accept(2), on the ready listeners in turn, so that a storm on one does not starve the others.
    ///
    /// # Errors
    ///
    /// The listening socket itself is broken.
    pub(super) fn accept(
        &mut self,
        observer: &mut impl Observer,
    ) -> io::Result<Accepted<L::Socket>> {
        if self.are_paused() {
            return Ok(Accepted::Nothing);
        }
        let Some(mut listener) = self.take_next_ready() else {
            return Ok(Accepted::Nothing);
        };
        match listener.socket.accept() {
            Ok((stream, peer)) => {
                self.failures = 0;
                if !listener.has_drained_its_backlog() {
                    self.open.push_back(listener);
                }
                Ok(Accepted::Peer(stream, peer))
            }
            Err(error) => self.accept_failed(listener, error, observer),
        }
    }

    /// Takes out the ready listener whose turn it is.
    fn take_next_ready(&mut self) -> Option<Listener<L>> {
        let at = self.open.iter().position(|listener| listener.ready)?;
        self.open.rotate_left(at);
        self.open.pop_front()
    }

    fn accept_failed(
        &mut self,
        mut listener: Listener<L>,
        error: io::Error,
        observer: &mut impl Observer,
    ) -> io::Result<Accepted<L::Socket>> {
        match AcceptErrorKind::of(&error) {
            AcceptErrorKind::WouldBlock => {
                self.failures = 0;
                listener.ready = false;
                // An empty backlog is a drained one.
                if listener.drain_left.is_none() {
                    self.open.push_back(listener);
                }
                if self.reported_pause.take().is_some() {
                    observer.accept_resumed();
                }
                return Ok(Accepted::Retry);
            }
            AcceptErrorKind::Interrupted if self.failures < FAILED_ACCEPTS_IN_A_ROW => {
                self.failures += 1;
            }
            AcceptErrorKind::Peer if self.failures < FAILED_ACCEPTS_IN_A_ROW => {
                self.failures += 1;
                observer.accept_failed(&error);
            }
            AcceptErrorKind::Interrupted | AcceptErrorKind::Peer | AcceptErrorKind::Resources => {
                self.open.push_back(listener);
                self.pause(&AcceptPause::Exhausted(error), observer);
                return Ok(Accepted::Nothing);
            }
            AcceptErrorKind::Listener => return Err(error),
        }
        self.open.push_back(listener);
        Ok(Accepted::Retry)
    }

    /// Accepts nothing until the retry timer ends. Reported once per episode.
    pub(super) fn pause(&mut self, pause: &AcceptPause, observer: &mut impl Observer) {
        self.failures = 0;
        self.retry_at = Some(clock::now() + ACCEPT_RETRY);
        self.report_pause(pause, observer);
    }

    /// Whether a pause is under way.
    pub(super) fn are_paused(&self) -> bool {
        self.retry_at.is_some()
    }

    fn report_pause(&mut self, pause: &AcceptPause, observer: &mut impl Observer) {
        let kind = Some(mem::discriminant(pause));
        if mem::replace(&mut self.reported_pause, kind) != kind {
            observer.accept_paused(pause);
        }
    }
}

impl<L> Listener<L> {
    /// Counts one accepted connection. Returns whether it was the last one to be accepted before a stop.
    fn has_drained_its_backlog(&mut self) -> bool {
        let left = self.drain_left.map(|left| left.saturating_sub(1));
        self.drain_left = left;
        left == Some(0)
    }
}

/// What an error of accept(2) is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptErrorKind {
    /// No connection waits: the listener is exhausted.
    WouldBlock,
    /// A signal arrived first. Try again.
    Interrupted,
    /// One peer, which is already gone.
    Peer,
    /// Descriptors or memory.
    Resources,
    /// The listening socket.
    Listener,
}

impl AcceptErrorKind {
    /// Source: accept(2), which asks to treat pending network errors as belonging to the new connection. An error
    /// that it does not name is treated as a lack of resources: a pause neither spins nor ends the server.
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => return Self::WouldBlock,
            ErrorKind::Interrupted => return Self::Interrupted,
            _ => {}
        }
        match Errno::from_io_error(error) {
            Some(
                Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::CONNRESET
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT,
            ) => Self::Peer,
            Some(Errno::BADF | Errno::FAULT | Errno::INVAL | Errno::NOTSOCK) => Self::Listener,
            _ => Self::Resources,
        }
    }
}

#[cfg(test)]
mod tests;
