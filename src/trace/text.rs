//! A trace for people: one line per event.
//!
//! ```text
//!    12.345 ms  loop                     woke after 3.20 ms with 2 events
//!    12.351 ms  #3 127.0.0.1:40112       IN OUT
//!    12.363 ms  #3 127.0.0.1:40112       read 64
//!    12.371 ms  #3 127.0.0.1:40112       wrote 64 of 64
//! ```
//!
//! [`Event::ReadinessChanged`] is left out: it follows from the other events, and the timeline shows it.

use super::display::brief;
use super::explain::EventGroup;
use super::record::{Event, Lane, Record};
use super::sentence::{sentence, system_call};
use crate::text::address::Address;
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::time::Duration;

/// Whether lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text, for files, pipes, and terminals of users who set `NO_COLOR`.
    Plain,
    /// Text with the escape sequences of ECMA-48, for a terminal.
    Ansi,
}

/// How an event is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As briefly as it can be said.
    Brief,
    /// As a sentence, behind the system call that it comes from.
    Explained,
}

/// Formats records as lines. Keeps what a line needs from the records before it.
#[derive(Debug, Clone)]
pub struct Text {
    colour: Colour,
    style: Style,
    /// The descriptor of each open connection, if the style shows it.
    descriptors: BTreeMap<u64, RawFd>,
    /// The address of the peer of each open connection.
    peers: BTreeMap<u64, Address>,
    /// When the loop last began to wait.
    waiting_since: Option<u64>,
}

impl Text {
    /// A formatter for a trace that begins.
    pub fn new(colour: Colour) -> Self {
        Self {
            colour,
            style: Style::Brief,
            descriptors: BTreeMap::new(),
            peers: BTreeMap::new(),
            waiting_since: None,
        }
    }

    /// The same with each event as a sentence, and its system call in a column.
    pub fn explained(colour: Colour) -> Self {
        let style = Style::Explained;
        Self {
            style,
            ..Self::new(colour)
        }
    }

    /// The descriptor of the socket of connection `number`, which is open or about to be accepted.
    pub(super) fn note_descriptor(&mut self, number: u64, descriptor: RawFd) {
        if self.style == Style::Explained {
            self.descriptors.insert(number, descriptor);
        }
    }

    /// The line for `record`, without a line break; `None` if the text form leaves the event out.
    pub fn line(&mut self, record: &Record) -> Option<String> {
        self.remember(record);
        let line = match &record.event {
            Event::ReadinessChanged { .. } => None,
            event => {
                let text = match self.style {
                    Style::Brief => self.wording(record.at, event),
                    Style::Explained => self.explanation(record),
                };
                let name = self.name(record.lane);
                let millis = Duration::from_nanos(record.at).as_secs_f64() * 1e3;
                Some(self.paint(millis, &name, event.kind().group, &text))
            }
        };
        self.forget(record);
        line
    }

    fn remember(&mut self, record: &Record) {
        if let (Lane::Connection(number), Event::Accepted { peer }) = (record.lane, &record.event) {
            self.peers.insert(number, peer.clone());
        }
    }

    fn forget(&mut self, record: &Record) {
        match (record.lane, &record.event) {
            (Lane::Loop, Event::Waiting { .. }) => self.waiting_since = Some(record.at),
            (Lane::Connection(number), Event::Closed { .. }) => {
                self.peers.remove(&number);
                self.descriptors.remove(&number);
            }
            _ => {}
        }
    }

    fn wording(&self, now: u64, event: &Event) -> String {
        match (event, self.waiting_since) {
            (Event::Woke { .. }, Some(since)) => {
                let (woke, waited) = (event.to_string(), brief(now.saturating_sub(since)));
                woke.replacen("woke", &format!("woke after {waited}"), 1)
            }
            _ => event.to_string(),
        }
    }

    fn explanation(&self, record: &Record) -> String {
        let descriptor = match record.lane {
            Lane::Loop => None,
            Lane::Connection(number) => self.descriptors.get(&number).copied(),
        };
        let call = system_call(&record.event, descriptor);
        let waited = self
            .waiting_since
            .map(|since| record.at.saturating_sub(since));
        format!("{call:<26}  {}", sentence(&record.event, waited))
    }

    fn name(&self, lane: Lane) -> String {
        let peer = match lane {
            Lane::Loop => None,
            Lane::Connection(number) => self.peers.get(&number),
        };
        match peer {
            Some(peer) => format!("{lane} {peer}"),
            None => lane.to_string(),
        }
    }

    fn paint(&self, millis: f64, name: &str, group: EventGroup, text: &str) -> String {
        match self.colour {
            Colour::Plain => format!("{millis:>12.3} ms  {name:<24}  {text}"),
            Colour::Ansi => {
                let colour = rendition(group);
                format!("\x1b[2m{millis:>12.3} ms\x1b[0m  {name:<24}  \x1b[{colour}m{text}\x1b[0m")
            }
        }
    }
}

/// The parameter of "select graphic rendition" for a group (ECMA-48, section 8.3.117), from the palette that
/// every terminal has.
fn rendition(group: EventGroup) -> u8 {
    match group {
        EventGroup::Life => 1,
        EventGroup::Own => 2,
        EventGroup::Trouble => 31,
        EventGroup::Out => 32,
        EventGroup::Kernel => 33,
        EventGroup::Held => 35,
        EventGroup::In => 36,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: u64, lane: u64, event: Event) -> Record {
        let lane = lane.into();
        Record { at, lane, event }
    }

    fn lines(colour: Colour, records: &[Record]) -> Vec<String> {
        let mut text = Text::new(colour);
        records.iter().filter_map(|one| text.line(one)).collect()
    }

    #[test]
    fn a_line_has_the_time_the_connection_and_the_event() {
        let peer = "127.0.0.1:40112".parse().unwrap();
        let closed = Event::Closed {
            reason: "finished".to_owned(),
            bytes_in: 64,
            bytes_out: 64,
        };
        let records = [
            record(0, 0, Event::Waiting { timeout_ns: None }),
            record(3_200_000, 0, Event::Woke { events: 2 }),
            record(3_210_500, 3, Event::Accepted { peer }),
            record(3_250_000, 3, Event::Read { bytes: 64 }),
            record(12_345_678, 3, closed),
            record(12_345_678, 3, Event::Yielded),
        ];
        let expected = [
            "       0.000 ms  loop                      waiting",
            "       3.200 ms  loop                      woke after 3.20 ms with 2 events",
            "       3.210 ms  #3 127.0.0.1:40112        accepted",
            "       3.250 ms  #3 127.0.0.1:40112        read 64",
            "      12.346 ms  #3 127.0.0.1:40112        closed: finished, 64 in, 64 out",
            "      12.346 ms  #3                        yielded",
        ];
        assert_eq!(lines(Colour::Plain, &records), expected);
    }

    #[test]
    fn without_its_colours_a_coloured_line_is_the_plain_one() {
        let records = [
            record(1_000, 0, Event::Woke { events: 0 }),
            record(2_000, 7, Event::WriteWouldBlock),
        ];
        let plain = lines(Colour::Plain, &records);
        let mut coloured = lines(Colour::Ansi, &records);
        assert_ne!(coloured, plain);
        for line in &mut coloured {
            while let Some(start) = line.find('\x1b') {
                let end = start + line[start..].find('m').unwrap();
                line.replace_range(start..=end, "");
            }
        }
        assert_eq!(coloured, plain);
    }
}
