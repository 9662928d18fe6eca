//! Where a trace goes.

use super::header::Header;
use super::json_lines::{self, Trace};
use super::record::Record;
use super::text::{Colour, Text};
use super::timeline;
use std::fs::File;
use std::io::{self, BufWriter, Stderr, Write};

/// What becomes of the records.
#[derive(Debug)]
pub enum Target {
    /// Lines for people, on standard error, as they happen.
    Text(Colour),
    /// JSON Lines, as they happen.
    JsonLines(File),
    /// A timeline page, when the server has ended. Until then the records are in memory.
    Page(File),
    /// Memory, for whoever looks at the records afterwards.
    Memory,
}

#[derive(Debug)]
pub(super) enum Sink {
    Text(Text, BufWriter<Stderr>),
    JsonLines(BufWriter<File>),
    Page(Trace, File),
    Memory(Trace),
}

impl Sink {
    pub(super) fn open(target: Target, header: Header) -> io::Result<Self> {
        let kept = |header| Trace {
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
            Target::Page(file) => Self::Page(kept(header), file),
            Target::Memory => Self::Memory(kept(header)),
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

    /// What was written so far is there for others to see, whatever becomes of this process.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(_, output) => output.flush(),
            Self::JsonLines(output) => output.flush(),
            Self::Page(..) | Self::Memory(_) => Ok(()),
        }
    }

    /// Nothing more will come.
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

    /// The records, if they were kept in memory.
    pub(super) fn into_kept(self) -> Option<Trace> {
        match self {
            Self::Page(trace, _) | Self::Memory(trace) => Some(trace),
            Self::Text(..) | Self::JsonLines(_) => None,
        }
    }
}
