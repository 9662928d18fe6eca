//! The destination of a trace.

use super::header::Header;
use super::json_lines::{self, Trace};
use super::record::Record;
use super::text::{Colour, Text};
use super::timeline;
use crate::text::background_writer::BackgroundWriter;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem;
use std::os::fd::RawFd;
use std::time::Duration;

/// The destination of a trace, and so its form.
#[derive(Debug)]
pub enum Target {
    /// Text for people, on standard error, as the server runs.
    Text(Colour),
    /// Text in which each event is a sentence, with its system call in a column, on standard error, as the server runs.
    Explained(Colour),
    /// JSON Lines, as the server runs.
    JsonLines(File),
    /// A timeline page, written when the server has ended. Until then the records are in memory.
    Page(File),
    /// Memory: [`Tracer::finish`](super::Tracer::finish) returns the trace.
    Memory,
}

/// An open [`Target`].
#[derive(Debug)]
pub(super) enum Sink {
    Text(Text, TraceStream),
    JsonLines(TraceStream),
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
            Target::Text(colour) => Self::Text(Text::new(colour), TraceStream::new(io::stderr())),
            Target::Explained(colour) => {
                Self::Text(Text::explained(colour), TraceStream::new(io::stderr()))
            }
            Target::JsonLines(file) => {
                let mut stream = TraceStream::new(file);
                json_lines::write_header(&header, &mut stream.buffer)?;
                stream.flush()?;
                Self::JsonLines(stream)
            }
            Target::Page(file) => Self::Page(empty(header), file),
            Target::Memory => Self::Memory(empty(header)),
        })
    }

    /// The descriptor of a connection's socket, for the forms that show it.
    pub(super) fn note_descriptor(&mut self, number: u64, descriptor: RawFd) {
        if let Self::Text(text, _) = self {
            text.note_descriptor(number, descriptor);
        }
    }

    pub(super) fn write(&mut self, record: Record) -> io::Result<()> {
        match self {
            Self::Text(text, stream) => match text.line(&record) {
                Some(line) => {
                    writeln!(stream.buffer, "{line}").and_then(|()| stream.flush_if_long())
                }
                None => Ok(()),
            },
            Self::JsonLines(stream) => {
                json_lines::write_record(&record, &mut stream.buffer)?;
                stream.flush_if_long()
            }
            Self::Page(trace, _) | Self::Memory(trace) => {
                trace.records.push(record);
                Ok(())
            }
        }
    }

    /// Hands everything written so far to the thread that writes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Text(_, stream) | Self::JsonLines(stream) => stream.flush(),
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
            Self::Text(_, stream) | Self::JsonLines(stream) => stream.finish(),
            Self::Memory(_) => Ok(()),
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

/// Lines on their way to a file or to standard error. The server never waits for them: if the reader of a pipe does not
/// keep up, the trace ends.
#[derive(Debug)]
pub(super) struct TraceStream {
    buffer: Vec<u8>,
    output: BackgroundWriter,
}

/// Bytes that may wait to be written.
const QUEUE: usize = 16 * 1024 * 1024;

/// Bytes that are handed over together while the server is busy.
const LONG: usize = 64 * 1024;

/// How long the end of the server waits for a reader that does not read.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

impl TraceStream {
    fn new(output: impl Write + Send + 'static) -> Self {
        Self {
            buffer: Vec::new(),
            output: BackgroundWriter::new(output, QUEUE),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.output.push(mem::take(&mut self.buffer))
    }

    fn flush_if_long(&mut self) -> io::Result<()> {
        if self.buffer.len() < LONG {
            return Ok(());
        }
        self.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.output.flush(FINISH_TIMEOUT)
    }
}
