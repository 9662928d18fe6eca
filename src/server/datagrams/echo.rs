//! Receive, decide, reply: how the messages of one receive are handled.

use super::event::{DatagramEvent, Refusal};
use super::guard::SourceGuard;
use super::message::Message;
use super::socket::{Batch, DatagramSocket};
use crate::server::clock;
use crate::server::observer::Observer;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// What serves every datagram, whichever socket receives it.
#[derive(Debug)]
pub(super) struct Echo {
    batch: Batch,
    guard: SourceGuard,
}

impl Echo {
    pub(super) fn new(guard: SourceGuard) -> Self {
        Self {
            batch: Batch::new(),
            guard,
        }
    }

    /// One receive, and a reply or a refusal for every datagram that it brought. Returns how many messages it brought.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: there is no datagram. Otherwise as recvmmsg(2).
    pub(super) fn turn(
        &mut self,
        socket: &DatagramSocket,
        observer: &mut impl Observer,
    ) -> io::Result<usize> {
        let count = socket.receive(&mut self.batch)?;
        let now = clock::now();
        for message in self.batch.messages(count) {
            let peer = to_canonical(message.source);
            emit(&message, peer, observer, |bytes| DatagramEvent::Received {
                bytes,
            });
            match self.guard.admit(&message, now) {
                Ok(admitted) => {
                    if let Some(first) = message.first(admitted) {
                        reply(socket, &first, peer, observer);
                    }
                    let refused = DatagramEvent::Refused(Refusal::RateLimit);
                    for _ in admitted..message.count() {
                        observer.on_datagram(peer, refused);
                    }
                }
                Err(refusal) => {
                    emit(&message, peer, observer, |_| {
                        DatagramEvent::Refused(refusal)
                    });
                }
            }
        }
        Ok(count)
    }
}

/// Sends datagrams back, as many at once as the kernel takes.
fn reply(
    socket: &DatagramSocket,
    message: &Message<'_>,
    peer: SocketAddr,
    observer: &mut impl Observer,
) {
    for part in message.parts(socket.send_limit()) {
        match socket.send_back(&part) {
            // Several at once may be more than the route to this peer supports.
            Err(error) if part.count() > 1 && error.kind() != ErrorKind::WouldBlock => {
                for one in part.parts(1) {
                    let sent = socket.send_back(&one);
                    emit_sent(&one, peer, &sent, observer);
                }
            }
            sent => emit_sent(&part, peer, &sent, observer),
        }
    }
}

fn emit_sent(
    message: &Message<'_>,
    peer: SocketAddr,
    sent: &io::Result<()>,
    observer: &mut impl Observer,
) {
    emit(message, peer, observer, |bytes| match sent {
        Ok(()) => DatagramEvent::Replied { bytes },
        Err(error) if error.kind() == ErrorKind::WouldBlock => DatagramEvent::Dropped,
        Err(error) => DatagramEvent::Failed(error.into()),
    });
}

/// One event for each datagram, made from its size.
fn emit(
    message: &Message<'_>,
    peer: SocketAddr,
    observer: &mut impl Observer,
    event: impl Fn(usize) -> DatagramEvent,
) {
    for one in message.parts(1) {
        observer.on_datagram(peer, event(one.bytes.len()));
    }
}

/// A peer of a dual-stack socket by its own IPv4 address (RFC 4291, section 2.5.5.2).
fn to_canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}
