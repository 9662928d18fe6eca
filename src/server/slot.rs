//! What the event loop keeps for one connection.

use super::delivery::Deliveries;
use super::idle::IdleTicks;
use super::kernel::Socket;
use super::observer::{ConnectionId, ConnectionSummary, Observer};
use super::proxy_header::ProxyHeader;
use super::walk::Visited;
use crate::connection::{Connection, ConnectionEvent, Deadline, Phase, Reason, TurnEnd};
use crate::readiness::{EventFlags, Evidence, Readiness};
use crate::text::address::Address;
use std::time::Duration;

/// One connection's entry in the slab. A connection whose peer keeps up uses no other memory of the server, so every byte
/// here counts once per connection.
#[derive(Debug)]
pub(super) struct Slot<S> {
    pub(super) connection: Connection<S>,
    idle_ticks: IdleTicks,
    id: ConnectionId,
    peer: Address,
}

impl<S: Socket> Slot<S> {
    pub(super) fn new(id: ConnectionId, peer: Address, socket: S) -> Self {
        Self {
            connection: Connection::with_readiness(socket, readiness_at_start(&peer)),
            idle_ticks: IdleTicks::default(),
            id,
            peer,
        }
    }

    /// Its number.
    #[cfg(test)]
    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Its count of idle ticks, for a simulation to change.
    #[cfg(test)]
    pub(super) fn idle_ticks(&mut self) -> &mut IdleTicks {
        &mut self.idle_ticks
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
            peer,
        } = self;
        let bytes = connection.receive(room, &mut |event| emit(observer, *id, idle_ticks, event));
        if let Some(header) = connection.stream_mut().take_proxy_header() {
            idle_ticks.reset();
            observer.proxy_header(*id, peer, header);
            if let ProxyHeader::Peer(real) = header {
                *peer = Address::Inet(real);
            }
        }
        if let Some(bytes) = connection.stream_mut().take_banner() {
            observer.banner_sent(*id, bytes);
        }
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
        self.show_socket(observer);
    }

    /// Reports the acceptance of the connection.
    pub(super) fn show_acceptance(&self, observer: &mut impl Observer) {
        self.show_socket(observer);
        if let Some(socket) = self.connection.stream().descriptor() {
            observer.socket_accepted(self.id, socket);
        }
        observer.accepted(self.id, &self.peer);
    }

    /// Shows the socket to an observer that wants to see it.
    fn show_socket(&self, observer: &mut impl Observer) {
        if observer.observes_sockets()
            && let Some(socket) = self.connection.stream().descriptor()
        {
            observer.socket_seen(self.id, socket);
        }
    }

    /// A tick of the idle clock, for a connection that is not on the run queue.
    ///
    /// A write is worth another try at each tick: an event reports room only when a good part of the send buffer is free,
    /// but a write uses any room, so the attempt shows that a slow reader makes progress.
    pub(super) fn note_idle_tick(
        &mut self,
        timeout: Duration,
        deliveries: &mut Deliveries,
    ) -> Visited {
        let is_due = self.idle_ticks.tick();
        if is_due && self.waits_for_peer(timeout, deliveries) {
            self.connection.time_out(Deadline::Idle);
            Visited::WorthATurn
        } else if self.connection.pending() > 0 {
            self.connection.probe();
            Visited::WorthATurn
        } else if is_due {
            Visited::Asked
        } else {
            Visited::Unchanged
        }
    }

    /// Whether it is the peer's turn, and the kernel has delivered nothing for the length of the idle timeout.
    ///
    /// If there are bytes that could be read, the peer waits for this server: their event has not been noted yet.
    fn waits_for_peer(&mut self, timeout: Duration, deliveries: &mut Deliveries) -> bool {
        let stream = self.connection.stream();
        if self.connection.pending() == 0 && stream.unread_bytes().unwrap_or(0) > 0 {
            return false;
        }
        let delivery = stream.delivery(deliveries);
        !self.idle_ticks.note_delivery(delivery, timeout)
    }

    /// A stop was requested: what the kernel has received by now is still to be echoed. A connection that is already
    /// draining goes on.
    pub(super) fn drain(&mut self) -> Visited {
        if self.connection.phase() != Phase::Open {
            return Visited::Unchanged;
        }
        // If the kernel cannot report the number, assume more than there can be: drain until nothing comes.
        let unread = self.connection.stream().unread_bytes().unwrap_or(u32::MAX);
        self.connection.drain(unread);
        Visited::WorthATurn
    }

    /// The time for the drain is over: ends the connection.
    pub(super) fn expire(&mut self) -> Visited {
        self.connection.time_out(Deadline::Drain);
        Visited::WorthATurn
    }

    /// Closes the socket of a connection that is over.
    pub(super) fn close(self, reason: Reason) -> ConnectionSummary {
        if self.connection.is_incomplete() {
            self.connection.stream().reset_on_close();
        }
        ConnectionSummary {
            id: self.id,
            peer: self.peer,
            bytes_in: self.connection.bytes_in(),
            bytes_out: self.connection.bytes_out(),
            reason,
        }
    }
}

