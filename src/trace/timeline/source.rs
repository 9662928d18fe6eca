//! The lines of the server that each event comes from, taken from the source when the program is built.
//!
//! A place is found by the name of a function and by a piece of the line, so it moves with the code. A test fails when a
//! place is no longer found.

use crate::server::{BlockingCall, LoopPhase, Mode};
use crate::trace::record::{Event, PhaseName, Record};
use serde::Serialize;
use std::collections::BTreeMap;

const EVENT_LOOP: SourceFile = SourceFile {
    name: "src/server/event_loop.rs",
    text: include_str!("../../server/event_loop.rs"),
};
const THREADS: SourceFile = SourceFile {
    name: "src/server/threads/mod.rs",
    text: include_str!("../../server/threads/mod.rs"),
};
const THREAD: SourceFile = SourceFile {
    name: "src/server/threads/connection.rs",
    text: include_str!("../../server/threads/connection.rs"),
};

#[derive(Debug)]
struct SourceFile {
    /// Its path in the repository.
    name: &'static str,
    text: &'static str,
}

/// A line of a function: the function's name, and a piece of the line that no other line of the function has.
type Place = (&'static SourceFile, &'static str, &'static str);

/// A function, as the page shows it.
#[derive(Debug, Serialize)]
pub(super) struct SourceFunction {
    file: &'static str,
    name: &'static str,
    /// Without the indentation that they share.
    lines: Vec<&'static str>,
}

/// The functions that the records of a trace come from, and for each record its line.
#[derive(Debug, Default, Serialize)]
pub(super) struct SourceLines {
    functions: Vec<SourceFunction>,
    /// For each record the function and the line in it, counted from 0; none if the event comes from no single line.
    of: Vec<Option<(usize, usize)>>,
}

impl SourceLines {
    /// The lines that `records` of a server of this program come from.
    pub(super) fn of(mode: Mode, records: &[Record]) -> Self {
        let mut found = Self::default();
        let mut known: BTreeMap<&str, Option<(usize, usize)>> = BTreeMap::new();
        let mut phase = None;
        for Record { event, .. } in records {
            match event {
                Event::Waiting { .. } => phase = None,
                Event::PhaseEntered { phase: entered } => phase = Some(*entered),
                _ => {}
            }
            let place = match mode {
                Mode::EventLoop => in_event_loop(event, phase),
                Mode::Threads => in_threads(event),
            };
            let line = place.and_then(|place| {
                let (_, _, piece) = place;
                *known.entry(piece).or_insert_with(|| found.line(place))
            });
            found.of.push(line);
        }
        found
    }

    fn line(&mut self, (file, name, piece): Place) -> Option<(usize, usize)> {
        let is_it = |one: &SourceFunction| (one.file, one.name) == (file.name, name);
        let function = if let Some(known) = self.functions.iter().position(is_it) {
            known
        } else {
            self.functions.push(file.function(name)?);
            self.functions.len() - 1
        };
        let lines = &self.functions.get(function)?.lines;
        let line = lines.iter().position(|line| line.contains(piece))?;
        Some((function, line))
    }
}

impl SourceFile {
    /// A method by its name: from its first line to the brace that closes it, in the indentation of `impl`.
    fn function(&self, name: &'static str) -> Option<SourceFunction> {
        let start = format!("fn {name}(");
        let mut lines = self.text.lines().skip_while(|line| {
            let code = line.trim_start().trim_start_matches("pub(super) ");
            !code.starts_with(&start)
        });
        let mut taken = Vec::new();
        loop {
            let line = lines.next()?;
            taken.push(line.strip_prefix("    ").unwrap_or(line));
            if line == "    }" {
                let file = self.name;
                return Some(SourceFunction {
                    file,
                    name,
                    lines: taken,
                });
            }
        }
    }
}

/// Where the event loop is when `event` happens in `phase`.
fn in_event_loop(event: &Event, phase: Option<LoopPhase>) -> Option<Place> {
    let (function, piece) = match (event, phase) {
        (Event::Waiting { .. }, _) => ("wait", "self.kernel.wait(timeout)"),
        (Event::Woke { .. }, _) => ("wait", "self.observer.woke("),
        (Event::WokenBy { .. }, _) => ("note_events", "match source"),
        (Event::FlagsReported { .. }, _) => ("note_events", "slot.note("),
        (Event::Stopping { .. }, _) => ("note_stop", "self.observer.stopping("),
        (Event::Refused { .. }, _) => ("insert", "self.observer.refused("),
        (Event::Accepted { .. }, _) => ("admit", "self.insert(socket, peer)"),
        (Event::AcceptFailed { .. } | Event::AcceptResumed, _) => {
            ("admit", "self.listeners.accept(")
        }
        (Event::AcceptPaused { .. }, _) => ("admit", ".pause_while_full("),
        (Event::Yielded, _) => ("write_pass", "TurnEnd::Yielded =>"),
        (Event::Closed { .. }, _) => ("write_pass", "self.observer.closed("),
        (
            Event::DatagramReceived { .. }
            | Event::DatagramReplied { .. }
            | Event::DatagramRefused { .. }
            | Event::ReplyLost { .. }
            | Event::ReceiveFailed { .. },
            _,
        ) => ("serve", "self.datagrams.serve("),
        (Event::PhaseEntered { .. }, Some(LoopPhase::Datagrams)) => {
            ("serve", "LoopPhase::Datagrams")
        }
        (Event::PhaseEntered { .. }, Some(LoopPhase::Admit)) => ("admit", "LoopPhase::Admit"),
        (Event::PhaseEntered { .. }, Some(LoopPhase::Read)) => ("read_pass", "LoopPhase::Read"),
        (Event::PhaseEntered { .. }, Some(LoopPhase::Write)) => ("write_pass", "LoopPhase::Write"),
        (Event::Ended | Event::TraceLimitReached { .. } | Event::BlockingCall { .. }, _) => {
            return None;
        }
        // What a connection does in its turn, and what follows from it.
        (_, Some(LoopPhase::Read)) => ("read_pass", ".receive("),
        (_, Some(LoopPhase::Write)) => ("write_pass", ".echo("),
        (Event::PhaseChanged { .. }, _) => ("visit", "Visit::Drain =>"),
        _ => return None,
    };
    Some((&EVENT_LOOP, function, piece))
}

/// Where the main thread, or the thread of a connection, is when `event` happens.
fn in_threads(event: &Event) -> Option<Place> {
    Some(match event {
        Event::Waiting { .. } => (&THREADS, "wait", "self.poll.poll("),
        Event::Woke { .. } => (&THREADS, "wait", ".woke("),
        Event::WokenBy { .. } => (&THREADS, "note", "match event.token()"),
        Event::Stopping { .. } => (&THREADS, "note_stop", "table.observer.stopping("),
        Event::Accepted { .. } => (&THREADS, "start", "table.observer.accepted("),
        Event::AcceptFailed { .. } | Event::AcceptResumed => {
            (&THREADS, "admit", "self.listeners.accept(")
        }
        Event::AcceptPaused { .. } => (&THREADS, "admit", ".pause_while_full("),
        Event::Read { .. }
        | Event::ReadWouldBlock
        | Event::PeerFinished
        | Event::BlockingCall {
            call: BlockingCall::Read,
        } => (&THREAD, "echo", "stream.read("),
        Event::Wrote { .. }
        | Event::WriteWouldBlock
        | Event::ReadResumed
        | Event::BlockingCall {
            call: BlockingCall::Write,
        } => (&THREAD, "write_all", "stream.write("),
        Event::Queued { .. } | Event::ReadPaused => {
            (&THREAD, "write_all", "self.emit_pending(bytes - written)")
        }
        Event::FinSent => (&THREAD, "finish", "stream.send_fin("),
        Event::PhaseChanged {
            to: PhaseName::Lingering,
            ..
        } => (&THREAD, "finish", "Phase::Lingering"),
        Event::PhaseChanged { .. } => (&THREAD, "drain", "Phase::Draining"),
        Event::Discarded { .. } => (&THREAD, "linger", "ConnectionEvent::Discarded"),
        Event::Closed { .. } => (&THREAD, "run", "closing.reason ="),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::json_lines::Trace;

    fn every_event() -> Vec<Event> {
        let sample = include_str!("../every_event.jsonl");
        let trace = Trace::read(&mut sample.as_bytes()).unwrap();
        trace.records.into_iter().map(|one| one.event).collect()
    }

    #[test]
    fn every_place_is_one_line_of_its_function() {
        let phases = [
            None,
            Some(LoopPhase::Admit),
            Some(LoopPhase::Read),
            Some(LoopPhase::Write),
            Some(LoopPhase::Datagrams),
        ];
        for event in every_event() {
            let in_loop = phases
                .into_iter()
                .filter_map(|phase| in_event_loop(&event, phase));
            for (file, name, piece) in in_loop.chain(in_threads(&event)) {
                let function = file.function(name);
                let function = function.unwrap_or_else(|| panic!("{} has no fn {name}", file.name));
                let lines = function.lines.iter().filter(|line| line.contains(piece));
                assert_eq!(lines.count(), 1, "{}: fn {name}: {piece}", file.name);
            }
        }
    }

    #[test]
    fn a_function_is_shown_from_its_name_to_its_closing_brace() {
        let wait = EVENT_LOOP.function("wait").unwrap();
        assert!(wait.lines[0].starts_with("fn wait("), "{wait:?}");
        assert_eq!(wait.lines.last(), Some(&"}"));
        assert!(wait.lines.len() < 30, "{wait:?}");
    }
}
