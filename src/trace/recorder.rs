//! From the observer's calls to records: adds the time, applies the limit, and leaves out what has not changed.

use super::header::Header;
use super::json_lines::Trace;
use super::record::{Event, Lane, PhaseName, Record};
use super::sink::{Sink, Target};
use super::snapshot::Snapshot;
use crate::server::{BlockingCall, LoopPhase, SendQueues, unread_bytes};
use crate::text::os_error;
use crate::text::units::nanoseconds;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

/// Writes records in the order in which they happen.
#[derive(Debug)]
pub(super) struct Recorder {
    began: Instant,
    /// `None` once the trace can no longer be written: the disk is full, or the pipe has no reader.
    sink: Option<Sink>,
    /// Why the trace is incomplete, if it is.
    failure: Option<io::Error>,
    /// The number of records that may still be written; `None` means no limit.
    left: Option<u64>,
    written: u64,
    /// Whether the kernel's buffers are looked at.
    has_buffers: bool,
    /// Asks for the send queues, if the buffers are looked at and the system can tell.
    send_queues: Option<SendQueues>,
    /// The phase that the loop has entered and when, as long as nothing has happened in it.
    entered: Option<(u64, LoopPhase)>,
    /// The state of each open connection, as a reader of the trace knows it by now.
    connections: BTreeMap<u64, Snapshot>,
}

