//! Accepting, without ever dying and without ever spinning.
//!
//! The errors of accept(2) fall into three kinds. Some concern one peer that went away before it was
//! accepted: go on. Some say that this process or the system is out of descriptors or memory: pause and
//! try again on a timer, because an edge-triggered listener is not reported again for the peers that
//! still wait. The rest mean that the listener itself is broken, and end the server.

use super::limits::ACCEPT_RETRY;
use super::observer::{AcceptPause, Observer, WakeSource};
use super::sources::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::mem::{self, Discriminant};
use std::net::SocketAddr;
use std::time::Instant;

/// What one attempt to accept came to.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A peer, its socket not blocking.
    Peer(TcpStream, SocketAddr),
    /// Nobody this time, but there may be others.
    Gone,
    /// Nobody who could be let in for now.
    Nobody,
}

/// All listening sockets, with what is remembered of their readiness.
#[derive(Debug)]
pub(super) struct Listeners {
    open: Vec<Listener>,
    /// While set, nobody is accepted: descriptors or memory had run out.
    retry_at: Option<Instant>,
    /// Which pause has been told in the current episode.
    pause_told: Option<Discriminant<AcceptPause>>,
    /// How many peers may wait on each listener.
    backlog: u32,
}

#[derive(Debug)]
struct Listener {
    number: usize,
    socket: TcpListener,
    /// An edge was seen, and no `WouldBlock` since.
    ready: bool,
    /// Once a stop was requested: how many of those who wait may still come in.
    drain_left: Option<u32>,
}

impl Listeners {
    /// Registers each socket, once and for all.
    pub(super) fn new(
        sockets: Vec<TcpListener>,
        backlog: u16,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut open = Vec::new();
        for (number, mut socket) in sockets.into_iter().enumerate() {
            let token = Source::Listener(number).into();
            registry.register(&mut socket, token, Interest::READABLE)?;
            open.push(Listener {
                number,
                socket,
                ready: false,
                drain_left: None,
            });
        }
        Ok(Self {
            open,
            retry_at: None,
            pause_told: None,
            backlog: backlog.into(),
        })
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
        self.retry_at.is_none() && self.open.iter().any(|listener| listener.ready)
    }

    /// Whether no listener is left.
    pub(super) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// A stop was requested: who is in the backlog by now, with bytes that the kernel may already have
    /// received, is still let in; then the listeners close. No more come in than could wait by then: new
    /// peers may arrive as fast as the old ones are let in.
    pub(super) fn drain_backlog(&mut self) {
        for listener in &mut self.open {
            listener.ready = true;
            // Linux lets one more wait than it was asked for.
            listener.drain_left = Some(self.backlog + 1);
        }
    }

    /// Lets nobody in any more.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// No connection more may be opened. Told once an episode.
    pub(super) fn wait_for_room(&mut self, limit: usize, observer: &mut impl Observer) {
        if self.are_ready() {
            self.tell(&AcceptPause::Full(limit), observer);
        }
    }

    /// One accept(2), on the listeners in turn.
    ///
    /// # Errors
    ///
    /// The listening socket itself is broken.
    pub(super) fn accept(&mut self, observer: &mut impl Observer) -> io::Result<Accepted> {
        let ready = self.open.iter().position(|listener| listener.ready);
        let Some(at) = ready.filter(|_| self.retry_at.is_none()) else {
            return Ok(Accepted::Nobody);
        };
        // The one whose turn it is goes to the back, so that a storm on one does not hide the others.
        self.open.rotate_left(at + 1);
        let Some(listener) = self.open.last_mut() else {
            return Ok(Accepted::Nobody);
        };
        let error = match listener.socket.accept() {
            Ok((stream, peer)) => {
                if listener.is_last_of_all() {
                    self.open.pop();
                }
                return Ok(Accepted::Peer(stream, to_canonical(peer)));
            }
            Err(error) => error,
        };
        match AcceptErrorKind::of(&error) {
            AcceptErrorKind::WouldBlock => {
                listener.ready = false;
                if listener.drain_left.is_some() {
                    self.open.pop();
                }
                if self.pause_told.take().is_some() {
                    observer.accept_resumed();
                }
                Ok(Accepted::Gone)
            }
            AcceptErrorKind::Nothing => Ok(Accepted::Gone),
            AcceptErrorKind::Peer => {
                observer.accept_failed(&error);
                Ok(Accepted::Gone)
            }
            AcceptErrorKind::Resources => {
                self.retry_at = Some(Instant::now() + ACCEPT_RETRY);
                self.tell(&AcceptPause::Exhausted(error), observer);
                Ok(Accepted::Nobody)
            }
            AcceptErrorKind::Listener => Err(error),
        }
    }

    fn tell(&mut self, pause: &AcceptPause, observer: &mut impl Observer) {
        let kind = Some(mem::discriminant(pause));
        if mem::replace(&mut self.pause_told, kind) != kind {
            observer.accept_paused(pause);
        }
    }
}

impl Listener {
    /// Counts one who came in. Returns whether nobody more may.
    fn is_last_of_all(&mut self) -> bool {
        let left = self.drain_left.map(|left| left.saturating_sub(1));
        self.drain_left = left;
        left == Some(0)
    }
}

/// An IPv4 peer of a dual-stack listener comes under an IPv6 address that nobody would recognise
/// (RFC 4291, section 2.5.5.2).
fn to_canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// What an error of accept(2) is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptErrorKind {
    /// Nobody waits: the listener is exhausted.
    WouldBlock,
    /// A signal came first. Try again.
    Nothing,
    /// One peer, which is already gone.
    Peer,
    /// Descriptors, memory.
    Resources,
    /// The listening socket.
    Listener,
}

impl AcceptErrorKind {
    /// Source: accept(2), which asks to treat pending network errors as belonging to the new
    /// connection. What it does not name is taken for a lack of resources: pausing neither spins nor dies.
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock => return Self::WouldBlock,
            ErrorKind::Interrupted => return Self::Nothing,
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
mod tests {
    use super::*;

    #[test]
    fn errors_of_accept_concern_one_peer_or_our_resources_or_the_listener() {
        for (errno, concern) in [
            (Errno::AGAIN, AcceptErrorKind::WouldBlock),
            (Errno::CONNABORTED, AcceptErrorKind::Peer),
            (Errno::INTR, AcceptErrorKind::Nothing),
            (Errno::PROTO, AcceptErrorKind::Peer),
            (Errno::MFILE, AcceptErrorKind::Resources),
            (Errno::NFILE, AcceptErrorKind::Resources),
            (Errno::NOBUFS, AcceptErrorKind::Resources),
            (Errno::NOMEM, AcceptErrorKind::Resources),
            (Errno::NOTSOCK, AcceptErrorKind::Listener),
        ] {
            let error = io::Error::from(errno);
            assert_eq!(AcceptErrorKind::of(&error), concern, "{error}");
        }
    }
}
