//! The data of the page: the trace in the shape in which it is drawn. Records are columns of numbers, and
//! texts that many records share are stored once.

use super::source::SourceLines;
use crate::server::{BlockingCall, LoopPhase, Mode};
use crate::trace::explain::EventKind;
use crate::trace::header::Header;
use crate::trace::json_lines::Trace;
use crate::trace::lanes::{ConnectionLane, Lanes, LoopIteration, Span};
use crate::trace::record::{Event, Lane, PhaseName, Record};
use serde::Serialize;
use std::collections::HashMap;
use std::hash::Hash;

/// Everything that the page knows. Times are nanoseconds since the trace began.
#[derive(Debug, Serialize)]
pub(super) struct Data<'trace> {
    header: &'trace Header,
    /// The URL of the guide, for links to its chapters; without it they are only named.
    guide: Option<&'trace str>,
    end: u64,
    /// The kinds of event that occur, each once.
    kinds: Vec<EventKind>,
    /// The wordings that occur, each once.
    texts: Vec<String>,
    records: Records,
    steps: Vec<TimelineStep>,
    lanes: Vec<LaneData>,
    /// The lines of this program's server; none if it was a server of the lab.
    source: Option<SourceLines>,
}

/// The records, a column for each of their properties.
#[derive(Debug, Default, Serialize)]
struct Records {
    at: Vec<u64>,
    /// An index into the lanes: 0 is the loop, the connections follow, then the datagrams, if there are any.
    lane: Vec<usize>,
    /// An index into the kinds.
    kind: Vec<usize>,
    /// An index into the texts.
    text: Vec<usize>,
    /// The number of bytes that moved.
    bytes: Vec<usize>,
}

/// What one press of an arrow key moves by: an iteration of the loop, or in threads mode a record.
#[derive(Debug, Serialize)]
struct TimelineStep {
    from: u64,
    /// When the wait was over and the work began.
    woke: u64,
    /// Whether the wait was given no time, and so did not sleep.
    polls: bool,
    to: u64,
    /// Its first record.
    first: usize,
    /// The record after its last one.
    end: usize,
    phases: Vec<(u64, LoopPhase)>,
}

#[derive(Debug, Default, Serialize)]
struct LaneData {
    name: String,
    /// Whether it is the lane of all datagrams, which belong to no connection.
    has_datagrams: bool,
    peer: Option<String>,
    close_reason: Option<String>,
    phases: Vec<(u64, u64, String)>,
    readable: Vec<(u64, u64)>,
    writable: Vec<(u64, u64)>,
    /// The blocking calls, by name.
    calls: Vec<(u64, u64, String)>,
    pending: Vec<(u64, u64, usize)>,
    unread: Vec<(u64, u64, usize)>,
    /// Here 0 is a value like any other: without one, it is not known.
    unacknowledged: Vec<(u64, u64, usize)>,
}

impl<'trace> Data<'trace> {
    pub(super) fn of(trace: &'trace Trace, guide: Option<&'trace str>) -> Self {
        let Trace { header, records } = trace;
        let Lanes {
            iterations,
            connections,
            end,
        } = Lanes::of(records);
        let (mut kinds, mut texts) = (
            Distinct::<&'static str, EventKind>::default(),
            Distinct::default(),
        );
        let columns = Records::of(records, &connections, &mut kinds, &mut texts);
        let steps = match header.mode {
            Mode::EventLoop => iterations.iter().map(TimelineStep::iteration).collect(),
            Mode::Threads => TimelineStep::per_record(records, end),
        };
        let mut lanes = vec![LaneData::of_loop(header.mode, &iterations)];
        let drawn = |lane| LaneData::of_connection(header.mode, lane);
        lanes.extend(connections.iter().map(drawn));
        if records.iter().any(|record| is_of_datagrams(&record.event)) {
            lanes.push(LaneData::of_datagrams());
        }
        Self {
            header,
            guide,
            end,
            kinds: (kinds.values.into_iter())
                .map(|kind| kind.in_mode(header.mode))
                .collect(),
            texts: texts.values,
            records: columns,
            steps,
            lanes,
            source: (!header.is_of_the_lab).then(|| SourceLines::of(header.mode, records)),
        }
    }
}

/// Values in the order in which they first occur, each once.
#[derive(Debug)]
struct Distinct<K, V> {
    values: Vec<V>,
    indices: HashMap<K, usize>,
}

impl<K, V> Default for Distinct<K, V> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            indices: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Distinct<K, V> {
    /// The index of the value for `key`.
    fn index_of(&mut self, key: K, value: impl FnOnce(&K) -> V) -> usize {
        let Self { values, indices } = self;
        *indices.entry(key).or_insert_with_key(|key| {
            values.push(value(key));
            values.len() - 1
        })
    }
}

