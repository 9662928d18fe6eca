//! Reports: a table for people, JSON, JUnit XML and TAP for other programs.
//!
//! A report knows results; no check knows a report.

mod junit;
mod table;
mod tap;

pub use junit::write_junit;
pub use table::{Layout, explanation, grade, list, table};
pub use tap::write_tap;

use crate::check::results::CheckReport;
use crate::text::version::PROGRAM;
use serde::Serialize;
use std::io::{self, Write};

/// The version of the JSON's structure.
const FORMAT: u32 = 1;

/// Writes the reports as JSON: `{"format", "program", "servers": [{"server", "seconds", "results"}]}`.
///
/// # Errors
///
/// `output` cannot be written.
pub fn write_json(reports: &[CheckReport], output: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        program: &'static str,
        servers: &'a [CheckReport],
    }
    let document = Document {
        format: FORMAT,
        program: PROGRAM,
        servers: reports,
    };
    serde_json::to_writer_pretty(&mut *output, &document)?;
    writeln!(output)
}
