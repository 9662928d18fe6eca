//! The destination of a trace.

use super::header::Header;
use super::json_lines::{self, Trace};
use super::record::Record;
use super::text::{Colour, Text};
use super::timeline;
use std::fs::File;
use std::io::{self, BufWriter, Stderr, Write};

/// The destination of a trace, and so its form.
#[derive(Debug)]
pub enum Target {
    /// Text for people, on standard error, line by line as the server runs.
    Text(Colour),
    /// JSON Lines, line by line as the server runs.
    JsonLines(File),
    /// A timeline page, written when the server has ended. Until then the records are in memory.
    Page(File),
    /// Memory: [`Tracer::finish`](super::Tracer::finish) returns the trace.
    Memory,
}

/// An open [`Target`].
#[derive(Debug)]
pub(super) enum Sink {
    Text(Text, BufWriter<Stderr>),
    JsonLines(BufWriter<File>),
    Page(Trace, File),
    Memory(Trace),
}

impl Sink {
    pub(super) fn open(target: Target, header: Header) -> io::Result<Self> {
        let empty = |header| Trace {
            header,
            records: Vec::new(),
        };
        Ok(match target {
            Target::Text(colour) => Self::Text(Text::new(colour), BufWriter::new(io::stderr())),
            Target::JsonLines(file) => {
                let mut output = BufWriter::new(file);
                json_lines::write_header(&header, &mut output)?;
                output.flush()?;
                Self::JsonLines(output)
            }
            Target::Page(file) => Self::Page(empty(header), file),
            Target::Memory => Self::Memory(empty(header)),
        })
    }

    pub(super) fn write(&mut self, record: Record) -> io::Result<()> {
        match self {
            Self::Text(text, output) => match text.line(&record) {
                Some(line) => writeln!(output, "{line}"),
                None => Ok(()),
            },
            Self::JsonLines(output) => json_lines::write_record(&record, output),
            Self::Page(trace, _) | Self::Memory(trace) => {
                trace.records.push(record);
                Ok(())
            }
        }
    }

    /// Hands everything written so far to the operating system, where it outlives this process.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(_, output) => output.flush(),
            Self::JsonLines(output) => output.flush(),
            Self::Page(..) | Self::Memory(_) => Ok(()),
        }
    }

    /// Completes the trace; no record follows.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Page(trace, file) => {
                let mut output = BufWriter::new(file);
                timeline::write(trace, &mut output)?;
                output.flush()
            }
            Self::Text(..) | Self::JsonLines(_) | Self::Memory(_) => self.flush(),
        }
    }

    /// The trace, if it is in memory.
    pub(super) fn into_trace(self) -> Option<Trace> {
        match self {
            Self::Page(trace, _) | Self::Memory(trace) => Some(trace),
            Self::Text(..) | Self::JsonLines(_) => None,
        }
    }
}
