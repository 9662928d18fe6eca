//! The timeline: a trace as one page that needs nothing else.
use super::json_lines::Trace;
use std::io::{self, Write};

/// Writes it.
///
/// # Errors
///
/// Those of `output`.
pub fn write(trace: &Trace, output: &mut impl Write) -> io::Result<()> {
    write!(output, "{}", trace.records.len())
}
