//! A trace for programs: JSON Lines, one object a line.
//!
//! The first line is the [`Header`], every other line a [`Record`]:
//!
//! ```text
//! {"format":"mio-echo trace","version":4,"program":"mio-echo 0.1.0","mode":"event-loop","started":"…"}
//! {"time_ns":12040,"event":"waiting"}
//! {"time_ns":3212040,"event":"woke","events":1}
//! {"time_ns":3250117,"connection":3,"event":"flags_reported","flags":{"readable":true,"writable":true}}
//! {"time_ns":3262008,"connection":3,"event":"read","bytes":64}
//! ```
//!
//! Two more fields of the header are `true` or absent: `has_buffers` (the kernel's buffers were looked at) and
//! `is_of_the_lab` (the server was one of the lab's experiments).
//!
//! # Fields of every record
//!
//! | field | meaning |
//! | --- | --- |
//! | `time_ns` | nanoseconds since the trace began, by the monotonic clock; never decreases |
//! | `connection` | the number of the connection, counted from 1 in the order of acceptance; absent on records of the loop (in threads mode: of the main thread) |
//! | `event` | the name of the event |
//!
//! # Events
//!
//! Names ending in `_ns` are nanoseconds, `bytes`, `offered`, `bytes_in` and `bytes_out` are bytes, and the
//! other numbers are counts. Where the loop and connections use the same word, the field `connection` tells
//! them apart.
//!
//! | `event` | of | fields | meaning |
//! | --- | --- | --- | --- |
//! | `waiting` | loop | `timeout_ns`: the longest wait; 0 only collects what is ready, absent means no limit | the loop is about to wait for events: an iteration begins |
//! | `woke` | loop | `events`: reported by the kernel; 0 after a timeout | the wait is over |
//! | `woken_by` | loop | `source`: `listener`, `datagrams`, `signals` or `waker` | one of the kernel's events concerns no connection |
//! | `phase_entered` | loop | `phase`: `admit`, `read`, `write` or `datagrams` | the loop entered a phase in which something happens |
//! | `accept_failed` | loop | `error`: the operating system's description | accept(2) failed with an error of one peer |
//! | `refused` | loop | `peer`: its address; `error` | a peer was accepted, but could not be served |
//! | `accept_paused` | loop | `reason`: a description | the server stopped accepting for a while |
//! | `accept_resumed` | loop | | the backlog is empty again |
//! | `datagram_received` | loop | `peer`: the address that it claims to come from; `bytes` | a datagram was received |
//! | `datagram_replied` | loop | `peer`, `bytes` | the kernel took its echo |
//! | `datagram_refused` | loop | `peer`; `reason`: a description | a datagram gets no reply, although one could be sent |
//! | `reply_lost` | loop | `peer`; `reason`: a description | the echo of a datagram could not be sent |
//! | `receive_failed` | loop | `error`: the operating system's description | a UDP socket reported an error instead of a datagram |
//! | `stopping` | loop | `open_connections` | a stop was requested |
//! | `ended` | loop | | the server has ended: the trace is complete |
//! | `trace_limit_reached` | loop | `records`: before this one | the last record of a trace that is cut off at its limit |
//! | `accepted` | connection | `peer`: its address | the connection was accepted |
//! | `proxy_header` | connection | `peer`: the address in the header, absent if it names none | the PROXY header with which the connection began was read; a `read` of bytes behind it in the same call comes first |
//! | `proxy_header_missing` | connection | `reason`: a description | the connection did not begin with a PROXY header, and is reset |
//! | `banner_sent` | connection | `bytes` | the banner was written as a whole; its bytes are no part of the echo |
//! | `flags_reported` | connection | `flags`: `readable`, `writable`, `read_closed`, `write_closed`, `error` and `priority`, each `true` or absent | the kernel reported an event for the connection |
//! | `readiness_changed` | connection | `readable`, `writable`: whether a read or a write is worth a system call | the readiness that the loop remembers changed; initially `false` and `true` |
//! | `phase_changed` | connection | `from`, `to`: `open`, `draining` or `lingering` | the connection entered another phase |
//! | `blocking_call` | connection | `call`: `read` or `write` | its thread is about to make a call that may block |
//! | `unread` | connection | `bytes` | how much the kernel has received that is not yet read has changed; only in a trace whose header has `has_buffers` |
//! | `unacknowledged` | connection | `bytes` | how much was written that the peer's kernel has not acknowledged, a FIN counted as one byte: at the first look, and when it has changed; without such a record it is not known; only in a trace whose header has `has_buffers` |
//! | `read` | connection | `bytes` | a read moved bytes, which are to be echoed |
//! | `read_would_block` | connection | | a read found nothing |
//! | `peer_finished` | connection | | a read returned the peer's FIN |
//! | `wrote` | connection | `bytes`: taken by the kernel; `offered`: given to the write | a write moved bytes |
//! | `write_would_block` | connection | | a write found no room in the send buffer |
//! | `queued` | connection | `bytes`: pending now | the bytes that the kernel did not take were queued |
//! | `read_paused` | connection | | reading stops because bytes are pending |
//! | `read_resumed` | connection | | no bytes are pending: reading goes on |
//! | `yielded` | connection | | the turn ended before the work did |
//! | `discarded` | connection | `bytes` | a read moved bytes that cannot be echoed, because our FIN has been sent |
//! | `fin_sent` | connection | | our FIN was sent while the peer may still send |
//! | `closed` | connection | `reason`: `finished`, `idle timeout`, `drain timeout` or the description of an error; `bytes_in`, `bytes_out`: totals | the connection is closed |
//!
//! # Compatibility
//!
//! A reader must ignore fields that it does not know; a new field does not change the version. [`Trace::read`]
//! rejects an event that it does not know, because the state of its connection would be unknown from there
//! on; so a new event, or a new meaning, has a new version.

