//! What the page is given: the trace in the shape in which it is drawn, as numbers in columns, with each
//! wording once.

use crate::server::{BlockingCall, LoopPhase, Mode};
use crate::trace::Header;
use crate::trace::explain::{KINDS, Kind, kind_of};
use crate::trace::json_lines::Trace;
use crate::trace::lanes::{ConnectionLane, Lanes, Span, Turn};
use crate::trace::record::{Event, Lane, PhaseName, Record};
use serde::Serialize;
use std::collections::HashMap;

/// All that the page knows. Times are nanoseconds since the trace began.
#[derive(Debug, Serialize)]
pub(super) struct Data<'trace> {
    header: &'trace Header,
    /// Where the guide's pages are, to link to its chapters; none: they are only named.
    guide: Option<&'trace str>,
    end: u64,
    kinds: &'static [Kind],
    /// The different wordings; records refer to them.
    words: Vec<String>,
    records: Records,
    steps: Vec<Step>,
    lanes: Vec<LaneData>,
}

/// The records, a column for each of their properties.
#[derive(Debug, Default, Serialize)]
struct Records {
    at: Vec<u64>,
    /// Which of the lanes: 0 is the loop, then the connections in their order.
    lane: Vec<usize>,
    kind: Vec<usize>,
    word: Vec<usize>,
    /// Bytes that moved.
    bytes: Vec<usize>,
}

/// What one press of a key steps over: a turn of the loop, or in threads mode a fact.
#[derive(Debug, Serialize)]
struct Step {
    /// When it began.
    from: u64,
    /// When the loop woke; the work begins here.
    woke: u64,
    to: u64,
    first: usize,
    end: usize,
    parts: Vec<(u64, &'static str)>,
}

#[derive(Debug, Serialize)]
struct LaneData {
    name: String,
    peer: Option<String>,
    ending: Option<String>,
    phases: Vec<(u64, u64, String)>,
    readable: Vec<(u64, u64)>,
    writable: Vec<(u64, u64)>,
    calls: Vec<(u64, u64, &'static str)>,
    owed: Vec<(u64, u64, usize)>,
}

impl<'trace> Data<'trace> {
    pub(super) fn of(trace: &'trace Trace, guide: Option<&'trace str>) -> Self {
        let Trace { header, records } = trace;
        let lanes = Lanes::of(records);
        let steps = match header.mode {
            Mode::EventLoop => lanes.turns.iter().map(Step::turn).collect(),
            Mode::Threads => facts(records, lanes.end),
        };
        let mut words = Words::default();
        let records = Records::of(records, &lanes.connections, &mut words);
        let mut all = vec![LaneData::of_main(header.mode, &lanes.turns)];
        let drawn = |lane| LaneData::of_connection(header.mode, lane);
        all.extend(lanes.connections.iter().map(drawn));
        Self {
            header,
            guide,
            end: lanes.end,
            kinds: &KINDS,
            words: words.all,
            records,
            steps,
            lanes: all,
        }
    }
}

/// Each wording once.
#[derive(Debug, Default)]
struct Words {
    all: Vec<String>,
    known: HashMap<String, usize>,
}

impl Words {
    fn number_of(&mut self, words: String) -> usize {
        let Self { all, known } = self;
        *known.entry(words).or_insert_with_key(|words| {
            all.push(words.clone());
            all.len() - 1
        })
    }
}

impl Records {
    fn of(records: &[Record], connections: &[ConnectionLane], words: &mut Words) -> Self {
        let numbers = connections.iter().map(|lane| lane.number);
        let rows: HashMap<u64, usize> = numbers.zip(1..).collect();
        let mut columns = Self::default();
        for record in records {
            columns.at.push(record.at);
            columns.lane.push(match record.lane {
                Lane::Loop => 0,
                Lane::Connection(number) => rows.get(&number).copied().unwrap_or(0),
            });
            columns.kind.push(kind_of(&record.event));
            columns.word.push(words.number_of(record.event.to_string()));
            columns.bytes.push(bytes_of(&record.event));
        }
        columns
    }
}

fn bytes_of(event: &Event) -> usize {
    match event {
        Event::Read { bytes } | Event::Wrote { bytes, .. } | Event::Discarded { bytes } => *bytes,
        _ => 0,
    }
}

impl Step {
    fn turn(turn: &Turn) -> Self {
        let parts = turn.parts.iter().map(|(at, part)| (*at, part_name(*part)));
        Self {
            from: turn.waits,
            woke: turn.woke.unwrap_or(turn.to),
            to: turn.to,
            first: turn.first,
            end: turn.end,
            parts: parts.collect(),
        }
    }
}

/// A step for each record: threads have no turns.
fn facts(records: &[Record], end: u64) -> Vec<Step> {
    let nexts = records.iter().skip(1).map(|next| next.at).chain([end]);
    let step = |((first, record), to): ((usize, &Record), u64)| Step {
        from: record.at,
        woke: record.at,
        to,
        first,
        end: first + 1,
        parts: Vec::new(),
    };
    records.iter().enumerate().zip(nexts).map(step).collect()
}

impl LaneData {
    /// The lane of the loop; of the main thread, with its sleep in the poll as its only blocking call.
    fn of_main(model: Mode, turns: &[Turn]) -> Self {
        let sleep = |turn: &Turn| (turn.waits, turn.woke.unwrap_or(turn.to), "poll");
        let (name, calls) = match model {
            Mode::EventLoop => (Lane::Loop.to_string(), Vec::new()),
            Mode::Threads => ("main".to_owned(), turns.iter().map(sleep).collect()),
        };
        Self {
            name,
            peer: None,
            ending: None,
            phases: Vec::new(),
            readable: Vec::new(),
            writable: Vec::new(),
            calls,
            owed: Vec::new(),
        }
    }

    fn of_connection(model: Mode, lane: &ConnectionLane) -> Self {
        let believed = |spans: &[Span<bool>]| match model {
            Mode::EventLoop => spans
                .iter()
                .filter(|span| span.what)
                .map(|span| (span.from, span.to))
                .collect(),
            // A thread believes nothing: it asks, and sleeps.
            Mode::Threads => Vec::new(),
        };
        let phase = |span: &Span<PhaseName>| (span.from, span.to, span.what.to_string());
        let call =
            |span: &Span<Option<BlockingCall>>| Some((span.from, span.to, call_name(span.what?)));
        let owed = lane.owed.iter().filter(|span| span.what > 0);
        Self {
            name: Lane::Connection(lane.number).to_string(),
            peer: lane.peer.map(|peer| peer.to_string()),
            ending: lane.ending.clone(),
            phases: lane.phases.iter().map(phase).collect(),
            readable: believed(&lane.readable),
            writable: believed(&lane.writable),
            calls: lane.calls.iter().filter_map(call).collect(),
            owed: owed.map(|span| (span.from, span.to, span.what)).collect(),
        }
    }
}

fn part_name(part: LoopPhase) -> &'static str {
    match part {
        LoopPhase::Admit => "admit",
        LoopPhase::Read => "hear",
        LoopPhase::Write => "answer",
    }
}

fn call_name(call: BlockingCall) -> &'static str {
    match call {
        BlockingCall::Read => "read",
        BlockingCall::Write => "write",
    }
}
