//! The table for the terminal: fits 100 columns, needs no colours.

use super::super::Metric;
use super::super::model::Comparison;
use super::super::statistics::Verdict;
use super::super::summary::{self, Cell, Row, Table};
use super::super::warning::warnings;
use super::{base, circumstances, failure_in_words, range, spread_in_words};
use crate::text::units;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, presets};
use std::fmt::Write;

/// Columns of the widest table.
const WIDTH: u16 = 100;

/// Numbers that get a line below the contender's name instead of a column.
const FACTS: [Metric; 3] = [
    Metric::Threads,
    Metric::SwitchesPerMessage,
    Metric::CallsPerMessage,
];

/// The comparison as tables of text.
pub fn terminal(comparison: &Comparison) -> String {
    let mut text = String::new();
    for table in summary::tables(comparison) {
        push(&mut text, &table.scenario.to_string());
        if !table.metrics.is_empty() {
            push(&mut text, &grid(&table));
        }
        for row in &table.rows {
            if let Some(failure) = failure_in_words(row) {
                push(&mut text, &format!("{} {failure}", row.contender.name));
            }
        }
        push(&mut text, "");
    }
    let base = base(comparison);
    push(
        &mut text,
        &format!(
            "Each number: median, lowest–highest, ratio to {base} with its 95 % interval. Switches and\n\
             system calls are per message. (again) is {base} once more: the noise of this machine.\n"
        ),
    );
    for warning in warnings(comparison) {
        push(&mut text, &format!("Warning: {warning}"));
    }
    for (name, value) in circumstances(comparison) {
        push(&mut text, &format!("{name:>9}  {value}"));
    }
    text
}

fn grid(table: &Table<'_>) -> String {
    let columns = columns(table);
    let mut grid = Grid::new();
    grid.load_style(presets::UTF8_HORIZONTAL_ONLY);
    grid.set_content_arrangement(ContentArrangement::Dynamic);
    grid.set_width(WIDTH);
    let titles = columns
        .iter()
        .map(|metric| metric.title(table.scenario.pattern));
    grid.set_header(std::iter::once("contender").chain(titles));
    for row in &table.rows {
        let cells = columns
            .iter()
            .enumerate()
            .map(|(at, metric)| match row.cell(*metric) {
                Some(cell) => lines(cell),
                None if at == 0 && failure_in_words(row).is_some() => "failed".to_owned(),
                None => "–".to_owned(),
            });
        grid.add_row(std::iter::once(name_and_facts(row)).chain(cells));
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
        // Names may be broken, numbers may not.
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    grid.to_string()
}

/// The numbers that get a column here.
fn columns(table: &Table<'_>) -> Vec<Metric> {
    let columns = table.columns();
    columns.filter(|metric| !FACTS.contains(metric)).collect()
}

fn name_and_facts(row: &Row<'_>) -> String {
    let mut text = row.contender.name.clone();
    for cell in FACTS.into_iter().filter_map(|metric| row.cell(metric)) {
        let value = cell.metric.write(cell.spread.median);
        let what = match cell.metric {
            Metric::Threads if value == "1" => "thread",
            Metric::Threads => "threads",
            Metric::SwitchesPerMessage => "switches",
            _ => "calls",
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{value} {what}");
    }
    text
}

fn lines(cell: &Cell) -> String {
    let mut text = cell.metric.write(cell.spread.median);
    // An empty line keeps the ratios of a row on the same height.
    text.push('\n');
    text.push_str(&spread_in_words(cell).unwrap_or_default());
    if let Some(ratio) = &cell.ratio {
        let interval = ratio
            .interval
            .map(|interval| format!(" {}", range(interval)));
        let _ = write!(
            text,
            "\n×{}{}",
            units::ratio(ratio.median),
            interval.unwrap_or_default()
        );
        if ratio.verdict() == Verdict::NoDifference {
            text.push_str("\nno difference");
        }
    }
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn it_fits_a_hundred_columns_and_has_every_row() {
        let text = terminal(&example::comparison());
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(text.matches("no difference").count() > 3, "{text}");
        assert!(
            text.contains("failed in round 2: corrupted connection 3, byte 4096"),
            "{text}"
        );
        for name in ["threads", "(again)", "<other> &"] {
            assert!(text.matches(name).count() >= 3, "{name}: {text}");
        }
    }
}
