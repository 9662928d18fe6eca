//! Results for people, on a terminal of any width from 60 columns on.

use crate::check::definition::{Check, Level};
use crate::check::results::{CheckReport, CheckResult, CheckStatus};
use crate::text::units;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

const PASS: &str = "pass";
const FAIL: &str = "FAIL";
const NOT_APPLICABLE: &str = "n/a";
const NOT_RUN: &str = "skip";

/// What a report for people is written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns.
    pub width: u16,
    /// Whether it shows colours (ECMA-48).
    pub colour: bool,
}

/// The results of one server: what was promised, whether it was kept, what was seen, how long it took.
pub fn table(report: &CheckReport, layout: Layout) -> String {
    let mut table = plain_table(layout);
    table.set_header(["", "check", "promise and finding", "time"]);
    for result in &report.results {
        table.add_row([
            mark(result).to_owned(),
            result.check.name.to_owned(),
            promise_and_finding(result),
            time(result),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        // The promises share what the other columns leave.
        if index != 2 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if index == 3 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = lines(&table).map(|line| coloured(line, layout)).collect();
    let (server, summary) = (&report.server, summary(report));
    format!("{server}\n\n{}\n\n{summary}", lines.join("\n"))
}

/// Why each broken promise matters, what the usual cause is, and where to read on. Empty without a failure.
pub fn explanation(report: &CheckReport, layout: Layout) -> String {
    let explain = |result: &CheckResult| {
        let check = &result.check;
        let mut table = plain_table(layout);
        table.add_row(["why", check.why]);
        table.add_row(["hint", check.hint]);
        table.add_row(["see", &see(check)]);
        if let Some(column) = table.column_mut(0) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        let lines: Vec<String> = lines(&table).collect();
        format!("\n{} is broken\n{}\n", check.name, lines.join("\n"))
    };
    report.failures().map(explain).collect()
}

/// Whether the server has reached the level that it was graded for, and what comes next. `None` if it was not graded.
pub fn grade(report: &CheckReport) -> Option<String> {
    let grade = report.grade?;
    let level = grade.requested;
    let (number, title) = (level.number(), level.title());
    if let Some(failure) = report.failures().next() {
        let next = failure.check.name;
        let reached = match grade.reached {
            0 => "none".to_owned(),
            reached => format!("level {reached}"),
        };
        return Some(format!(
            "Level {number} ({title}) is not reached: `{next}` comes next. Reached: {reached}."
        ));
    }
    if !grade.is_reached() {
        let left = report.not_run();
        return Some(format!(
            "Whether level {number} ({title}) is reached is open: checks were not run ({left})."
        ));
    }
    let reached = match report.not_applicable() {
        0 => "is reached",
        _ => "is reached, as far as it could be tested",
    };
    let next = match Level::of(number + 1) {
        Some(next) => format!("Next: --level {}, {}.", next.number(), next.title()),
        None => "That is the last level.".to_owned(),
    };
    Some(format!("Level {number} ({title}) {reached}. {next}"))
}

/// The checks there are.
pub fn list(checks: &[Check], layout: Layout) -> String {
    let mut table = plain_table(layout);
    table.set_header(["check", "promise", "level", "quick", "needs"]);
    for check in checks {
        table.add_row([
            check.name,
            check.promise,
            &check
                .level
                .map_or("–".to_owned(), |level| level.number().to_string()),
            if check.quick { "yes" } else { "–" },
            if check.needs_process() {
                "process"
            } else {
                "address"
            },
        ]);
    }
    let lines: Vec<String> = lines(&table).collect();
    lines.join("\n")
}

fn mark(result: &CheckResult) -> &'static str {
    match result.status {
        CheckStatus::Passed { .. } => PASS,
        CheckStatus::Failed { .. } => FAIL,
        CheckStatus::NotApplicable { .. } => NOT_APPLICABLE,
        CheckStatus::NotRun { .. } => NOT_RUN,
    }
}

fn time(result: &CheckResult) -> String {
    match result.status {
        CheckStatus::NotApplicable { .. } | CheckStatus::NotRun { .. } => "–".to_owned(),
        _ => units::value(result.seconds, units::TIME),
    }
}

fn promise_and_finding(result: &CheckResult) -> String {
    let promise = result.check.promise;
    match &result.status {
        CheckStatus::Passed { measured: None } => promise.to_owned(),
        CheckStatus::Passed {
            measured: Some(finding),
        }
        | CheckStatus::Failed {
            symptom: finding, ..
        }
        | CheckStatus::NotApplicable { reason: finding } => format!("{promise}\n→ {finding}"),
        // There may be many of them, and none tells more than the one before.
        CheckStatus::NotRun { reason } => reason.clone(),
    }
}

fn summary(report: &CheckReport) -> String {
    let time = units::value(report.seconds, units::TIME);
    let mut parts = vec![format!("{} passed", report.passed())];
    if report.failed() > 0 {
        parts.push(format!("{} failed", report.failed()));
    }
    if report.not_applicable() > 0 {
        parts.push(format!("{} not applicable", report.not_applicable()));
    }
    if report.not_run() > 0 {
        parts.push(format!("{} not run", report.not_run()));
    }
    let lines = [format!("{}, in {time}", parts.join(", "))];
    let lines: Vec<String> = lines.into_iter().chain(left_out(report)).collect();
    lines.join("\n")
}

/// A line for each reason why checks were not run.
fn left_out(report: &CheckReport) -> Vec<String> {
    let reasons = report.results.iter().filter_map(|it| match &it.status {
        CheckStatus::NotRun { reason } => Some(reason.as_str()),
        _ => None,
    });
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for reason in reasons {
        match counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason, 1)),
        }
    }
    let all = report.results.len();
    let line = |(reason, count)| match count {
        1 => format!("1 of {all} checks was not run: {reason}"),
        _ => format!("{count} of {all} checks were not run: {reason}"),
    };
    counts.into_iter().map(line).collect()
}

fn see(check: &Check) -> String {
    let chapter = check.chapter;
    match check.experiment {
        Some(experiment) => format!("guide {chapter}; mio-echo lab {experiment}"),
        None => format!("guide {chapter}"),
    }
}

fn plain_table(layout: Layout) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(layout.width);
    table
}

/// The lines of a table, without the blanks that fill them.
fn lines(table: &Table) -> impl Iterator<Item = String> {
    table.lines().map(|line| line.trim_end().to_owned())
}

/// A line of results whose mark has its colour.
fn coloured(line: String, layout: Layout) -> String {
    const RED: u8 = 31;
    const GREEN: u8 = 32;
    const YELLOW: u8 = 33;
    if !layout.colour {
        return line;
    }
    let marks = [
        (PASS, GREEN),
        (FAIL, RED),
        (NOT_APPLICABLE, YELLOW),
        (NOT_RUN, YELLOW),
    ];
    let mark = marks.into_iter().find_map(|(mark, colour)| {
        let rest = line.strip_prefix(' ')?.strip_prefix(mark)?;
        Some(format!(" \x1b[{colour}m{mark}\x1b[0m{rest}"))
    });
    mark.unwrap_or(line)
}
