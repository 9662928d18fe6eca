//! The two traces on one axis, with a mark where they part: the first record at which they differ in kind.
//!
//! The axis counts records. Times would differ from run to run, and would squeeze the records of a busy server into one
//! pixel beside the wait that follows.

use super::text::heading;
use crate::learn::lab::experiment::ExperimentRun;
use crate::learn::lab::variant::Variant;
use crate::trace::{Event, Lane, Record};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Records shown before the mark and from it on.
const BEFORE: usize = 4;
const AFTER: usize = 24;

/// Pixels of a record, of a lane, and of the names of the lanes.
const COLUMN: usize = 48;
const LANE: usize = 22;
const NAMES: usize = 64;

/// The records of one variant that are drawn.
struct Band<'run> {
    title: String,
    records: Vec<&'run Record>,
    lanes: Vec<Lane>,
}

/// The figure; nothing if the traces do not differ in kind.
pub(super) fn figure(run: &ExperimentRun) -> Option<Markup> {
    let wrong = drawn(&run.wrong.trace.records);
    let right = drawn(&run.right.trace.records);
    let parting = parting(&wrong, &right)?;
    let from = parting.saturating_sub(BEFORE);
    let bands = [(Variant::Wrong, wrong), (Variant::Right, right)].map(|(variant, records)| {
        let records: Vec<_> = records
            .into_iter()
            .skip(from)
            .take(BEFORE + AFTER)
            .collect();
        let lanes: BTreeSet<Lane> = records.iter().map(|record| record.lane).collect();
        Band {
            title: heading(run, variant),
            records,
            lanes: lanes.into_iter().collect(),
        }
    });
    Some(picture(&bands, from, parting))
}

/// The records of a trace that are drawn: all that a reader of the report sees as lines.
fn drawn(records: &[Record]) -> Vec<&Record> {
    let is_drawn = |record: &&Record| {
        !matches!(
            record.event,
            Event::ReadinessChanged { .. }
                | Event::PhaseEntered { .. }
                | Event::Ended
                | Event::Waiting {
                    timeout_ns: Some(0)
                }
                | Event::Woke { events: 0 }
        )
    };
    records.iter().filter(is_drawn).collect()
}

/// The position of the first record whose lane or kind of event is another one, or that only one trace has.
fn parting(wrong: &[&Record], right: &[&Record]) -> Option<usize> {
    let kind = |record: &&Record| (record.lane, record.event.name());
    let pairs = wrong.iter().zip(right);
    let common = pairs.take_while(|(one, other)| kind(one) == kind(other));
    let common = common.count();
    (common < wrong.len().max(right.len())).then_some(common)
}

fn picture(bands: &[Band<'_>; 2], from: usize, parting: usize) -> Markup {
    let columns = bands.iter().map(|band| band.records.len()).max();
    let width = NAMES + columns.unwrap_or(0) * COLUMN;
    let [first, second] = bands;
    let top_of_second = 40 + first.lanes.len() * LANE + 30;
    let axis = top_of_second + second.lanes.len() * LANE + 14;
    let mark = NAMES + (parting - from) * COLUMN;
    html! {
        div.scroll tabindex="0" {
            svg.parting width=(width) height=(axis + 16) role="img"
                aria-label={ "Both traces on one axis. They part at record " (parting + 1) "." } {
                line.mark x1=(mark) x2=(mark) y1="16" y2=(axis - 10) {}
                (band(first, 40))
                (band(second, top_of_second))
                @for column in (0..columns.unwrap_or(0)).step_by(4) {
                    text.axis x=(NAMES + column * COLUMN + 2) y=(axis) { (from + column + 1) }
                }
                text.mark x=(mark + 4) y="14" { "here they part" }
            }
        }
    }
}

fn band(band: &Band<'_>, top: usize) -> Markup {
    let row = |lane| band.lanes.iter().position(|one| *one == lane).unwrap_or(0);
    html! {
        text.title x="0" y=(top - 8) { (band.title) }
        @for (row, lane) in band.lanes.iter().enumerate() {
            text.lane x="0" y=(top + row * LANE + 13) { (lane) }
        }
        @for (column, record) in band.records.iter().enumerate() {
            g class=(class(&record.event)) {
                title { (record.lane) " " (record.event) }
                rect x=(NAMES + column * COLUMN + 1) y=(top + row(record.lane) * LANE)
                    width=(COLUMN - 2) height=(LANE - 4) rx="3" {}
                text x=(NAMES + column * COLUMN + COLUMN / 2) y=(top + row(record.lane) * LANE + 13) {
                    (word(&record.event))
                }
            }
        }
    }
}

/// The colour of a record.
fn class(event: &Event) -> &'static str {
    match event {
        Event::Waiting { .. } => "wait",
        Event::Woke { .. } | Event::WokenBy { .. } | Event::FlagsReported { .. } => "kernel",
        Event::Read { .. } | Event::PeerFinished | Event::Discarded { .. } => "in",
        Event::Wrote { .. } | Event::FinSent => "out",
        Event::Closed { .. } | Event::AcceptFailed { .. } => "end",
        _ => "other",
    }
}

/// The event in a word that fits its column.
fn word(event: &Event) -> &'static str {
    match event {
        Event::Waiting { .. } => "asleep",
        Event::WokenBy { .. } => "backlog",
        Event::FlagsReported { .. } => "event",
        Event::AcceptFailed { .. } => "failed",
        Event::BlockingCall { .. } => "blocks",
        Event::ReadWouldBlock => "empty",
        Event::PeerFinished => "FIN read",
        Event::Wrote { .. } => "write",
        Event::WriteWouldBlock => "full",
        Event::Queued { .. } => "queue",
        Event::Yielded => "yield",
        Event::FinSent => "FIN sent",
        Event::Accepted { .. } => "accept",
        Event::Closed { .. } => "close",
        Event::Discarded { .. } => "discard",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(events: &[Event]) -> Vec<Record> {
        let record = |event: &Event| Record {
            at: 0,
            lane: Lane::Connection(1),
            event: event.clone(),
        };
        events.iter().map(record).collect()
    }

    #[test]
    fn they_part_at_the_first_other_kind_and_not_at_another_size() {
        let read = |bytes| Event::Read { bytes };
        let wrong = records(&[read(1), read(2), Event::Ended, Event::ReadWouldBlock]);
        let right = records(&[read(1), read(3), read(4)]);
        let [wrong, right] = [&wrong, &right].map(|records| drawn(records));
        assert_eq!(parting(&wrong, &right), Some(2));
        assert_eq!(parting(&wrong, &wrong[..1]), Some(1));
        assert_eq!(parting(&wrong, &wrong), None);
    }
}
