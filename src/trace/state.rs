//! From records to states: how a connection stands at an instant.

use super::record::{Event, Lane, PhaseName, Record};
use crate::server::BlockingCall;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How one connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Where it came from, if its acceptance was recorded.
    pub peer: Option<SocketAddr>,
    /// Where it stands in its life.
    pub phase: PhaseName,
    /// The server believes that a read is worth a system call. Says nothing in threads mode.
    pub readable: bool,
    /// The server believes that a write is worth a system call. Says nothing in threads mode.
    pub writable: bool,
    /// Bytes that were read and that the kernel has not taken yet. While a turn is under way, what was
    /// heard and is not answered yet does not count.
    pub owed: usize,
    /// Bytes read, and to be echoed.
    pub bytes_in: u64,
    /// Bytes that the kernel took for the peer.
    pub bytes_out: u64,
    /// The call that its thread is in. Threads mode only.
    pub call: Option<BlockingCall>,
    /// Why it is over, if it is.
    pub ending: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            peer: None,
            phase: PhaseName::Open,
            readable: false,
            writable: true,
            owed: 0,
            bytes_in: 0,
            bytes_out: 0,
            call: None,
            ending: None,
        }
    }
}

impl State {
    /// What `event`, on the lane of this connection, makes of it.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Accepted { peer } => self.peer = Some(*peer),
            Event::Believes { readable, writable } => {
                (self.readable, self.writable) = (*readable, *writable);
            }
            Event::Phase { to, .. } => self.phase = *to,
            Event::Calls { call } => self.call = Some(*call),
            Event::Queued { bytes } => self.owed = *bytes,
            Event::Read { bytes } => {
                self.call = None;
                self.bytes_in = self.bytes_in.saturating_add(*bytes as u64);
            }
            Event::Wrote { bytes, offered } => {
                self.call = None;
                self.owed = offered.saturating_sub(*bytes);
                self.bytes_out = self.bytes_out.saturating_add(*bytes as u64);
            }
            Event::Closed { reason, .. } => {
                self.call = None;
                self.ending = Some(reason.clone());
            }
            Event::ReadWouldBlock
            | Event::WriteWouldBlock
            | Event::PeerFinished
            | Event::Discarded { .. }
            | Event::FinSent => self.call = None,
            Event::Hinted(_)
            | Event::Paused
            | Event::Resumed
            | Event::Yielded
            | Event::Waits { .. }
            | Event::Woke { .. }
            | Event::Called { .. }
            | Event::Enters { .. }
            | Event::AcceptFailed { .. }
            | Event::Refused { .. }
            | Event::AcceptPaused { .. }
            | Event::AcceptResumed
            | Event::Stopping { .. }
            | Event::Ended
            | Event::LimitReached { .. } => {}
        }
    }
}

/// How every connection stands after all records up to `instant`, in nanoseconds since the trace began;
/// those that are over by then included.
pub fn at(records: &[Record], instant: u64) -> BTreeMap<u64, State> {
    let mut states: BTreeMap<u64, State> = BTreeMap::new();
    for record in records.iter().take_while(|record| record.at <= instant) {
        if let Lane::Connection(number) = record.lane {
            states.entry(number).or_default().apply(&record.event);
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_what_the_last_write_left() {
        let mut state = State::default();
        let offered = 100;
        state.apply(&Event::Read { bytes: offered });
        state.apply(&Event::Wrote { bytes: 60, offered });
        assert_eq!(state.owed, 40);
        state.apply(&Event::Queued { bytes: 40 });
        state.apply(&Event::Wrote {
            bytes: 40,
            offered: 40,
        });
        assert_eq!((state.owed, state.bytes_in, state.bytes_out), (0, 100, 100));
    }

    #[test]
    fn a_state_is_that_of_its_instant() {
        let record = |at, event| Record {
            at,
            lane: Lane::Connection(3),
            event,
        };
        let believes = |readable, writable| Event::Believes { readable, writable };
        let records = [
            record(10, believes(true, true)),
            record(20, Event::Read { bytes: 5 }),
            record(20, believes(false, true)),
            record(30, believes(false, false)),
        ];
        let beliefs = [9, 10, 20, 30].map(|instant| {
            let states = at(&records, instant);
            states.get(&3).map(|state| (state.readable, state.writable))
        });
        let expected = [
            None,
            Some((true, true)),
            Some((false, true)),
            Some((false, false)),
        ];
        assert_eq!(beliefs, expected);
    }
}
