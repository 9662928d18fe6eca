//! One connection's place in the slab: who it is, besides what it does.

use super::idle::IdleTicks;
use super::observer::{ConnectionId, ConnectionSummary, Observer};
use super::unread::unread_bytes;
use crate::connection::{Connection, ConnectionEvent, Reason, Stream, TurnEnd};
use crate::readiness::EventFlags;
use mio::net::TcpStream;
use std::io;
use std::net::{Shutdown, SocketAddr};

/// What the event loop keeps for each connection. At 10,000 connections each byte counts ten thousand
/// times: this is all there is, as long as the peer keeps up.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) connection: Connection<TcpStream>,
    pub(super) quiet: IdleTicks,
    id: ConnectionId,
    peer: SocketAddr,
}

impl Slot {
    pub(super) fn new(id: ConnectionId, peer: SocketAddr, stream: TcpStream) -> Self {
        Self {
            connection: Connection::new(stream),
            quiet: IdleTicks::default(),
            id,
            peer,
        }
    }

    /// Remembers what an event said, observed. Returns whether the connection is now worth a turn.
    pub(super) fn note(&mut self, edge: EventFlags, observer: &mut impl Observer) -> bool {
        observer.flags_reported(self.id, edge);
        let is_worth_a_turn = self.connection.note(edge);
        self.show(observer);
        is_worth_a_turn
    }

    /// The first half of a turn, observed.
    pub(super) fn receive(&mut self, room: &mut [u8], observer: &mut impl Observer) -> usize {
        let Self {
            connection,
            quiet,
            id,
            ..
        } = self;
        let bytes = connection.receive(room, &mut |fact| tell(observer, *id, quiet, fact));
        self.show(observer);
        bytes
    }

    /// The second half of a turn, observed.
    pub(super) fn echo(&mut self, received: &[u8], observer: &mut impl Observer) -> TurnEnd {
        let Self {
            connection,
            quiet,
            id,
            ..
        } = self;
        let turn = connection.echo(received, &mut |fact| tell(observer, *id, quiet, fact));
        self.show(observer);
        if turn == TurnEnd::Yielded {
            observer.yielded(self.id);
        }
        turn
    }

    /// Shows the state of the connection.
    pub(super) fn show(&self, observer: &mut impl Observer) {
        observer.readiness_changed(self.id, self.connection.readiness());
        observer.phase_changed(self.id, self.connection.phase());
    }

    /// A stop was requested: the connection owes an echo of what the kernel has received by now.
    pub(super) fn drain(&mut self) {
        self.connection
            .drain(unread_bytes(self.connection.stream()));
    }

    /// What is left to say when it is over.
    pub(super) fn summary(&self, reason: Reason) -> ConnectionSummary {
        ConnectionSummary {
            id: self.id,
            peer: self.peer,
            bytes_in: self.connection.bytes_in(),
            bytes_out: self.connection.bytes_out(),
            reason,
        }
    }
}

fn tell(
    observer: &mut impl Observer,
    id: ConnectionId,
    quiet: &mut IdleTicks,
    fact: ConnectionEvent,
) {
    if matches!(
        fact,
        ConnectionEvent::Read { .. } | ConnectionEvent::Wrote { .. }
    ) {
        quiet.broken();
    }
    observer.on_event(id, fact);
}

impl Stream for TcpStream {
    fn send_fin(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
