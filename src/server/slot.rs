//! What the event loop keeps for one connection.

use super::idle::IdleTicks;
use super::observer::{ConnectionId, ConnectionSummary, Observer};
use super::unread::unread_bytes;
use crate::connection::{Connection, ConnectionEvent, Reason, Stream, TurnEnd};
use crate::readiness::EventFlags;
use mio::net::TcpStream;
use std::io;
use std::net::{Shutdown, SocketAddr};

/// One connection's entry in the slab. With 10,000 connections each byte here counts ten thousand times: this is all
/// there is, as long as the peer keeps up.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) connection: Connection<TcpStream>,
    pub(super) idle_ticks: IdleTicks,
    id: ConnectionId,
    peer: SocketAddr,
}

impl Slot {
    pub(super) fn new(id: ConnectionId, peer: SocketAddr, stream: TcpStream) -> Self {
        Self {
            connection: Connection::new(stream),
            idle_ticks: IdleTicks::default(),
            id,
            peer,
        }
    }

    /// Remembers what an event reported, observed. Returns whether the connection is now worth a turn.
    pub(super) fn note(&mut self, flags: EventFlags, observer: &mut impl Observer) -> bool {
        observer.flags_reported(self.id, flags);
        let is_worth_a_turn = self.connection.note(flags);
        self.show(observer);
        is_worth_a_turn
    }

    /// The first half of a turn, observed.
    pub(super) fn receive(&mut self, room: &mut [u8], observer: &mut impl Observer) -> usize {
        let Self {
            connection,
            idle_ticks,
            id,
            ..
        } = self;
        let bytes = connection.receive(room, &mut |event| emit(observer, *id, idle_ticks, event));
        self.show(observer);
        bytes
    }

    /// The second half of a turn, observed.
    pub(super) fn echo(&mut self, received: &[u8], observer: &mut impl Observer) -> TurnEnd {
        let Self {
            connection,
            idle_ticks,
            id,
            ..
        } = self;
        let end = connection.echo(received, &mut |event| {
            emit(observer, *id, idle_ticks, event);
        });
        self.show(observer);
        if end == TurnEnd::Yielded {
            observer.yielded(self.id);
        }
        end
    }

    /// Reports the state of the connection.
    pub(super) fn show(&self, observer: &mut impl Observer) {
        observer.readiness_changed(self.id, self.connection.readiness());
        observer.phase_changed(self.id, self.connection.phase());
    }

    /// A stop was requested: what the kernel has received by now is still to be echoed.
    pub(super) fn drain(&mut self) {
        self.connection
            .drain(unread_bytes(self.connection.stream()));
    }

    /// What is reported of a connection that is over.
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

fn emit(
    observer: &mut impl Observer,
    id: ConnectionId,
    idle_ticks: &mut IdleTicks,
    event: ConnectionEvent,
) {
    if matches!(
        event,
        ConnectionEvent::Read { .. } | ConnectionEvent::Wrote { .. }
    ) {
        idle_ticks.reset();
    }
    observer.on_event(id, event);
}

impl Stream for TcpStream {
    fn send_fin(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
