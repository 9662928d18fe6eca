//! A trace for Perfetto and other viewers of Chrome's trace-event format.
//!
//! In that format `ph` is the type of an entry: `X` a span, `i` an instant, `C` a counter value, `M` metadata
//! such as a name. `ts` and `dur` are microseconds. The loop becomes thread 0 of process 1, a connection the
//! thread of its number.

use super::json_lines::Trace;
use super::lanes::{ConnectionLane, Lanes, LoopIteration, Span};
use super::record::{Event, Lane, PhaseName, Record};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes `trace` as one JSON object.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write(trace: &Trace, output: &mut impl Write) -> io::Result<()> {
    let lanes = Lanes::of(&trace.records);
    let names = [
        name("process_name", 0, &trace.header.program),
        name("thread_name", 0, &Lane::Loop.to_string()),
    ];
    let entries = (names.into_iter())
        .chain(lanes.iterations.iter().flat_map(iteration))
        .chain(lanes.connections.iter().flat_map(connection))
        .chain(trace.records.iter().filter_map(instant));
    output.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")?;
    for (number, entry) in entries.enumerate() {
        if number > 0 {
            output.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *output, &entry)?;
    }
    output.write_all(b"\n]}\n")
}

fn iteration(iteration: &LoopIteration) -> Vec<Value> {
    let LoopIteration {
        from,
        woke,
        phases,
        to,
        ..
    } = iteration;
    let mut entries = vec![span(0, "wait", *from, woke.unwrap_or(*to))];
    let Some(woke) = woke else { return entries };
    let starts = std::iter::once((*woke, "note".to_owned()))
        .chain(phases.iter().map(|(at, phase)| (*at, phase.to_string())));
    let ends = phases.iter().map(|(at, _)| *at).chain([*to]);
    entries.extend(
        starts
            .zip(ends)
            .map(|((from, name), to)| span(0, &name, from, to)),
    );
    entries
}

fn connection(lane: &ConnectionLane) -> Vec<Value> {
    let number = lane.number;
    let title = match &lane.peer {
        Some(peer) => format!("{} {peer}", Lane::Connection(number)),
        None => Lane::Connection(number).to_string(),
    };
    let mut entries = vec![name("thread_name", number, &title)];
    let later = lane.phases.iter();
    let later = later.filter(|phase| phase.value != PhaseName::Open);
    entries
        .extend(later.map(|Span { from, to, value }| span(number, &value.to_string(), *from, *to)));
    entries.extend(lane.calls.iter().filter_map(|Span { from, to, value }| {
        let call = (*value)?;
        Some(span(number, &format!("in {call}"), *from, *to))
    }));
    entries.extend(counter(number, "readable", &lane.readable, u64::from));
    entries.extend(counter(number, "writable", &lane.writable, u64::from));
    entries.extend(counter(number, "pending", &lane.pending, |bytes| {
        bytes as u64
    }));
    entries
}

fn instant(record: &Record) -> Option<Value> {
    if matches!(
        record.event,
        Event::Waiting { .. }
            | Event::PhaseEntered { .. }
            | Event::ReadinessChanged { .. }
            | Event::BlockingCall { .. }
            | Event::PhaseChanged { .. }
    ) {
        // Shown as a span or a counter.
        return None;
    }
    Some(json!({
        "ph": "i", "s": "t", "pid": 1, "tid": u64::from(record.lane),
        "ts": micros(record.at), "name": record.event.to_string(),
    }))
}

fn counter<T: Copy>(
    number: u64,
    counted: &str,
    spans: &[Span<T>],
    count: impl Fn(T) -> u64,
) -> Vec<Value> {
    let name = format!("{} {counted}", Lane::Connection(number));
    let entry = |span: &Span<T>| {
        json!({
            "ph": "C", "pid": 1, "tid": number, "ts": micros(span.from), "name": name,
            "args": { counted: count(span.value) },
        })
    };
    spans.iter().map(entry).collect()
}

fn span(thread: u64, name: &str, from: u64, to: u64) -> Value {
    json!({
        "ph": "X", "pid": 1, "tid": thread, "name": name,
        "ts": micros(from), "dur": micros(to.saturating_sub(from)),
    })
}

fn name(named: &str, thread: u64, name: &str) -> Value {
    json!({ "ph": "M", "pid": 1, "tid": thread, "name": named, "args": { "name": name } })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53 ns, a hundred days"
)]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;
    use crate::trace::header::Header;

    #[test]
    fn every_entry_has_the_fields_that_viewers_require() {
        let record = |at, lane: u64, event| Record {
            at,
            lane: lane.into(),
            event,
        };
        let records = vec![
            record(0, 0, Event::Waiting { timeout_ns: None }),
            record(2_500, 0, Event::Woke { events: 1 }),
            record(3_000, 1, Event::Queued { bytes: 7 }),
            record(4_000, 0, Event::Ended),
        ];
        let header = Header::new(Mode::EventLoop);
        let mut text = Vec::new();
        write(&Trace { header, records }, &mut text).unwrap();
        let whole: Value = serde_json::from_slice(&text).unwrap();
        let entries = whole["traceEvents"].as_array().unwrap();
        for entry in entries {
            for field in ["ph", "pid", "tid", "name"] {
                assert!(!entry[field].is_null(), "{field} in {entry}");
            }
            assert!(entry["ph"] == "M" || entry["ts"].is_number(), "{entry}");
        }
        let named = |name: &str| entries.iter().find(|entry| entry["name"] == name);
        assert_eq!(named("wait").unwrap()["dur"], 2.5);
        assert_eq!(named("queued 7").unwrap()["tid"], 1);
        assert!(named("#1 pending").is_some());
    }
}
