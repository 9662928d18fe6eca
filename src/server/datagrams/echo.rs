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
                        let most = socket.send_limit();
                        let send = |part: &Message<'_>| socket.send_back(part);
                        reply(&first, most, send, |part, sent| {
                            emit_sent(part, peer, sent, observer);
                        });
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

/// Sends datagrams back, `most` at once, and reports with what result.
fn reply(
    message: &Message<'_>,
    most: usize,
    mut send: impl FnMut(&Message<'_>) -> io::Result<()>,
    mut report: impl FnMut(&Message<'_>, &io::Result<()>),
) {
    for part in message.parts(most) {
        match send(&part) {
            // Several at once may be more than the route to this peer supports.
            Err(error) if part.count() > 1 && error.kind() != ErrorKind::WouldBlock => {
                for one in part.parts(1) {
                    report(&one, &send(&one));
                }
            }
            result => report(&part, &result),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what happened to the datagrams.
    #[derive(Clone, Default)]
    struct Events(Vec<DatagramEvent>);

    impl Observer for Events {
        fn on_datagram(&mut self, _peer: SocketAddr, event: DatagramEvent) {
            self.0.push(event);
        }
    }

    /// Replies to four datagrams, at most three at once. Returns how many each call sent, and what was reported.
    fn replies(
        result: impl Fn(usize) -> Result<(), ErrorKind>,
    ) -> (Vec<usize>, Vec<DatagramEvent>) {
        let peer = "127.0.0.1:50007".parse().unwrap();
        let message = Message {
            source: peer,
            destination: None,
            bytes: b"aabbccd",
            size: 2,
        };
        let (mut calls, mut events) = (Vec::new(), Events::default());
        let send = |part: &Message<'_>| {
            calls.push(part.count());
            result(part.count()).map_err(io::Error::from)
        };
        reply(&message, 3, send, |part, sent| {
            emit_sent(part, peer, sent, &mut events);
        });
        (calls, events.0)
    }

    #[test]
    fn datagrams_that_cannot_be_sent_together_are_sent_one_by_one() {
        let replied = [2, 2, 2, 1].map(|bytes| DatagramEvent::Replied { bytes });
        let (calls, events) = replies(|_| Ok(()));
        assert_eq!((&calls[..], &events[..]), (&[3, 1][..], &replied[..]));
        let (calls, events) = replies(|count| match count {
            1 => Ok(()),
            _ => Err(ErrorKind::InvalidInput),
        });
        assert_eq!(calls, [3, 1, 1, 1, 1]);
        assert_eq!(events, replied);
    }

    #[test]
    fn a_reply_that_cannot_be_sent_is_dropped_or_has_failed() {
        let (calls, events) = replies(|_| Err(ErrorKind::WouldBlock));
        assert_eq!(calls, [3, 1], "there is no room for one either");
        assert_eq!(events, [DatagramEvent::Dropped; 4]);
        let (calls, events) = replies(|_| Err(ErrorKind::PermissionDenied));
        assert_eq!(calls, [3, 1, 1, 1, 1]);
        let failed = DatagramEvent::Failed((&io::Error::from(ErrorKind::PermissionDenied)).into());
        assert_eq!(events, [failed; 4]);
    }
}
