//! From what the observer is told to records: the clock, the limit, and what need not be said twice.

use super::header::Header;
use super::json_lines::Trace;
use super::record::{Event, Lane, PhaseName, Record};
use super::sink::{Sink, Target};
use crate::server::{BlockingCall, LoopPhase};
use crate::text::os_error;
use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

/// Writes records, one after the other.
#[derive(Debug)]
pub(super) struct Recorder {
    began: Instant,
    /// None once it is lost: the disk is full, or nobody reads the pipe any more.
    sink: Option<Sink>,
    /// Records that may still be written; none for any number.
    left: Option<u64>,
    written: u64,
    /// The phase of the turn that was entered, as long as nothing has happened in it, and when.
    entered: Option<(u64, LoopPhase)>,
    /// What was last said of each open connection.
    connections: BTreeMap<u64, Known>,
}

/// What the trace has said of a connection: only changes are told.
#[derive(Debug, Clone, Copy)]
struct Known {
    readable: bool,
    writable: bool,
    phase: PhaseName,
    /// The call that its thread sleeps in, as far as was told.
    call: Option<BlockingCall>,
    /// Whether bytes are owed, so that no more are read.
    paused: bool,
}

/// What an accepted connection starts with: a socket may be written, its input is announced.
impl Default for Known {
    fn default() -> Self {
        Self {
            readable: false,
            writable: true,
            phase: PhaseName::Open,
            call: None,
            paused: false,
        }
    }
}

impl Recorder {
    pub(super) fn new(target: Target, header: Header, limit: Option<u64>) -> io::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            sink: Some(Sink::open(target, header)?),
            left: limit,
            written: 0,
            entered: None,
            connections: BTreeMap::new(),
        })
    }

    /// Something happened now.
    pub(super) fn record(&mut self, lane: Lane, event: Event) {
        let at = self.now();
        if let Some((since, part)) = self.entered.take()
            && !matches!(event, Event::Waits { .. })
        {
            self.write(since, Lane::Loop, Event::Enters { part });
        }
        self.write(at, lane, event);
    }

    /// The loop entered a phase. Said only if something happens in it.
    pub(super) fn enter(&mut self, part: LoopPhase) {
        self.entered = Some((self.now(), part));
    }

    /// The loop's belief about a connection, changed or not.
    pub(super) fn believe(&mut self, number: u64, readable: bool, writable: bool) {
        let known = self.connections.entry(number).or_default();
        if (known.readable, known.writable) != (readable, writable) {
            (known.readable, known.writable) = (readable, writable);
            let lane = Lane::Connection(number);
            self.record(lane, Event::Believes { readable, writable });
        }
    }

    /// The phase of a connection, changed or not.
    pub(super) fn stand(&mut self, number: u64, to: PhaseName) {
        let known = self.connections.entry(number).or_default();
        let from = std::mem::replace(&mut known.phase, to);
        if from != to {
            self.record(Lane::Connection(number), Event::Phase { from, to });
        }
    }

    /// A thread is about to sleep in `call`. If it has only looked up from the same call, it still does.
    pub(super) fn call(&mut self, number: u64, call: BlockingCall) {
        let known = self.connections.entry(number).or_default();
        if known.call.replace(call) != Some(call) {
            self.record(Lane::Connection(number), Event::Calls { call });
        }
        self.flush();
    }

    /// A connection did something.
    pub(super) fn happen(&mut self, number: u64, event: Event) {
        let known = self.connections.entry(number).or_default();
        let was_paused = known.paused;
        match event {
            Event::Queued { .. } => known.paused = true,
            Event::Wrote { bytes, offered } if bytes == offered => known.paused = false,
            _ => {}
        }
        let (is_paused, lane) = (known.paused, Lane::Connection(number));
        // What a thread says of its debt, it says from within a call that has not returned.
        if !matches!(event, Event::Queued { .. }) {
            known.call = None;
        }
        self.record(lane, event);
        match (was_paused, is_paused) {
            (false, true) => self.record(lane, Event::Paused),
            (true, false) => self.record(lane, Event::Resumed),
            (true, true) | (false, false) => {}
        }
    }

    /// A connection is over.
    pub(super) fn close(&mut self, number: u64, event: Event) {
        self.connections.remove(&number);
        self.record(Lane::Connection(number), event);
    }

    /// Nobody may write for a while: what was written so far should be seen.
    pub(super) fn flush(&mut self) {
        let flushed = self.sink.as_mut().map_or(Ok(()), Sink::flush);
        self.check(flushed);
    }

    /// The server has ended. Returns the records, if they were kept.
    pub(super) fn finish(&mut self) -> Option<Trace> {
        self.entered = None;
        self.record(Lane::Loop, Event::Ended);
        let finished = self.sink.as_mut().map_or(Ok(()), Sink::finish);
        self.check(finished);
        self.sink.take().and_then(Sink::into_kept)
    }

    fn write(&mut self, at: u64, lane: Lane, event: Event) {
        let event = match self.left {
            None => event,
            Some(0) => return,
            Some(left) => {
                self.left = Some(left - 1);
                let records = self.written;
                let is_last = left == 1 && event != Event::Ended;
                if is_last {
                    Event::LimitReached { records }
                } else {
                    event
                }
            }
        };
        self.written += 1;
        let record = Record { at, lane, event };
        let written = self.sink.as_mut().map_or(Ok(()), |sink| sink.write(record));
        self.check(written);
    }

    /// A trace that cannot be written is given up, with one warning: the server matters more.
    fn check(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            self.sink = None;
            let words = os_error::in_words(&error);
            log::warn!(target: "mio_echo", "the trace ends here: {words}");
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;

    /// What is recorded of connection 1 while `happens`.
    fn words(happens: impl FnOnce(&mut Recorder)) -> Vec<String> {
        let header = Header::new(Mode::Threads);
        let mut recorder = Recorder::new(Target::Memory, header, None).unwrap();
        happens(&mut recorder);
        let records = recorder.finish().unwrap().records;
        let mut words: Vec<_> = records.iter().map(|one| one.event.to_string()).collect();
        assert_eq!(words.pop().as_deref(), Some("ended"));
        words
    }

    #[test]
    fn a_thread_that_looks_up_and_sleeps_again_is_told_once_and_told_anew_after_a_fact() {
        let told = words(|recorder| {
            recorder.call(1, BlockingCall::Read);
            recorder.call(1, BlockingCall::Read);
            recorder.happen(1, Event::Discarded { bytes: 5 });
            recorder.call(1, BlockingCall::Read);
        });
        assert_eq!(told, ["calls read", "discarded 5", "calls read"]);
    }

    #[test]
    fn only_changes_of_belief_and_phase_are_told() {
        let told = words(|recorder| {
            recorder.believe(1, false, true);
            recorder.believe(1, true, true);
            recorder.believe(1, true, true);
            recorder.stand(1, PhaseName::Open);
            recorder.stand(1, PhaseName::Draining);
        });
        assert_eq!(
            told,
            ["ready to read and to write", "phase Open → Draining"]
        );
    }

    #[test]
    fn a_phase_in_which_nothing_happens_is_not_told() {
        let told = words(|recorder| {
            recorder.enter(LoopPhase::Admit);
            recorder.enter(LoopPhase::Read);
            recorder.record(Lane::Connection(1), Event::Read { bytes: 5 });
            recorder.enter(LoopPhase::Write);
            recorder.record(Lane::Loop, Event::Waits { timeout: None });
        });
        assert_eq!(told, ["read pass", "read 5", "waits"]);
    }
}