use super::header::{FORMAT, Header, OLDEST_VERSION, VERSION};
use super::record::Record;
use crate::text::{one_line, os_error};
use std::fmt;
use std::io::{self, BufRead, Read, Write};

/// A whole trace in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The first line.
    pub header: Header,
    /// The events, in the order of time.
    pub records: Vec<Record>,
}

/// Why a file could not be read as a trace: one line of text, which names the line of the file.
#[derive(Debug)]
pub struct ReadError {
    /// Counted from 1.
    line: usize,
    problem: String,
}

impl ReadError {
    fn at(line: usize, problem: &str) -> Self {
        // A trace may come from anywhere, and its words are quoted.
        let problem = one_line::escaped(problem).into_owned();
        Self { line, problem }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ReadError {}

impl Trace {
    /// Reads what [`write_header`] and [`write_record`] wrote. An incomplete last line, as a killed server may
    /// leave it, is ignored.
    ///
    /// # Errors
    ///
    /// `input` cannot be read, is not a trace, has another version, contains a line that is not a record or is
    /// longer than a mebibyte, or a record whose time is before that of its predecessor.
    pub fn read(input: &mut impl BufRead) -> Result<Self, ReadError> {
        let mut line = Vec::new();
        let header = match next_line(input, &mut line, 1)? {
            Line::None => return Err(ReadError::at(1, "not a trace: it is empty")),
            Line::Complete | Line::Unterminated => read_header(&line)?,
        };
        let mut records: Vec<Record> = Vec::new();
        for number in 2.. {
            let ending = next_line(input, &mut line, number)?;
            let record = match (ending, serde_json::from_slice::<Record>(&line)) {
                (Line::None, _) | (Line::Unterminated, Err(_)) => break,
                (_, Ok(record)) => record,
                (Line::Complete, Err(error)) => return Err(not_a_record(number, &error)),
            };
            if records.last().is_some_and(|last| record.at < last.at) {
                return Err(ReadError::at(number, "goes back in time"));
            }
            records.push(record);
        }
        Ok(Self { header, records })
    }
}

/// Writes the first line.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write_header(header: &Header, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, header)?;
    output.write_all(b"\n")
}

/// Writes the line of one record.
///
/// # Errors
///
/// Any error of writing to `output`.
pub fn write_record(record: &Record, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, record)?;
    output.write_all(b"\n")
}

/// Bytes of the longest line that is read. A record has a few hundred; a file without line breaks is not a trace, and may
/// have no end.
const LONGEST_LINE: u64 = 1024 * 1024;

/// What was read of a line.
#[derive(Debug, Clone, Copy)]
enum Line {
    /// Nothing: the file is at its end.
    None,
    /// All of it, with its line break.
    Complete,
    /// A line that ends with the file, and so perhaps too early.
    Unterminated,
}