/// What is known of a new socket, with the evidence that the kind of the socket allows: see [`Evidence::OF_READS`].
fn readiness_at_start(peer: &Address) -> Readiness {
    let of_reads = match peer {
        Address::Inet(_) => Evidence::OF_READS,
        Address::Unix(_) => Evidence::WouldBlock,
    };
    Readiness::with_evidence(of_reads, Evidence::OF_WRITES)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Step;
    use crate::server::limits::IDLE_TICKS;
    use mio::net::TcpStream;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{self, Ipv4Addr};

    /// A tick of a timeout so short that no delivery is within it.
    fn tick(slot: &mut Slot<TcpStream>) -> bool {
        slot.note_idle_tick(Duration::ZERO, &mut Deliveries::default()) == Visited::WorthATurn
    }

    /// A slot, and the peer of its connection.
    fn slot() -> (Slot<TcpStream>, net::TcpStream) {
        let listener = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let slot = Slot::new(ConnectionId(1), address.into(), TcpStream::from_std(stream));
        (slot, peer)
    }

    /// Has the connection receive bytes that it cannot write: its send buffer is full.
    fn leave_bytes_pending(slot: &mut Slot<TcpStream>, peer: &mut net::TcpStream) {
        while slot.connection.pending() == 0 {
            let mut stream = slot.connection.stream();
            while stream.write(&[0; 8 << 10]).is_ok() {}
            peer.write_all(&[1; 1 << 10]).unwrap();
            let mut room = [0; 1 << 10];
            slot.connection.probe();
            let bytes = slot.receive(&mut room, &mut ());
            slot.echo(&room[..bytes], &mut ());
        }
    }

    fn idle_ticks_until_timeout(slot: &mut Slot<TcpStream>) {
        for _ in 0..100 {
            tick(slot);
        }
        let timed_out = Phase::Closed(Reason::TimedOut(Deadline::Idle));
        assert_eq!(slot.connection.phase(), timed_out);
    }

    #[test]
    fn a_connection_that_times_out_with_bytes_pending_is_reset() {
        let (mut slot, mut peer) = slot();
        leave_bytes_pending(&mut slot, &mut peer);
        idle_ticks_until_timeout(&mut slot);
        slot.close(Reason::TimedOut(Deadline::Idle));
        let end = peer.read_to_end(&mut Vec::new());
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_connection_that_times_out_with_nothing_pending_ends_in_order() {
        let (mut slot, mut peer) = slot();
        idle_ticks_until_timeout(&mut slot);
        slot.close(Reason::TimedOut(Deadline::Idle));
        assert_eq!(peer.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn received_bytes_that_wait_for_this_server_keep_a_connection_from_being_idle() {
        let (mut slot, mut peer) = slot();
        peer.write_all(b"!").unwrap();
        while slot.connection.stream().unread_bytes() == Some(0) {}
        for _ in 0..100 {
            assert!(!tick(&mut slot), "the byte is not read yet");
        }
        slot.connection.probe();
        assert_eq!(slot.receive(&mut [0; 8], &mut ()), 1);
    }

    /// Elsewhere the kernel does not report it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_the_kernel_still_delivers_to_is_not_idle() {
        let (mut slot, _peer) = slot();
        let tick_often = |slot: &mut Slot<TcpStream>| {
            let hour = Duration::from_hours(1);
            for _ in 0..IDLE_TICKS {
                let visited = slot.note_idle_tick(hour, &mut Deliveries::default());
                assert_eq!(visited, Visited::Unchanged);
            }
            slot.note_idle_tick(hour, &mut Deliveries::default())
        };
        for _ in 0..3 {
            slot.connection.stream().write_all(b"!").unwrap();
            assert_eq!(tick_often(&mut slot), Visited::Asked);
        }
        let visited = tick_often(&mut slot);
        assert_eq!(visited, Visited::WorthATurn, "nothing new was delivered");
    }

    #[test]
    fn both_a_read_and_a_write_are_activity() {
        let (mut slot, mut peer) = slot();
        let mut room = [0; 8];
        let tick_until_nearly_idle = |slot: &mut Slot<TcpStream>| {
            for _ in 0..IDLE_TICKS {
                tick(slot);
            }
            assert_eq!(slot.connection.phase(), Phase::Open);
        };
        tick_until_nearly_idle(&mut slot);
        peer.write_all(b"!").unwrap();
        while slot.connection.stream().unread_bytes() == Some(0) {}
        slot.connection.probe();
        assert_eq!(slot.receive(&mut room, &mut ()), 1);
        tick_until_nearly_idle(&mut slot);
        assert_eq!(slot.echo(&room[..1], &mut ()), TurnEnd::Yielded);
        tick_until_nearly_idle(&mut slot);
    }

    #[test]
    fn bytes_that_are_discarded_behind_our_fin_are_no_activity() {
        let (mut slot, mut peer) = slot();
        assert_eq!(slot.drain(), Visited::WorthATurn);
        assert_eq!(slot.drain(), Visited::Unchanged, "it takes part already");
        let mut room = [0; 8];
        slot.receive(&mut room, &mut ());
        slot.echo(&[], &mut ());
        assert_eq!(slot.connection.phase(), Phase::Lingering);
        for _ in 0..IDLE_TICKS {
            peer.write_all(b"!").unwrap();
            while slot.connection.stream().unread_bytes() == Some(0) {}
            slot.connection.probe();
            slot.receive(&mut room, &mut ());
            assert!(!tick(&mut slot));
        }
        assert!(tick(&mut slot), "it has been idle for a timeout");
    }

    #[test]
    fn a_slow_reader_has_one_write_at_each_tick() {
        let (mut slot, mut peer) = slot();
        leave_bytes_pending(&mut slot, &mut peer);
        assert_eq!(slot.connection.next_step(), Step::Park);
        assert!(tick(&mut slot));
        assert_eq!(slot.connection.next_step(), Step::Flush);
    }

    /// Counts yields.
    #[derive(Clone, Default)]
    struct Yields(usize);

    impl Observer for Yields {
        fn yielded(&mut self, _id: ConnectionId) {
            self.0 += 1;
        }

        fn banner_sent(&mut self, _id: ConnectionId, _bytes: usize) {
            unreachable!("this connection has no banner");
        }
    }

    #[test]
    fn a_turn_that_ends_with_more_to_do_is_reported_once() {
        let (mut slot, mut peer) = slot();
        let (mut yields, mut room) = (Yields::default(), [0; 4]);
        peer.write_all(b"sixteen bytes...").unwrap();
        while slot.connection.stream().unread_bytes() != Some(16) {}
        slot.connection.probe();
        let bytes = slot.receive(&mut room, &mut yields);
        slot.echo(&room[..bytes], &mut yields);
        assert_eq!((bytes, yields.0), (4, 1));
    }
}
