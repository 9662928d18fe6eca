//! What two servers did, as lines: from where they differ, and only the beginning and the end of a long trace.

use crate::text::units::count;
use crate::trace::{Event, Lane, Record};

/// Lines shown before the first difference.
const CONTEXT: usize = 4;
/// Lines shown from there on, and lines shown at the end.
const HEAD: usize = 10;
const TAIL: usize = 5;

/// The excerpts of both traces.
pub(super) fn excerpts(wrong: &[Record], right: &[Record]) -> (Vec<String>, Vec<String>) {
    let (wrong, right) = (merge_repeats(lines(wrong)), merge_repeats(lines(right)));
    let pairs = wrong.iter().zip(&right);
    let common = pairs.take_while(|(wrong, right)| wrong == right).count();
    let omitted = match common.saturating_sub(CONTEXT) {
        // The line that says so would take the place of the one omitted.
        1 => 0,
        count => count,
    };
    (shorten(&wrong, omitted), shorten(&right, omitted))
}

/// The lines of a trace. Left out: readiness, the phases of the loop, and waits that end with an event.
fn lines(records: &[Record]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = records.iter();
    while let Some(Record { lane, event, .. }) = rest.next() {
        let line = match (lane, event) {
            (_, Event::ReadinessChanged { .. } | Event::PhaseEntered { .. } | Event::Ended) => {
                continue;
            }
            // A look at what is ready, without a wait, which found nothing.
            (
                _,
                Event::Waiting {
                    timeout_ns: Some(0),
                }
                | Event::Woke { events: 0 },
            ) => continue,
            (Lane::Loop, Event::Waiting { .. }) if wakes(rest.as_slice()) => continue,
            (Lane::Loop, Event::Waiting { .. }) => "waiting, with nothing to wake it".to_owned(),
            (Lane::Loop, event) => event.to_string(),
            // The byte counts are among the observations.
            (lane, Event::Closed { reason, .. }) => format!("  {lane} closed: {reason}"),
            (lane, event) => format!("  {lane} {event}"),
        };
        lines.push(line);
    }
    lines
}

/// Whether a loop that waits before these records is woken in them.
fn wakes(after: &[Record]) -> bool {
    let next = after.iter().find(|record| record.lane == Lane::Loop);
    next.is_some_and(|next| matches!(next.event, Event::Woke { .. }))
}

/// Repetitions of a line become one line with their number.
fn merge_repeats(lines: Vec<String>) -> Vec<String> {
    let mut merged: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match merged.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => merged.push((line, 1)),
        }
    }
    let merged = merged.into_iter().map(|(line, count)| match count {
        1 => line,
        count => format!("{line}  ({count} times)"),
    });
    merged.collect()
}

/// `lines` without the first `omitted`, and without the middle of what remains if that is long.
fn shorten(lines: &[String], omitted: usize) -> Vec<String> {
    let mut short = Vec::new();
    if omitted > 0 {
        short.push(format!("… {omitted} lines in common"));
    }
    let lines = lines.get(omitted..).unwrap_or_default();
    let head = match lines.len() {
        // Here, too, one omitted line would save nothing.
        all if all <= HEAD + TAIL + 1 => all,
        _ => HEAD,
    };
    let (head, rest) = lines.split_at(head);
    let (middle, tail) = rest.split_at(rest.len().saturating_sub(TAIL));
    short.extend_from_slice(head);
    if !middle.is_empty() {
        short.push(format!("… {} lines", count(middle.len())));
    }
    short.extend_from_slice(tail);
    short
}
