//! The Test Anything Protocol, version 14 (testanything.org).

use crate::check::results::{CheckReport, CheckResult, CheckStatus};
use crate::text::one_line;
use std::io::{self, Write};

/// Writes the reports as one TAP stream, with a YAML block for each failure and a comment for each grade.
///
/// # Errors
///
/// `output` cannot be written.
pub fn write_tap(reports: &[CheckReport], output: &mut dyn Write) -> io::Result<()> {
    let results = reports.iter().flat_map(|report| {
        let server = escaped(&report.server);
        let results = report.results.iter();
        results.map(move |result| (server.clone(), result))
    });
    let count: usize = reports.iter().map(|report| report.results.len()).sum();
    writeln!(output, "TAP version 14\n1..{count}")?;
    for (number, (server, result)) in (1..).zip(results) {
        write_point(output, number, &server, result)?;
    }
    reports
        .iter()
        .try_for_each(|report| write_grade(output, report))
}

/// A comment.
fn write_grade(output: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let Some(grade) = report.grade else {
        return Ok(());
    };
    let server = one_line::escaped(&report.server);
    let (requested, reached) = (grade.requested.number(), grade.reached);
    writeln!(
        output,
        "# {server}: level {requested} was requested, level {reached} was reached"
    )
}

fn write_point(
    output: &mut dyn Write,
    number: usize,
    server: &str,
    result: &CheckResult,
) -> io::Result<()> {
    let name = result.check.name;
    match &result.status {
        CheckStatus::Passed { .. } => writeln!(output, "ok {number} - {server}: {name}"),
        CheckStatus::NotApplicable { reason } | CheckStatus::NotRun { reason } => {
            let reason = escaped(reason);
            writeln!(output, "ok {number} - {server}: {name} # SKIP {reason}")
        }
        CheckStatus::Failed { symptom, offset } => {
            writeln!(output, "not ok {number} - {server}: {name}")?;
            writeln!(output, "  ---")?;
            write_field(output, "message", symptom)?;
            if let Some(offset) = offset {
                writeln!(output, "  offset: {offset}")?;
            }
            write_field(output, "promise", result.check.promise)?;
            write_field(output, "why", result.check.why)?;
            write_field(output, "hint", result.check.hint)?;
            writeln!(output, "  chapter: {}", result.check.chapter.number())?;
            writeln!(output, "  seconds: {:.3}", result.seconds)?;
            writeln!(output, "  ...")
        }
    }
}

/// A string of JSON is one of YAML too.
fn write_field(output: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    let text = serde_json::to_string(text)?;
    writeln!(output, "  {name}: {text}")
}

/// In a description, `#` begins a directive, and a line break ends it.
fn escaped(text: &str) -> String {
    let line = one_line::escaped(text);
    line.replace('\\', r"\\").replace('#', r"\#")
}
