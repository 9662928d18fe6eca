//! Datagrams: the other half of RFC 862, for `serve --udp`.
//!
//! One socket serves every peer. There is no connection, and so there is no state: no phase, no pending bytes, no order, no
//! backpressure. A datagram is answered or refused at once, and a reply that finds the send buffer full is dropped. Two
//! ideas of the event loop remain: remembered readiness, and a budget of one receive per socket and iteration.
//!
//! Read `message`, `guard` with `rate`, `echo`, then `receive_state`; `socket` makes the system calls, through quinn-udp.

pub(super) mod bind;
mod echo;
pub(super) mod event;
mod guard;
mod message;
pub(super) mod policy;
mod rate;
mod receive_state;
#[cfg(feature = "udp")]
pub(super) mod socket;
#[cfg(not(feature = "udp"))]
#[path = "no_socket.rs"]
pub(super) mod socket;

use super::clock;
use super::observer::{Observer, WakeSource};
use super::sources::Source;
use crate::readiness::EventFlags;
use echo::Echo;
use guard::SourceGuard;
use mio::Registry;
use policy::DatagramPolicy;
use receive_state::ReceiveState;
use socket::DatagramSocket;
use std::io;
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
    state: ReceiveState,
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
            state: ReceiveState::default(),
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
                open.state.note(flags);
            }
        }
    }

    /// Whether a receive is worth a system call.
    pub(super) fn are_ready(&self) -> bool {
        self.open.iter().any(|open| open.state.is_ready())
    }

    /// Whether no socket is left.
    pub(super) fn are_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// A stop was requested: each socket answers what it has received by now, then it is closed. It receives no more than
    /// its buffer can hold, because new datagrams may arrive as fast as the old ones are answered. So this needs no
    /// deadline.
    pub(super) fn drain(&mut self) {
        for open in &mut self.open {
            open.state.drain(open.socket.messages_held());
        }
    }

    /// One receive on each socket that is ready. A socket with more to receive stays ready.
    pub(super) fn serve(&mut self, observer: &mut impl Observer) {
        let Some(echo) = &mut self.echo else {
            return;
        };
        for open in &mut self.open {
            if open.state.is_ready() {
                let received = echo.turn(&open.socket, observer);
                open.state.on_receive(received, observer);
            }
        }
        self.open.retain(|open| !open.state.is_drained());
    }

    /// The sockets that are open.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|open| open.socket.as_fd())
    }

    /// Calls for a receive on every socket: at least one has datagrams.
    pub(super) fn note_input(&mut self) {
        for open in &mut self.open {
            open.state.note(EventFlags {
                readable: true,
                ..EventFlags::default()
            });
        }
    }
}