impl Records {
    fn of(
        records: &[Record],
        connections: &[ConnectionLane],
        kinds: &mut Distinct<&'static str, EventKind>,
        texts: &mut Distinct<String, String>,
    ) -> Self {
        let numbers = connections.iter().map(|lane| lane.number);
        let lanes: HashMap<u64, usize> = numbers.zip(1..).collect();
        let mut columns = Self::default();
        for Record { at, lane, event } in records {
            columns.at.push(*at);
            columns.lane.push(match lane {
                Lane::Loop if is_of_datagrams(event) => connections.len() + 1,
                Lane::Loop => 0,
                Lane::Connection(number) => lanes.get(number).copied().unwrap_or(0),
            });
            let kind = event.kind();
            columns.kind.push(kinds.index_of(kind.name, |_| kind));
            let text = texts.index_of(event.to_string(), String::clone);
            columns.text.push(text);
            columns.bytes.push(bytes_of(event));
        }
        columns
    }
}

fn bytes_of(event: &Event) -> usize {
    match event {
        Event::Read { bytes }
        | Event::Wrote { bytes, .. }
        | Event::Discarded { bytes }
        | Event::BannerSent { bytes }
        | Event::DatagramReceived { bytes, .. }
        | Event::DatagramReplied { bytes, .. } => *bytes,
        _ => 0,
    }
}

/// Whether the event is about a datagram. Its record is one of the loop, in which datagrams have a lane of their own.
fn is_of_datagrams(event: &Event) -> bool {
    matches!(
        event,
        Event::DatagramReceived { .. }
            | Event::DatagramReplied { .. }
            | Event::DatagramRefused { .. }
            | Event::ReplyLost { .. }
            | Event::ReceiveFailed { .. }
    )
}

impl TimelineStep {
    fn iteration(iteration: &LoopIteration) -> Self {
        Self {
            from: iteration.from,
            woke: iteration.woke.unwrap_or(iteration.to),
            polls: iteration.polls,
            to: iteration.to,
            first: iteration.records.start,
            end: iteration.records.end,
            phases: iteration.phases.clone(),
        }
    }

    fn per_record(records: &[Record], end: u64) -> Vec<Self> {
        let nexts = records.iter().skip(1).map(|next| next.at).chain([end]);
        let step = |((first, record), to): ((usize, &Record), u64)| Self {
            from: record.at,
            woke: record.at,
            polls: false,
            to,
            first,
            end: first + 1,
            phases: Vec::new(),
        };
        records.iter().enumerate().zip(nexts).map(step).collect()
    }
}

impl LaneData {
    /// The lane of the loop; in threads mode that of the main thread, whose only blocking call is the poll.
    fn of_loop(mode: Mode, iterations: &[LoopIteration]) -> Self {
        let wait = |one: &LoopIteration| {
            let woke = one.woke.unwrap_or(one.to);
            (one.from, woke, "poll".to_owned())
        };
        let (name, calls) = match mode {
            Mode::EventLoop => (Lane::Loop.to_string(), Vec::new()),
            Mode::Threads => ("main".to_owned(), iterations.iter().map(wait).collect()),
        };
        Self {
            name,
            calls,
            ..Self::default()
        }
    }

    /// The lane of the datagrams. No value holds there for a time.
    fn of_datagrams() -> Self {
        Self {
            name: "datagrams".to_owned(),
            has_datagrams: true,
            ..Self::default()
        }
    }

    fn of_connection(mode: Mode, lane: &ConnectionLane) -> Self {
        let remembered = |spans: &[Span<bool>]| match mode {
            Mode::EventLoop => spans
                .iter()
                .filter(|span| span.value)
                .map(|span| (span.from, span.to))
                .collect(),
            // A thread remembers no readiness: its calls block until there is some.
            Mode::Threads => Vec::new(),
        };
        let phase = |span: &Span<PhaseName>| (span.from, span.to, span.value.to_string());
        let call =
            |span: &Span<Option<BlockingCall>>| Some((span.from, span.to, span.value?.to_string()));
        let bytes = |spans: &[Span<usize>]| {
            let some = spans.iter().filter(|span| span.value > 0);
            some.map(|span| (span.from, span.to, span.value)).collect()
        };
        Self {
            name: Lane::Connection(lane.number).to_string(),
            has_datagrams: false,
            peer: lane.peer.as_ref().map(ToString::to_string),
            close_reason: lane.close_reason.clone(),
            phases: lane.phases.iter().map(phase).collect(),
            readable: remembered(&lane.readable),
            writable: remembered(&lane.writable),
            calls: lane.calls.iter().filter_map(call).collect(),
            pending: bytes(&lane.pending),
            unread: bytes(&lane.unread),
            unacknowledged: (lane.unacknowledged.iter())
                .filter_map(|span| Some((span.from, span.to, span.value?)))
                .collect(),
        }
    }
}
