//! What a server of the lab did, as a trace in memory.

use super::connection::TestConnection;
use super::vocabulary::{Event, Header, Lane, Record, SendQueues, Trace};
use std::time::Instant;

/// A trace under construction.
#[derive(Debug)]
pub(crate) struct TraceBuffer {
    start: Instant,
    trace: Trace,
    /// When the loop began to wait. Waits that end without an event are recorded as one.
    waiting_since: Option<Instant>,
    keeping: Keeping,
    /// Asks for the send queues, if the system can tell.
    send_queues: Option<SendQueues>,
}

/// Whether records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    All,
    None,
}

impl TraceBuffer {
    /// An empty trace, whose clock starts now.
    pub(crate) fn new() -> Self {
        Self::keeping(Keeping::All)
    }

    /// For a server that runs until it is stopped: it keeps no record.
    pub(crate) fn off() -> Self {
        Self::keeping(Keeping::None)
    }

    fn keeping(keeping: Keeping) -> Self {
        Self {
            keeping,
            send_queues: SendQueues::open().ok(),
            start: Instant::now(),
            trace: Trace {
                header: Header::of_the_lab(),
                records: Vec::new(),
            },
            waiting_since: None,
        }
    }

    /// The loop is about to wait.
    pub(crate) fn wait_started(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// The wait returned this many events.
    pub(crate) fn woke(&mut self, events: usize) {
        self.stalled();
        self.push(Instant::now(), Lane::Loop, Event::Woke { events });
    }

    /// The wait did not sleep, because connections were on the run queue, and returned this many events.
    pub(crate) fn polled(&mut self, events: usize) {
        self.wait_ended(Some(0));
        self.record(Lane::Loop, Event::Woke { events });
    }

    /// The loop is waiting, and nothing will wake it.
    pub(crate) fn stalled(&mut self) {
        self.wait_ended(None);
    }

    /// `event` has just happened.
    pub(crate) fn record(&mut self, lane: Lane, event: Event) {
        self.record_at(Instant::now(), lane, event);
    }

    /// Records what the kernel's buffers of `connection` hold.
    pub(crate) fn look_at_buffers(&self, connection: &mut TestConnection) {
        if self.keeping == Keeping::All {
            connection.look_at_buffers(self.send_queues.as_ref());
        }
    }

    /// Moves the events of `connection` into this trace.
    pub(crate) fn take_events(&mut self, connection: &mut TestConnection) {
        for (when, event) in connection.take_events() {
            self.record_at(when, connection.lane, event);
        }
    }

    /// All records so far.
    pub(crate) fn records(&self) -> &[Record] {
        &self.trace.records
    }

    /// The complete trace.
    pub(crate) fn into_trace(mut self) -> Trace {
        self.record(Lane::Loop, Event::Ended);
        self.trace
    }

    /// Records the wait, if the loop was waiting.
    fn wait_ended(&mut self, timeout_ns: Option<u64>) {
        if let Some(since) = self.waiting_since.take() {
            self.push(since, Lane::Loop, Event::Waiting { timeout_ns });
        }
    }

    /// `event` happened at `when`. If the loop was waiting until then, no event ended the wait.
    fn record_at(&mut self, when: Instant, lane: Lane, event: Event) {
        if let Some(since) = self.waiting_since.take() {
            let timeout_ns = Some(0);
            self.push(since, Lane::Loop, Event::Waiting { timeout_ns });
            self.push(when, Lane::Loop, Event::Woke { events: 0 });
        }
        self.push(when, lane, event);
    }

    /// Times never decrease: what a connection did is recorded at the end of its turn.
    fn push(&mut self, when: Instant, lane: Lane, event: Event) {
        if self.keeping == Keeping::None {
            return;
        }
        let at = when.saturating_duration_since(self.start).as_nanos();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let at = at.max(self.trace.records.last().map_or(0, |last| last.at));
        self.trace.records.push(Record { at, lane, event });
    }
}
