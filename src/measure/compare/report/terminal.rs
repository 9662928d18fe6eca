//! Tables for a terminal, 80 columns wide and without colours: the figures of each scenario, with a row for each contender,
//! and below them the ratios to the baseline.

use crate::measure::compare::diagnosis::warnings;
use crate::measure::compare::headline::sentences;
use crate::measure::compare::metric::Metric;
use crate::measure::compare::model::{Comparison, Role};
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::compare::summary::{self, Row, Table};
use crate::measure::compare::wording;

/// Columns of the terminal.
const WIDTH: usize = 80;

/// The most columns that a name gets.
const LONGEST_NAME: usize = 20;

/// Columns of the labels in front of a text: the longest label, and the space behind it.
const LABEL: usize = 11;

/// The comparison as text.
pub fn terminal(comparison: &Comparison) -> String {
    let mut lines: Vec<String> = sentences(comparison)
        .iter()
        .flat_map(|sentence| wrap("", sentence, 0))
        .collect();
    lines.push(String::new());
    for table in summary::tables(comparison) {
        lines.push(table.scenario.to_string());
        lines.extend(figures(&table));
        for row in &table.rows {
            lines.extend(failure_lines(row));
        }
        let baseline = wording::baseline(comparison);
        for row in &table.rows {
            lines.extend(comparison_lines(&table, row, baseline, comparison.margin));
        }
        lines.push(String::new());
    }
    if let Some(before) = &comparison.before {
        lines.extend(wrap("", &before.heading(), 0));
        let changes = before.lines(comparison.margin).into_iter();
        lines.extend(changes.flat_map(|line| wrap("  ", &line, 4)));
        lines.push(String::new());
    }
    lines.extend(wrap("", &wording::reading(comparison), 0));
    lines.push(String::new());
    for warning in warnings(comparison) {
        lines.extend(wrap("Warning:", &warning.to_string(), LABEL));
    }
    for (label, text) in wording::setup(comparison) {
        lines.extend(wrap(label, &text, LABEL));
    }
    lines.join("\n") + "\n"
}

/// The medians, with a row for each contender that has any.
fn figures(table: &Table<'_>) -> Vec<String> {
    let columns: Vec<Metric> = table.columns().collect();
    if columns.is_empty() {
        return Vec::new();
    }
    let heads = columns
        .iter()
        .map(|metric| short_head(*metric, &table.scenario));
    let mut rows = vec![("contender", heads.collect::<Vec<_>>())];
    for row in table
        .rows
        .iter()
        .filter(|row| wording::failure(row).is_none())
    {
        let cell = |metric: &Metric| match row.cell(*metric) {
            Some(cell) => metric.format(cell.figure),
            None => "–".to_owned(),
        };
        rows.push((&row.contender.name, columns.iter().map(cell).collect()));
    }
    grid(&rows)
}

/// A table with the names on the left and the figures aligned to the right. Columns that do not fit follow in another table.
/// Names that are too long are cut: the lines below the tables have them in full.
fn grid(rows: &[(&str, Vec<String>)]) -> Vec<String> {
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max();
    let names = longest.unwrap_or(0).min(LONGEST_NAME);
    let count = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut from = 0;
    while from < count {
        let mut room = WIDTH - names;
        let mut to = from;
        while to < count && (to == from || column_width(rows, to) <= room) {
            room = room.saturating_sub(column_width(rows, to));
            to += 1;
        }
        let line = |(name, cells): &(&str, Vec<String>)| {
            let cells = cells.iter().enumerate().take(to).skip(from);
            let cells: Vec<String> = cells
                .map(|(at, cell)| format!("{cell:>width$}", width = column_width(rows, at)))
                .collect();
            format!("{:names$}{}", cut(name, names), cells.concat())
        };
        lines.extend(rows.iter().map(line));
        from = to;
    }
    lines
}

