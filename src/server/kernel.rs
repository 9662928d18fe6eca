//! What the event loop asks of the operating system.
//!
//! It is a trait so that the tests can run the same loop over a simulated kernel that delays, merges, splits and fails as a
//! seed decides (`event_loop/simulation`). The program uses mio, through [`MioPoll`]; the generic loop is compiled for it,
//! so the trait costs nothing at run time.

use super::delivery::Deliveries;
use super::limits::EVENTS_PER_WAIT;
use super::proxy_header::ProxyHeader;
use super::send_queue::Delivery;
use super::sources::Source;
use super::stream_listener::StreamListener;
use super::unread::unread_bytes;
use crate::connection::Stream;
use crate::readiness::{EventFlags, INTEREST};
use crate::text::address::Address;
use mio::net::TcpStream;
use mio::{Events, Poll};
use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A poll with its events, and the kinds of sockets that it can watch.
pub(super) trait Kernel {
    /// The socket of a connection.
    type Socket: Socket;
    /// A listening socket.
    type Listener: Accept<Socket = Self::Socket>;

    /// Waits until there are events, for `timeout` at most; `None` means no limit. Forgets the events before.
    ///
    /// # Errors
    ///
    /// `Interrupted`: a signal arrived first. Anything else: the poll is broken.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// The events of the last wait. Their flags are read only where they are needed.
    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)>;

    /// Watches `socket` for everything, edge-triggered. Its current readiness is reported as an event.
    ///
    /// # Errors
    ///
    /// The kernel has no memory for the registration, or a limit on registrations is reached.
    fn register(&mut self, socket: &mut Self::Socket, source: Source) -> io::Result<()>;
}

/// The events that a layer between the loop and its sockets passes on: those that are `reported` below it, and one with
/// `flags` for each connection that is `due`. A read of such a layer writes as well, so room to write is a reason to read.
pub(super) fn layered_events(
    reported: impl Iterator<Item = (Source, impl Into<EventFlags>)>,
    due: &[usize],
    flags: EventFlags,
) -> impl Iterator<Item = (Source, EventFlags)> {
    let reported = reported.map(|(source, flags)| {
        let mut flags: EventFlags = flags.into();
        flags.readable |= flags.writable;
        (source, flags)
    });
    let due = due.iter().map(move |key| (Source::Connection(*key), flags));
    reported.chain(due)
}

/// A listening socket, non-blocking.
pub(super) trait Accept {
    /// The socket of an accepted connection.
    type Socket;

    /// One accept(2): the connection's socket, non-blocking, and the address of its peer.
    ///
    /// # Errors
    ///
    /// As accept(2).
    fn accept(&self) -> io::Result<(Self::Socket, Address)>;
}

/// The socket of a connection: a stream, and what the server must know of TCP beyond it.
pub(super) trait Socket: Stream {
    /// How many received bytes have not been read; `None` where the kernel cannot report that.
    fn unread_bytes(&self) -> Option<u32>;

    /// Makes close(2) send RST instead of FIN. A Unix socket has neither, see [`reset_on_close`].
    fn reset_on_close(&self);

    /// Takes the PROXY header that has been read from it; `None` from then on.
    fn take_proxy_header(&mut self) -> Option<ProxyHeader> {
        None
    }

    /// Takes the number of bytes of the banner, once it is written as a whole; `None` from then on.
    fn take_banner(&mut self) -> Option<usize> {
        None
    }

    /// Its descriptor; a simulated socket has none.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// How the delivery of what has been written to it goes on; `None` where the kernel does not report that.
    fn delivery(&self, deliveries: &mut Deliveries) -> Option<Delivery> {
        deliveries.of(self.descriptor()?)
    }
}

/// The poll of mio.
#[derive(Debug)]
pub(super) struct MioPoll {
    pub(super) poll: Poll,
    events: Events,
}

impl MioPoll {
    pub(super) fn new(poll: Poll) -> Self {
        let events = Events::with_capacity(EVENTS_PER_WAIT);
        Self { poll, events }
    }
}

impl Kernel for MioPoll {
    type Socket = TcpStream;
    type Listener = StreamListener;

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        self.events
            .iter()
            .map(|event| (event.token().into(), event))
    }

    fn register(&mut self, socket: &mut TcpStream, source: Source) -> io::Result<()> {
        self.poll
            .registry()
            .register(socket, source.into(), INTEREST)
    }
}

impl Accept for StreamListener {
    type Socket = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, Address)> {
        Self::accept(self)
    }
}

impl Stream for TcpStream {
    fn send_fin(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Socket for TcpStream {
    fn unread_bytes(&self) -> Option<u32> {
        unread_bytes(self)
    }

    fn reset_on_close(&self) {
        reset_on_close(self);
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

/// Makes close(2) send RST instead of FIN (socket(7), `SO_LINGER`): the peer must not mistake a part of the echo for all of
/// it.
///
/// Has no effect on a Unix socket. There, on Linux, the peer's read reports ECONNRESET if bytes of the peer are unread at
/// the close, and otherwise the end of the input.
pub(super) fn reset_on_close(socket: &impl AsFd) {
    // This fails on a socket that is already broken, where it does not matter.
    let _broken = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
