//! The files that a comparison is reported in, and the table on standard output.

use crate::cli::files::write_to;
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::report;
use std::path::Path;

/// The format of a report.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReportFormat {
    Html,
    Svg,
    Markdown,
    Csv,
    Json,
}

/// Saves a comparison that has not ended, for the case that it never does.
pub(super) fn save(comparison: &Comparison, path: &Path) -> Result<(), String> {
    let text = report::json(comparison)?;
    write_to(path, |file| file.write_all(text.as_bytes()))
}

/// Writes the reports, and prints the table unless a report goes to standard output.
pub(super) fn write(
    comparison: &Comparison,
    reports: &[(ReportFormat, &Path)],
) -> Result<(), String> {
    let stdout = Path::new("-");
    for (format, path) in reports {
        let text = text(comparison, *format)?;
        write_to(path, |file| file.write_all(text.as_bytes()))?;
    }
    if reports.iter().any(|(_, path)| *path == stdout) {
        return Ok(());
    }
    let table = report::terminal(comparison);
    write_to(stdout, |file| file.write_all(table.as_bytes()))
}

fn text(comparison: &Comparison, format: ReportFormat) -> Result<String, String> {
    match format {
        ReportFormat::Html => Ok(report::html(comparison)),
        ReportFormat::Svg => report::svg(comparison)
            .ok_or_else(|| "there is no chart to write: no contender has values".to_owned()),
        ReportFormat::Markdown => Ok(report::markdown(comparison)),
        ReportFormat::Csv => Ok(report::csv(comparison)),
        ReportFormat::Json => report::json(comparison),
    }
}
