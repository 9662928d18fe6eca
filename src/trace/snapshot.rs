//! The state of each connection at an instant, derived from the records up to it.

use super::record::{Event, Lane, PhaseName, Record};
use crate::server::BlockingCall;
use crate::text::address::Address;
use std::collections::BTreeMap;

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The peer's address, if the acceptance was recorded.
    pub peer: Option<Address>,
    /// The phase of its life.
    pub phase: PhaseName,
    /// The loop remembers that a read is worth a system call. Meaningless in threads mode.
    pub readable: bool,
    /// The loop remembers that a write is worth a system call. Meaningless in threads mode.
    pub writable: bool,
    /// Bytes that were offered to the kernel and not taken. During a turn, bytes that were read and not yet
    /// offered do not count.
    pub pending: usize,
    /// Bytes received by the kernel and not yet read, as last looked at; `None` if they were never looked at.
    pub unread: Option<usize>,
    /// Bytes taken by the kernel and not yet acknowledged by the peer's, as last looked at; `None` if that is not known.
    pub unacknowledged: Option<usize>,
    /// Reading is paused because bytes are pending.
    pub read_paused: bool,
    /// Bytes received to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    pub bytes_out: u64,
    /// The blocking call that its thread is in. Threads mode only.
    pub call: Option<BlockingCall>,
    /// Why it was closed, if it was.
    pub close_reason: Option<String>,
}

/// A connection that has just been accepted.
impl Default for Snapshot {
    fn default() -> Self {
        Self {
            peer: None,
            phase: PhaseName::Open,
            readable: false,
            writable: true,
            pending: 0,
            unread: None,
            unacknowledged: None,
            read_paused: false,
            bytes_in: 0,
            bytes_out: 0,
            call: None,
            close_reason: None,
        }
    }
}

impl Snapshot {
    /// Applies the next event on the lane of this connection.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Accepted { peer } => self.peer = Some(peer.clone()),
            Event::ReadinessChanged { readable, writable } => {
                (self.readable, self.writable) = (*readable, *writable);
            }
            Event::PhaseChanged { to, .. } => self.phase = *to,
            Event::BlockingCall { call } => self.call = Some(*call),
            Event::Queued { bytes } => self.pending = *bytes,
            Event::Unread { bytes } => self.unread = Some(*bytes),
            Event::Unacknowledged { bytes } => self.unacknowledged = Some(*bytes),
            Event::ReadPaused => self.read_paused = true,
            Event::ReadResumed => self.read_paused = false,
            Event::Read { bytes } => {
                self.call = None;
                self.bytes_in = self.bytes_in.saturating_add(*bytes as u64);
            }
            Event::Wrote { bytes, offered } => {
                self.call = None;
                self.pending = offered.saturating_sub(*bytes);
                self.bytes_out = self.bytes_out.saturating_add(*bytes as u64);
            }
            Event::Closed { reason, .. } => {
                self.call = None;
                self.close_reason = Some(reason.clone());
            }
            Event::ReadWouldBlock
            | Event::WriteWouldBlock
            | Event::PeerFinished
            | Event::Discarded { .. }
            | Event::FinSent => self.call = None,
            Event::ProxyHeader { .. }
            | Event::ProxyHeaderMissing { .. }
            | Event::BannerSent { .. }
            | Event::FlagsReported { .. }
            | Event::Yielded
            | Event::Waiting { .. }
            | Event::Woke { .. }
            | Event::WokenBy { .. }
            | Event::PhaseEntered { .. }
            | Event::AcceptFailed { .. }
            | Event::Refused { .. }
            | Event::AcceptPaused { .. }
            | Event::AcceptResumed
            | Event::DatagramReceived { .. }
            | Event::DatagramReplied { .. }
            | Event::DatagramRefused { .. }
            | Event::ReplyLost { .. }
            | Event::ReceiveFailed { .. }
            | Event::Stopping { .. }
            | Event::Ended
            | Event::TraceLimitReached { .. } => {}
        }
    }
}

/// The state of every connection, by its number, after all records up to `instant`, in nanoseconds since the
/// trace began. Includes the connections that are closed by then.
pub fn at(records: &[Record], instant: u64) -> BTreeMap<u64, Snapshot> {
    let mut connections: BTreeMap<u64, Snapshot> = BTreeMap::new();
    for record in records.iter().take_while(|record| record.at <= instant) {
        if let Lane::Connection(number) = record.lane {
            connections.entry(number).or_default().apply(&record.event);
        }
    }
    connections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_bytes_are_those_that_the_last_write_left() {
        let mut connection = Snapshot::default();
        connection.apply(&Event::Read { bytes: 100 });
        connection.apply(&wrote(60, 100));
        assert_eq!(connection.pending, 40);
        connection.apply(&Event::Queued { bytes: 40 });
        connection.apply(&wrote(40, 40));
        let Snapshot {
            pending,
            bytes_in,
            bytes_out,
            ..
        } = connection;
        assert_eq!((pending, bytes_in, bytes_out), (0, 100, 100));
    }

    fn wrote(bytes: usize, offered: usize) -> Event {
        Event::Wrote { bytes, offered }
    }

    #[test]
    fn a_snapshot_includes_the_records_of_its_instant() {
        let record = |at, event| Record {
            at,
            lane: Lane::Connection(3),
            event,
        };
        let changed = |readable, writable| Event::ReadinessChanged { readable, writable };
        let records = [
            record(10, changed(true, true)),
            record(20, Event::Read { bytes: 5 }),
            record(20, changed(false, true)),
            record(30, changed(false, false)),
        ];
        let readiness = [9, 10, 20, 30].map(|instant| {
            let connections = at(&records, instant);
            connections.get(&3).map(|one| (one.readable, one.writable))
        });
        let expected = [
            None,
            Some((true, true)),
            Some((false, true)),
            Some((false, false)),
        ];
        assert_eq!(readiness, expected);
    }
}
