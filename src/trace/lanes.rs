//! From records to lanes: what held from when to when, for whoever draws it.

use super::record::{Event, Lane, PhaseName, Record};
use super::state::State;
use crate::server::{BlockingCall, LoopPhase};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Something that held for a while. Times are nanoseconds since the trace began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span<T> {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) what: T,
}

/// One turn of the loop: it waits, it wakes, it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) waits: u64,
    /// When it woke; none if the trace ends before.
    pub(super) woke: Option<u64>,
    /// The phases in which something happened, and when they were entered.
    pub(super) parts: Vec<(u64, LoopPhase)>,
    pub(super) to: u64,
    /// The records of the turn: from this one …
    pub(super) first: usize,
    /// … to the one before this.
    pub(super) end: usize,
}

/// What one connection went through.
#[derive(Debug)]
pub(super) struct ConnectionLane {
    pub(super) number: u64,
    pub(super) peer: Option<SocketAddr>,
    /// Why it ended, if it did before the trace.
    pub(super) ending: Option<String>,
    pub(super) phases: Vec<Span<PhaseName>>,
    pub(super) readable: Vec<Span<bool>>,
    pub(super) writable: Vec<Span<bool>>,
    pub(super) calls: Vec<Span<Option<BlockingCall>>>,
    pub(super) owed: Vec<Span<usize>>,
}

/// A whole trace.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) turns: Vec<Turn>,
    pub(super) connections: Vec<ConnectionLane>,
    /// When the trace ended.
    pub(super) end: u64,
}

impl Lanes {
    /// The lanes of `records`, which are in the order of time.
    pub(super) fn of(records: &[Record]) -> Self {
        let end = records.last().map_or(0, |last| last.at);
        let mut open: BTreeMap<u64, Tracks> = BTreeMap::new();
        let mut connections = Vec::new();
        for Record { at, lane, event } in records {
            let Lane::Connection(number) = *lane else {
                continue;
            };
            let tracks = open.entry(number).or_insert_with(|| Tracks::new(*at));
            tracks.apply(*at, event);
            if matches!(event, Event::Closed { .. })
                && let Some(tracks) = open.remove(&number)
            {
                connections.push(tracks.end(number, *at));
            }
        }
        let unfinished = open
            .into_iter()
            .map(|(number, tracks)| tracks.end(number, end));
        connections.extend(unfinished);
        connections.sort_by_key(|lane| lane.number);
        Self {
            turns: turns(records, end),
            connections,
            end,
        }
    }
}

fn turns(records: &[Record], end: u64) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        if let Some(turn) = turns.last_mut() {
            match (record.lane, &record.event) {
                (Lane::Loop, Event::Waits { .. }) => {
                    (turn.to, turn.end) = (record.at, index);
                }
                (Lane::Loop, Event::Woke { .. }) => turn.woke = Some(record.at),
                (Lane::Loop, Event::Enters { part }) => turn.parts.push((record.at, *part)),
                _ => {}
            }
        }
        if matches!(record.event, Event::Waits { .. }) {
            turns.push(Turn {
                waits: record.at,
                woke: None,
                parts: Vec::new(),
                to: end,
                first: index,
                end: records.len(),
            });
        }
    }
    turns
}

/// A value that holds until it changes.
#[derive(Debug)]
struct Track<T> {
    since: u64,
    value: T,
    past: Vec<Span<T>>,
}

impl<T: Copy + PartialEq> Track<T> {
    fn new(since: u64, value: T) -> Self {
        let past = Vec::new();
        Self { since, value, past }
    }

    fn set(&mut self, at: u64, value: T) {
        if value != self.value {
            self.close(at);
            (self.since, self.value) = (at, value);
        }
    }

    /// Keeps what held up to now, if it held for any time at all.
    fn close(&mut self, to: u64) {
        let (from, what) = (self.since, self.value);
        if from < to {
            self.past.push(Span { from, to, what });
        }
    }

    fn end(mut self, at: u64) -> Vec<Span<T>> {
        self.close(at);
        self.past
    }
}

/// The tracks of one connection.
#[derive(Debug)]
struct Tracks {
    state: State,
    phase: Track<PhaseName>,
    readable: Track<bool>,
    writable: Track<bool>,
    call: Track<Option<BlockingCall>>,
    owed: Track<usize>,
}

impl Tracks {
    fn new(at: u64) -> Self {
        let state = State::default();
        Self {
            phase: Track::new(at, state.phase),
            readable: Track::new(at, state.readable),
            writable: Track::new(at, state.writable),
            call: Track::new(at, state.call),
            owed: Track::new(at, state.owed),
            state,
        }
    }

    fn apply(&mut self, at: u64, event: &Event) {
        self.state.apply(event);
        self.phase.set(at, self.state.phase);
        self.readable.set(at, self.state.readable);
        self.writable.set(at, self.state.writable);
        self.call.set(at, self.state.call);
        self.owed.set(at, self.state.owed);
    }

    fn end(self, number: u64, at: u64) -> ConnectionLane {
        ConnectionLane {
            number,
            peer: self.state.peer,
            ending: self.state.ending,
            phases: self.phase.end(at),
            readable: self.readable.end(at),
            writable: self.writable.end(at),
            calls: self.call.end(at),
            owed: self.owed.end(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: u64, lane: u64, event: Event) -> Record {
        let lane = lane.into();
        Record { at, lane, event }
    }

    #[test]
    fn a_turn_lasts_from_one_wait_to_the_next() {
        let hears = Event::Enters {
            part: LoopPhase::Read,
        };
        let records = [
            record(1, 0, Event::Waits { timeout: None }),
            record(5, 0, Event::Woke { events: 1 }),
            record(6, 0, hears),
            record(7, 1, Event::Read { bytes: 1 }),
            record(9, 0, Event::Waits { timeout: None }),
        ];
        let first = Turn {
            waits: 1,
            woke: Some(5),
            parts: vec![(6, LoopPhase::Read)],
            to: 9,
            first: 0,
            end: 4,
        };
        let second = Turn {
            waits: 9,
            woke: None,
            parts: Vec::new(),
            to: 9,
            first: 4,
            end: 5,
        };
        assert_eq!(Lanes::of(&records).turns, [first, second]);
    }

    #[test]
    fn a_belief_holds_until_it_changes_and_no_longer_than_the_connection() {
        let believes = |readable| Event::Believes {
            readable,
            writable: true,
        };
        let closed = Event::Closed {
            reason: "finished".to_owned(),
            bytes_in: 0,
            bytes_out: 0,
        };
        let peer = "127.0.0.1:7".parse().unwrap();
        let records = [
            record(1, 4, Event::Accepted { peer }),
            record(3, 4, believes(true)),
            record(6, 4, believes(false)),
            record(8, 4, closed),
            record(9, 0, Event::Ended),
        ];
        let lanes = Lanes::of(&records);
        let lane = &lanes.connections[0];
        let spans = [(1, 3, false), (3, 6, true), (6, 8, false)];
        let expected = spans.map(|(from, to, what)| Span { from, to, what });
        assert_eq!(lane.readable, expected);
        assert_eq!((lane.peer, lanes.end), (Some(peer), 9));
    }
}
