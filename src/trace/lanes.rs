//! From records to lanes: which value held from when to when, for the timeline and for Perfetto.

use super::record::{Event, Lane, PhaseName, Record};
use super::snapshot::Snapshot;
use crate::server::{BlockingCall, LoopPhase};
use crate::text::address::Address;
use std::collections::BTreeMap;
use std::ops::Range;

/// A time during which a value held. Times are nanoseconds since the trace began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span<T> {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) value: T,
}

/// One iteration of the loop, from one wait to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoopIteration {
    /// When the wait began.
    pub(super) from: u64,
    /// When the wait was over; `None` if the trace ends before.
    pub(super) woke: Option<u64>,
    /// Whether the wait was given no time: it only collected what was ready.
    pub(super) polls: bool,
    /// The phases in which something happened, and when the loop entered them.
    pub(super) phases: Vec<(u64, LoopPhase)>,
    /// When the next wait began, or the trace ended.
    pub(super) to: u64,
    /// Its records, by their position in the trace.
    pub(super) records: Range<usize>,
}

/// The lane of one connection.
#[derive(Debug)]
pub(super) struct ConnectionLane {
    pub(super) number: u64,
    pub(super) peer: Option<Address>,
    /// Why it was closed, if it was before the trace ended.
    pub(super) close_reason: Option<String>,
    pub(super) phases: Vec<Span<PhaseName>>,
    pub(super) readable: Vec<Span<bool>>,
    pub(super) writable: Vec<Span<bool>>,
    pub(super) calls: Vec<Span<Option<BlockingCall>>>,
    pub(super) pending: Vec<Span<usize>>,
    /// Bytes received and not yet read, if they were looked at.
    pub(super) unread: Vec<Span<usize>>,
    /// Bytes written and not yet acknowledged, while that is known.
    pub(super) unacknowledged: Vec<Span<Option<usize>>>,
}

/// All lanes of a trace.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) iterations: Vec<LoopIteration>,
    pub(super) connections: Vec<ConnectionLane>,
    /// When the trace ended.
    pub(super) end: u64,
}

impl Lanes {
    /// The lanes of `records`, which must be in the order of time.
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
            iterations: iterations(records, end),
            connections,
            end,
        }
    }
}

fn iterations(records: &[Record], end: u64) -> Vec<LoopIteration> {
    let mut iterations: Vec<LoopIteration> = Vec::new();
    for (index, Record { at, event, .. }) in records.iter().enumerate() {
        if let Some(current) = iterations.last_mut() {
            match event {
                Event::Waiting { .. } => (current.to, current.records.end) = (*at, index),
                Event::Woke { .. } => current.woke = Some(*at),
                Event::PhaseEntered { phase } => current.phases.push((*at, *phase)),
                _ => {}
            }
        }
        if let Event::Waiting { timeout_ns } = event {
            iterations.push(LoopIteration {
                from: *at,
                woke: None,
                polls: *timeout_ns == Some(0),
                phases: Vec::new(),
                to: end,
                records: index..records.len(),
            });
        }
    }
    iterations
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

    /// Keeps the value as a span that ends now, unless it is empty.
    fn close(&mut self, to: u64) {
        let (from, value) = (self.since, self.value);
        if from < to {
            self.past.push(Span { from, to, value });
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
    snapshot: Snapshot,
    phase: Track<PhaseName>,
    readable: Track<bool>,
    writable: Track<bool>,
    call: Track<Option<BlockingCall>>,
    pending: Track<usize>,
    unread: Track<usize>,
    unacknowledged: Track<Option<usize>>,
}

impl Tracks {
    fn new(at: u64) -> Self {
        let snapshot = Snapshot::default();
        Self {
            phase: Track::new(at, snapshot.phase),
            readable: Track::new(at, snapshot.readable),
            writable: Track::new(at, snapshot.writable),
            call: Track::new(at, snapshot.call),
            pending: Track::new(at, snapshot.pending),
            unread: Track::new(at, 0),
            unacknowledged: Track::new(at, snapshot.unacknowledged),
            snapshot,
        }
    }

    fn apply(&mut self, at: u64, event: &Event) {
        self.snapshot.apply(event);
        self.phase.set(at, self.snapshot.phase);
        self.readable.set(at, self.snapshot.readable);
        self.writable.set(at, self.snapshot.writable);
        self.call.set(at, self.snapshot.call);
        self.pending.set(at, self.snapshot.pending);
        self.unread.set(at, self.snapshot.unread.unwrap_or(0));
        self.unacknowledged.set(at, self.snapshot.unacknowledged);
    }

    fn end(self, number: u64, at: u64) -> ConnectionLane {
        ConnectionLane {
            number,
            peer: self.snapshot.peer.clone(),
            close_reason: self.snapshot.close_reason,
            phases: self.phase.end(at),
            readable: self.readable.end(at),
            writable: self.writable.end(at),
            calls: self.call.end(at),
            pending: self.pending.end(at),
            unread: self.unread.end(at),
            unacknowledged: self.unacknowledged.end(at),
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
    fn an_iteration_lasts_from_one_wait_to_the_next() {
        let phase = LoopPhase::Read;
        let records = [
            record(1, 0, Event::Waiting { timeout_ns: None }),
            record(5, 0, Event::Woke { events: 1 }),
            record(6, 0, Event::PhaseEntered { phase }),
            record(7, 1, Event::Read { bytes: 1 }),
            record(9, 0, Event::Waiting { timeout_ns: None }),
        ];
        let first = LoopIteration {
            from: 1,
            woke: Some(5),
            polls: false,
            phases: vec![(6, phase)],
            to: 9,
            records: 0..4,
        };
        let second = LoopIteration {
            from: 9,
            woke: None,
            polls: false,
            phases: Vec::new(),
            to: 9,
            records: 4..5,
        };
        assert_eq!(Lanes::of(&records).iterations, [first, second]);
    }

    #[test]
    fn readiness_holds_until_it_changes_and_no_longer_than_the_connection() {
        let changed = |readable| Event::ReadinessChanged {
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
            record(3, 4, changed(true)),
            record(6, 4, changed(false)),
            record(8, 4, closed),
            record(9, 0, Event::Ended),
        ];
        let lanes = Lanes::of(&records);
        let lane = &lanes.connections[0];
        let spans = [(1, 3, false), (3, 6, true), (6, 8, false)];
        let expected = spans.map(|(from, to, value)| Span { from, to, value });
        assert_eq!(lane.readable, expected);
        assert_eq!(
            lane.peer.as_ref().map(ToString::to_string).as_deref(),
            Some("127.0.0.1:7")
        );
        assert_eq!(lanes.end, 9);
    }
}
