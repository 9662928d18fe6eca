//! What a server of the laboratory did, in the words of the trace.

use super::peer::Peer;
use crate::server::Mode;
use crate::trace::{Event, Header, Lane, Record, Trace};
use std::time::Instant;

/// Records, each with its time since the journal began.
#[derive(Debug)]
pub(crate) struct Journal {
    began: Instant,
    trace: Trace,
    /// When the loop began to wait for what it has not been told yet.
    waits_since: Option<Instant>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            trace: Trace {
                header: Header::new(Mode::EventLoop),
                records: Vec::new(),
            },
            waits_since: None,
        }
    }

    /// The loop is about to wait. Waits that end without an event are told as one.
    pub(crate) fn waits(&mut self) {
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// The loop was woken.
    pub(crate) fn woke(&mut self, events: usize) {
        self.sleeps();
        self.note(Lane::Loop, Event::Woke { events });
    }

    /// The loop waits since a while, and nothing will wake it.
    pub(crate) fn sleeps(&mut self) {
        if let Some(since) = self.waits_since.take() {
            self.note_at(since, Lane::Loop, Event::Waiting { timeout_ns: None });
        }
    }

    /// It has just happened.
    pub(crate) fn note(&mut self, lane: Lane, event: Event) {
        self.note_at(Instant::now(), lane, event);
    }

    /// What happened to this connection since the last time.
    pub(crate) fn take_over(&mut self, peer: &mut Peer) {
        for (when, event) in peer.take_facts() {
            self.note_at(when, peer.lane, event);
        }
    }

    /// All that was noted so far.
    pub(crate) fn records(&self) -> &[Record] {
        &self.trace.records
    }

    /// Closes the journal.
    pub(crate) fn into_trace(mut self) -> Trace {
        self.note(Lane::Loop, Event::Ended);
        self.trace
    }

    /// It happened at this time, after all that has been noted so far.
    fn note_at(&mut self, when: Instant, lane: Lane, event: Event) {
        let at = when.saturating_duration_since(self.began).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.trace.records.push(Record { at, lane, event });
    }
}
