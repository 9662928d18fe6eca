//! Datagrams: the other half of RFC 862, for `serve --udp`.
//!
//! One socket serves every peer. There is no connection, and so there is no state: no phase, no pending bytes, no order, no
//! backpressure. A datagram is answered or refused at once, and a reply that finds the send buffer full is dropped. Two
//! ideas of the event loop remain: remembered readiness, and a budget of one receive per socket and iteration.
//!
//! Read `message`, `guard` with `rate`, then `echo`; `socket` makes the system calls, through quinn-udp.

pub(super) mod bind;
mod echo;
pub(super) mod event;
mod guard;
mod message;
pub(super) mod policy;
mod rate;
#[cfg(feature = "udp")]
pub(super) mod socket;
#[cfg(not(feature = "udp"))]
#[path = "no_socket.rs"]
pub(super) mod socket;

use super::clock;
use super::limits::FAILED_RECEIVES_IN_A_ROW;
use super::observer::{Observer, WakeSource};
use super::sources::Source;
use crate::readiness::{EventFlags, Readiness};
use echo::Echo;
use guard::SourceGuard;
use mio::Registry;
use policy::DatagramPolicy;
use socket::{Batch, DatagramSocket};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

/// All UDP sockets of a server, with what is remembered of their readiness.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    open: Vec<OpenSocket>,
    /// `None` if there never was a socket.
    echo: Option<Echo>,
}

#[derive(Debug)]
struct OpenSocket {
    number: usize,
    socket: DatagramSocket,
    readiness: Readiness,
    /// How many receives have failed in a row.
    failures: u32,
    /// Once a stop was requested: how many more messages may be received.
    drain_left: Option<usize>,
}

impl Datagrams {
    /// # Errors
    ///
    /// A socket is not bound.
    pub(super) fn new(sockets: Vec<DatagramSocket>, policy: DatagramPolicy) -> io::Result<Self> {
        if sockets.is_empty() {
            return Ok(Self::default());
        }
        let addresses = sockets.iter().map(DatagramSocket::local_addr);
        let ports = addresses.map(|address| Ok(address?.port()));
        let guard = SourceGuard::new(policy, ports.collect::<io::Result<_>>()?, clock::now());
        let sockets = sockets.into_iter().enumerate();
        let open = sockets.map(|(number, socket)| OpenSocket {
            number,
            socket,
            readiness: Readiness::default(),
            failures: 0,
            drain_left: None,
        });
        Ok(Self {
            open: open.collect(),
            echo: Some(Echo::new(guard)),
        })
    }

    /// Registers each socket, once, for reading alone: a reply that cannot be sent is not kept.
    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for OpenSocket { number, socket, .. } in &mut self.open {
            socket.register(registry, Source::Datagrams(*number).into())?;
        }
        Ok(())
    }

    /// Remembers an edge.
    pub(super) fn note(&mut self, number: usize, flags: EventFlags, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Datagrams);
        for open in &mut self.open {
            if open.number == number {
                open.readiness.note(flags);
            }
        }
    }

    /// Whether a receive is worth a system call.
    pub(super) fn are_ready(&self) -> bool {
        self.open.iter().any(|open| open.readiness.is_readable())
    }

    /// Whether no socket is left.
    pub(super) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// A stop was requested: each socket answers what it has received by now, then it is closed. It receives no more than
    /// its buffer can hold, because new datagrams may arrive as fast as the old ones are answered.
    pub(super) fn drain(&mut self) {
        for open in &mut self.open {
            open.readiness.assume_readable();
            open.drain_left = Some(open.socket.messages_held());
        }
    }

    /// Closes all sockets.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// One receive on each socket that is ready. A socket with more to receive stays ready.
    pub(super) fn serve(&mut self, observer: &mut impl Observer) {
        let Some(echo) = &mut self.echo else {
            return;
        };
        for open in &mut self.open {
            if open.readiness.is_readable() {
                open.turn(echo, observer);
            }
        }
        self.open.retain(|open| !open.is_drained());
    }

    /// The sockets that are open.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|open| open.socket.as_fd())
    }

    /// Calls for a receive on every socket: at least one has datagrams.
    pub(super) fn note_input(&mut self) {
        for open in &mut self.open {
            open.readiness.note(EventFlags {
                readable: true,
                ..EventFlags::default()
            });
        }
    }
}

impl OpenSocket {
    fn turn(&mut self, echo: &mut Echo, observer: &mut impl Observer) {
        match echo.turn(&self.socket, observer) {
            Ok(messages) => {
                self.failures = 0;
                // recvmmsg(2) brings fewer messages than it has room for when it finds no more.
                self.readiness.on_read(messages, Batch::ROOM);
                self.drain_left = self.drain_left.map(|left| left.saturating_sub(messages));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readiness.read_would_block();
            }
            Err(error) => {
                observer.receive_failed(&error);
                self.failures += 1;
                // The next datagram raises an edge; an error that lasts must not make the loop spin.
                if self.failures.is_multiple_of(FAILED_RECEIVES_IN_A_ROW) {
                    self.readiness.read_would_block();
                }
            }
        }
    }

    /// Whether a stop was requested, and all that had been received by then is answered.
    fn is_drained(&self) -> bool {
        let is_exhausted = !self.readiness.is_readable();
        self.drain_left
            .is_some_and(|left| left == 0 || is_exhausted)
    }
}