impl Recorder {
    pub(super) fn new(target: Target, header: Header, limit: Option<u64>) -> io::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            has_buffers: header.has_buffers,
            send_queues: (header.has_buffers.then(SendQueues::open)).and_then(Result::ok),
            sink: Some(Sink::open(target, header)?),
            failure: None,
            left: limit,
            written: 0,
            entered: None,
            connections: BTreeMap::new(),
        })
    }

    /// Records an event that happens now.
    pub(super) fn record(&mut self, lane: Lane, event: Event) {
        let at = self.now();
        if let Some((since, phase)) = self.entered.take()
            && !matches!(event, Event::Waiting { .. })
        {
            self.write(since, Lane::Loop, Event::PhaseEntered { phase });
        }
        if let Lane::Connection(number) = lane {
            self.known(number).apply(&event);
        }
        self.write(at, lane, event);
    }

    /// The loop entered a phase. Recorded only if something happens in it.
    pub(super) fn enter(&mut self, phase: LoopPhase) {
        self.entered = Some((self.now(), phase));
    }

    /// The readiness of a connection, changed or not.
    pub(super) fn readiness(&mut self, number: u64, readable: bool, writable: bool) {
        let known = self.known(number);
        if (known.readable, known.writable) != (readable, writable) {
            let changed = Event::ReadinessChanged { readable, writable };
            self.record(Lane::Connection(number), changed);
        }
    }

    /// The phase of a connection, changed or not.
    pub(super) fn phase(&mut self, number: u64, to: PhaseName) {
        let from = self.known(number).phase;
        if from != to {
            self.record(Lane::Connection(number), Event::PhaseChanged { from, to });
        }
    }

    /// A thread is about to make a call that may block. A call repeated after a timeout is the same call.
    pub(super) fn blocking_call(&mut self, number: u64, call: BlockingCall) {
        if self.known(number).call != Some(call) {
            self.record(Lane::Connection(number), Event::BlockingCall { call });
        }
        self.flush();
    }

    /// The socket of a connection, which has changed or not.
    pub(super) fn socket(&mut self, number: u64, socket: BorrowedFd<'_>) {
        if let Some(sink) = &mut self.sink {
            sink.note_descriptor(number, socket.as_raw_fd());
        }
        // Before its acceptance is recorded, nothing is recorded of a connection.
        let is_open = self.connections.contains_key(&number);
        if !self.has_buffers || !is_open {
            return;
        }
        if let Some(unread) = unread_bytes(socket) {
            let bytes = usize::try_from(unread).unwrap_or(usize::MAX);
            if self.known(number).unread.unwrap_or(0) != bytes {
                self.record(Lane::Connection(number), Event::Unread { bytes });
            }
        }
        let queues = self.send_queues.as_ref();
        if let Some(queue) = queues.and_then(|queues| queues.of(socket))
            && self.known(number).unacknowledged != Some(queue.bytes)
        {
            let bytes = queue.bytes;
            self.record(Lane::Connection(number), Event::Unacknowledged { bytes });
        }
    }

    /// An event of a connection's own. Adds whether it pauses or resumes reading.
    pub(super) fn connection_event(&mut self, number: u64, event: Event) {
        let was_paused = self.known(number).read_paused;
        let follow_up = match event {
            Event::Queued { .. } if !was_paused => Some(Event::ReadPaused),
            Event::Wrote { bytes, offered } if was_paused && bytes == offered => {
                Some(Event::ReadResumed)
            }
            _ => None,
        };
        let lane = Lane::Connection(number);
        for event in [Some(event), follow_up].into_iter().flatten() {
            self.record(lane, event);
        }
    }

    /// A connection was closed.
    pub(super) fn close(&mut self, number: u64, event: Event) {
        self.record(Lane::Connection(number), event);
        self.connections.remove(&number);
    }

    /// Makes all records so far visible to readers of the file: the server may sleep from here on.
    pub(super) fn flush(&mut self) {
        let flushed = self.sink.as_mut().map_or(Ok(()), Sink::flush);
        self.check(flushed);
    }

    /// The server has ended. Returns the trace if the target was memory.
    ///
    /// # Errors
    ///
    /// The trace could not be written to its end, although it had a reader.
    pub(super) fn finish(&mut self) -> io::Result<Option<Trace>> {
        self.entered = None;
        self.record(Lane::Loop, Event::Ended);
        let finished = self.sink.as_mut().map_or(Ok(()), Sink::finish);
        self.check(finished);
        let trace = self.sink.take().and_then(Sink::into_trace);
        self.failure.take().map_or(Ok(trace), Err)
    }

    fn known(&mut self, number: u64) -> &mut Snapshot {
        self.connections.entry(number).or_default()
    }

    fn write(&mut self, at: u64, lane: Lane, event: Event) {
        let event = match self.left {
            None => event,
            Some(0) => return,
            Some(left) => {
                self.left = Some(left - 1);
                let records = self.written;
                let is_cut_off = left == 1 && event != Event::Ended;
                if is_cut_off {
                    Event::TraceLimitReached { records }
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

    /// Gives up a trace that cannot be written, with one warning: serving matters more.
    fn check(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            self.sink = None;
            let reason = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    "its reader does not keep up".to_owned()
                }
                _ => os_error::describe(&error),
            };
            log::warn!(target: "mio_echo", "the trace ends here: {reason}");
            // A reader that has left wanted no more; anything else makes the trace incomplete.
            if error.kind() != ErrorKind::BrokenPipe {
                self.failure = Some(io::Error::new(error.kind(), reason));
            }
        }
    }

    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Mode;

    /// The wording of what `calls` make the recorder write.
    fn recorded(calls: impl FnOnce(&mut Recorder)) -> Vec<String> {
        let header = Header::new(Mode::Threads);
        let mut recorder = Recorder::new(Target::Memory, header, None).unwrap();
        calls(&mut recorder);
        let records = recorder.finish().unwrap().unwrap().records;
        let mut events: Vec<_> = records.iter().map(|one| one.event.to_string()).collect();
        assert_eq!(events.pop().as_deref(), Some("server ended"));
        events
    }

    #[test]
    fn a_repeated_blocking_call_is_recorded_again_only_after_another_event() {
        let events = recorded(|recorder| {
            recorder.blocking_call(1, BlockingCall::Read);
            recorder.blocking_call(1, BlockingCall::Read);
            recorder.connection_event(1, Event::Discarded { bytes: 5 });
            recorder.blocking_call(1, BlockingCall::Read);
        });
        assert_eq!(events, ["blocking read", "discarded 5", "blocking read"]);
    }

    #[test]
    fn readiness_and_phase_are_recorded_only_when_they_change() {
        let events = recorded(|recorder| {
            recorder.readiness(1, false, true);
            recorder.readiness(1, true, true);
            recorder.readiness(1, true, true);
            recorder.phase(1, PhaseName::Open);
            recorder.phase(1, PhaseName::Draining);
        });
        assert_eq!(
            events,
            ["readiness: readable and writable", "phase Open → Draining"]
        );
    }

    #[test]
    fn reading_is_paused_at_the_first_queued_byte_and_resumed_after_the_last() {
        let wrote = |bytes, offered| Event::Wrote { bytes, offered };
        let events = recorded(|recorder| {
            recorder.connection_event(1, wrote(2, 9));
            recorder.connection_event(1, Event::Queued { bytes: 7 });
            recorder.connection_event(1, wrote(3, 7));
            recorder.connection_event(1, wrote(4, 4));
            recorder.connection_event(1, wrote(5, 5));
        });
        let expected = [
            "wrote 2 of 9",
            "queued 7",
            "read paused",
            "wrote 3 of 7",
            "wrote 4 of 4",
            "read resumed",
            "wrote 5 of 5",
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn a_loop_phase_without_events_is_not_recorded() {
        let events = recorded(|recorder| {
            recorder.enter(LoopPhase::Admit);
            recorder.enter(LoopPhase::Read);
            recorder.record(Lane::Connection(1), Event::Read { bytes: 5 });
            recorder.enter(LoopPhase::Write);
            recorder.record(Lane::Loop, Event::Waiting { timeout_ns: None });
        });
        assert_eq!(events, ["read pass", "read 5", "waiting"]);
    }
}