fn next_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    number: usize,
) -> Result<Line, ReadError> {
    line.clear();
    let mut bounded = input.take(LONGEST_LINE);
    bounded
        .read_until(b'\n', line)
        .map_err(|error| ReadError::at(number, &os_error::describe(&error)))?;
    Ok(match line.last() {
        None => Line::None,
        Some(b'\n') => Line::Complete,
        Some(_) if bounded.limit() == 0 => {
            return Err(ReadError::at(
                number,
                &format!("longer than {LONGEST_LINE} bytes"),
            ));
        }
        Some(_) => Line::Unterminated,
    })
}

fn read_header(line: &[u8]) -> Result<Header, ReadError> {
    /// The fields that every version has.
    #[derive(serde::Deserialize)]
    struct AnyVersion {
        format: String,
        version: u32,
    }
    let any = serde_json::from_slice::<AnyVersion>(line).ok();
    let version = match any {
        Some(AnyVersion { format, version }) if format == FORMAT => version,
        _ => return Err(ReadError::at(1, &format!("not a trace: no `{FORMAT}`"))),
    };
    if !(OLDEST_VERSION..=VERSION).contains(&version) {
        let other = format!(
            "a trace of version {version}; this program reads versions {OLDEST_VERSION} to {VERSION}"
        );
        return Err(ReadError::at(1, &other));
    }
    serde_json::from_slice(line).map_err(|error| not_a_record(1, &error))
}

/// Without the place that `serde_json` appends: it is given a line at a time, and always counts it as line 1.
fn not_a_record(number: usize, error: &serde_json::Error) -> ReadError {
    let text = error.to_string();
    let place = format!(" at line 1 column {}", error.column());
    ReadError::at(number, text.trim_end_matches(place.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pins the names: a change to one of them needs a new version.
    #[test]
    fn every_event_is_written_as_it_was_read() {
        let sample = include_str!("every_event.jsonl");
        let trace = Trace::read(&mut sample.as_bytes()).unwrap();
        let mut written = Vec::new();
        write_header(&trace.header, &mut written).unwrap();
        for record in &trace.records {
            write_record(record, &mut written).unwrap();
        }
        assert_eq!(String::from_utf8(written).unwrap(), sample);
    }

    /// A trace that is read is written as one that reads the same; whatever else is an error of one line.
    fn reads_back(input: &[u8]) -> Result<(), TestCaseError> {
        let trace = match Trace::read(&mut &*input) {
            Ok(trace) => trace,
            Err(error) => {
                prop_assert!(!error.to_string().contains('\n'), "{}", error);
                return Ok(());
            }
        };
        let mut written = Vec::new();
        write_header(&trace.header, &mut written).unwrap();
        for record in &trace.records {
            write_record(record, &mut written).unwrap();
        }
        prop_assert_eq!(Trace::read(&mut &*written).unwrap(), trace);
        Ok(())
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_trace_that_reads_back_or_an_error_of_one_line(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            reads_back(&bytes)?;
        }

        #[test]
        fn a_damaged_trace_is_one_that_reads_back_or_an_error_of_one_line(
            damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = include_bytes!("every_event.jsonl").to_vec();
            for (at, byte) in damages {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            reads_back(&bytes)?;
        }
    }

    #[test]
    fn an_error_that_quotes_a_line_break_is_one_line() {
        let sample = include_str!("every_event.jsonl").replace("woken_by", "woken\\n_by");
        reads_back(sample.as_bytes()).unwrap();
    }

    #[test]
    fn a_line_without_an_end_is_an_error_and_not_a_lack_of_memory() {
        let endless = std::io::BufReader::new(std::io::repeat(0));
        let error = Trace::read(&mut { endless }).unwrap_err().to_string();
        assert!(error.starts_with("line 1: longer than"), "{error}");
        let header = include_str!("every_event.jsonl").lines().next().unwrap();
        let start = format!("{header}\n");
        let endless = std::io::repeat(b' ');
        let mut input = std::io::BufReader::new(std::io::Read::chain(start.as_bytes(), endless));
        let error = Trace::read(&mut input).unwrap_err().to_string();
        assert!(error.starts_with("line 2: longer than"), "{error}");
    }
}
