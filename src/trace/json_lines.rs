//! A trace for programs: JSON Lines, an object a line.
//!
//! The first line is the [`Header`], every other one a [`Record`]:
//!
//! ```text
//! {"format":"mio-echo trace","version":2,"program":"mio-echo 0.1.0","mode":"event-loop","started":"…"}
//! {"at":12040,"lane":0,"event":"waits"}
//! {"at":3212040,"lane":0,"event":"woke","events":1}
//! {"at":3250117,"lane":3,"event":"hinted","readable":true,"writable":true}
//! {"at":3262008,"lane":3,"event":"read","bytes":64}
//! ```
//!
//! | field | meaning |
//! | --- | --- |
//! | `at` | nanoseconds since the trace began, by the monotonic clock; never falls |
//! | `lane` | 0 for the loop (in threads mode the main thread), else the number of the connection |
//! | `event` | the name of an [`Event`](super::Event), in lower case with underscores |
//! | others | the fields of that event, by their names; counts are in bytes unless they say otherwise |
//!
//! Whoever reads it ignores fields that it does not know. An event that this program does not know is an
//! error, since the state of its connection would be unknown from there on.

use super::header::{FORMAT, Header, VERSION};
use super::record::Record;
use crate::text::os_error;
use std::fmt;
use std::io::{self, BufRead, Write};

/// A whole trace in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What it is.
    pub header: Header,
    /// What happened, in the order of time.
    pub records: Vec<Record>,
}

/// Why something could not be read as a trace: one line, which names the place.
#[derive(Debug)]
pub struct ReadError {
    /// Counted from 1.
    line: usize,
    what: String,
}

impl ReadError {
    fn at(line: usize, what: impl fmt::Display) -> Self {
        let what = what.to_string();
        Self { line, what }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ReadError {}

impl Trace {
    /// Reads what [`write_header`] and [`write_record`] have written. A last line that was cut short, as a
    /// server that was killed may leave it, is left out.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no trace, is of a version that this program does not know, has a record that
    /// makes no sense, or goes back in time.
    pub fn read(input: &mut impl BufRead) -> Result<Self, ReadError> {
        let mut line = Vec::new();
        let header = match next_line(input, &mut line, 1)? {
            Line::None => return Err(ReadError::at(1, "not a trace: it is empty")),
            Line::Whole | Line::CutShort => read_header(&line)?,
        };
        let mut records: Vec<Record> = Vec::new();
        for number in 2.. {
            let ending = next_line(input, &mut line, number)?;
            let record = match (ending, serde_json::from_slice::<Record>(&line)) {
                (Line::None, _) | (Line::CutShort, Err(_)) => break,
                (_, Ok(record)) => record,
                (Line::Whole, Err(error)) => return Err(not_a_record(number, &error)),
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
/// Those of `output`.
pub fn write_header(header: &Header, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, header)?;
    output.write_all(b"\n")
}

/// Writes one line.
///
/// # Errors
///
/// Those of `output`.
pub fn write_record(record: &Record, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, record)?;
    output.write_all(b"\n")
}

/// How a line ended.
#[derive(Debug, Clone, Copy)]
enum Line {
    /// There was none.
    None,
    /// With a line break.
    Whole,
    /// With the end of the file.
    CutShort,
}

fn next_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    number: usize,
) -> Result<Line, ReadError> {
    line.clear();
    input
        .read_until(b'\n', line)
        .map_err(|error| ReadError::at(number, os_error::in_words(&error)))?;
    Ok(match line.last() {
        None => Line::None,
        Some(b'\n') => Line::Whole,
        Some(_) => Line::CutShort,
    })
}

fn read_header(line: &[u8]) -> Result<Header, ReadError> {
    /// What every version has.
    #[derive(serde::Deserialize)]
    struct Any {
        format: String,
        version: u32,
    }
    let any = serde_json::from_slice::<Any>(line).ok();
    let version = match any {
        Some(Any { format, version }) if format == FORMAT => version,
        _ => return Err(ReadError::at(1, format!("not a trace: no `{FORMAT}`"))),
    };
    if version != VERSION {
        let other = format!("a trace of version {version}; this program reads version {VERSION}");
        return Err(ReadError::at(1, other));
    }
    serde_json::from_slice(line).map_err(|error| not_a_record(1, &error))
}

/// The line number in the words of `serde_json` is that within the line, and always 1.
fn not_a_record(number: usize, error: &serde_json::Error) -> ReadError {
    let words = error.to_string();
    let place = format!(" at line 1 column {}", error.column());
    ReadError::at(number, words.trim_end_matches(place.as_str()))
}