/// The widest figure of a column, and the space that separates it from the column before.
fn column_width(rows: &[(&str, Vec<String>)], column: usize) -> usize {
    let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
    2 + cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

/// A title that keeps the table narrow. The titles of switches and system calls leave out that they are per message or per
/// connection.
fn short_head(metric: Metric, scenario: &Scenario) -> String {
    let is_churn = scenario.pattern == ScenarioPattern::Churn;
    let title = match metric {
        Metric::Throughput if is_churn => "conn./s",
        Metric::CpuPerMessage if is_churn => "CPU/conn.",
        Metric::CpuPerMessage if scenario.pattern != ScenarioPattern::Datagrams => "CPU/msg",
        Metric::FloodBandwidth => "flood",
        Metric::MemoryPerConnection => "mem/conn.",
        Metric::SwitchesPerMessage => "switches",
        Metric::SyscallsPerMessage => "syscalls",
        Metric::EventsPerMessage(event) => event.name(),
        metric => metric.title(scenario),
    };
    wording::marked(title, metric, scenario)
}

fn failure_lines(row: &Row<'_>) -> Vec<String> {
    let Some(failure) = wording::failure(row) else {
        return Vec::new();
    };
    let name = &row.contender.name;
    // Not wrapped, so that a search finds the reason.
    let mut lines = vec![format!("{name} {failure}")];
    lines.extend(
        wording::stderr(row)
            .iter()
            .map(|line| format!("    | {line}")),
    );
    lines
}

/// What the ratios of a contender show, one line per metric.
fn comparison_lines(table: &Table<'_>, row: &Row<'_>, baseline: &str, margin: f64) -> Vec<String> {
    let cells = table.columns().filter_map(|metric| row.cell(metric));
    let compared: Vec<(String, String)> = cells
        .filter_map(|cell| {
            let title = wording::head(cell.metric, &table.scenario);
            let ratio = cell.ratio.as_ref()?;
            Some((title, wording::ratio(cell.metric, ratio, margin)))
        })
        .collect();
    if compared.is_empty() {
        return Vec::new();
    }
    let name = &row.contender.name;
    let mut lines = vec![match row.contender.role {
        Role::Again => format!("  {baseline} against itself, the noise floor:"),
        Role::Baseline | Role::Other => format!("  {name} against {baseline}:"),
    }];
    let line = |(title, text): &(String, String)| format!("    {title:<15} {text}");
    lines.extend(compared.iter().map(line));
    lines
}

/// Lines of text that begin `indent` columns from the margin, the first one behind `label`. No word is broken.
fn wrap(label: &str, text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("{label:<indent$}");
    let mut is_empty = true;
    for word in text.split(' ') {
        let longer = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if longer > WIDTH && !is_empty {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn it_fits_eighty_columns_and_has_a_row_for_every_contender() {
        let text = terminal(&example::comparison());
        for line in text
            .lines()
            .filter(|line| !line.contains(" failed in round "))
        {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            text.contains("failed in round 2: corrupted connection 3, byte 4096"),
            "{text}"
        );
        for name in ["event-loop ", "threads ", "event-loop (again)", "<other> &"] {
            let rows = text.lines().filter(|line| line.starts_with(name));
            assert!(
                rows.count() >= 3,
                "{name} has a row for each scenario: {text}"
            );
        }
    }

    #[test]
    fn each_ratio_is_put_in_one_of_three_words() {
        let text = terminal(&example::comparison());
        assert!(text.contains("threads against event-loop:"), "{text}");
        assert!(
            text.contains("messages/s*     slower ×0.60 (0.60–0.61)"),
            "{text}"
        );
        assert!(text.contains("CPU/message*    more ×1.6"), "{text}");
        assert!(
            text.contains("memory          same within ±5 % (1.00–1.00)"),
            "{text}"
        );
        assert!(!text.contains("no difference"), "{text}");
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_no_word_is_broken() {
        assert_eq!(cut("a long name", 7), "a long…");
        assert_eq!(cut("a long name", 3), "a…");
        let lines = wrap("Warning:", &"word ".repeat(40), LABEL);
        let words = lines.iter().flat_map(|line| line.split_whitespace());
        assert!(words.skip(1).all(|word| word == "word"), "{lines:?}");
    }
}
