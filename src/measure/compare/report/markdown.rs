//! Tables to paste into a README or an issue.

use super::super::model::Comparison;
use super::super::summary::{self, Cell, Row, Table};
use super::super::warning::warnings;
use super::{base, circumstances, failure_in_words, ratio_in_words};
use std::fmt::Write;

/// The comparison as Markdown: a table for each scenario, and how it was measured.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    for table in summary::tables(comparison) {
        push(&mut text, &format!("### {}\n", table.scenario));
        push(&mut text, &table_of(&table));
    }
    let base = escaped(base(comparison));
    push(
        &mut text,
        &format!(
            "Medians; behind them the ratio to {base}, round by round, with its 95 % interval.\n"
        ),
    );
    for warning in warnings(comparison) {
        push(
            &mut text,
            &format!("**Warning:** {}\n", escaped(&warning.to_string())),
        );
    }
    for (name, value) in circumstances(comparison) {
        push(&mut text, &format!("- {name}: {}", escaped(&value)));
    }
    text
}

fn table_of(table: &Table<'_>) -> String {
    let pattern = table.scenario.pattern;
    let mut text = "| contender |".to_owned();
    for metric in table.columns() {
        // Writing to a string cannot fail.
        let _ = write!(text, " {} |", metric.title(pattern));
    }
    push(&mut text, "");
    push(
        &mut text,
        &format!("| --- |{}", " ---: |".repeat(table.columns().count())),
    );
    for row in &table.rows {
        push(&mut text, &row_of(table, row));
    }
    text
}

fn row_of(table: &Table<'_>, row: &Row<'_>) -> String {
    let name = escaped(&row.contender.name);
    if let Some(failure) = failure_in_words(row) {
        let rest = " |".repeat(table.columns().count());
        return format!("| {name} | {}{rest}", escaped(&failure));
    }
    let cells = table
        .columns()
        .map(|metric| row.cell(metric).map_or_else(String::new, cell));
    format!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "))
}

fn cell(cell: &Cell) -> String {
    let median = cell.metric.write(cell.spread.median);
    match &cell.ratio {
        Some(ratio) => format!("{median}, {}", ratio_in_words(ratio)),
        None => median,
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// What would end a cell, or would be taken for markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '<' | '*' | '_' | '`' | '[' | '\\' => escaped.extend(['\\', letter]),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        let text = markdown(&example::comparison());
        let cells = |line: &str| line.matches('|').count() - line.matches("\\|").count();
        let mut tables = 0;
        for table in text.split("### ").skip(1) {
            let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
            assert_eq!(rows.len(), 6, "head, rule and four contenders: {table}");
            assert!(
                rows.iter().all(|row| cells(row) == cells(rows[0])),
                "{table}"
            );
            tables += 1;
        }
        assert_eq!(tables, 3);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        assert_eq!(escaped("a|b <i>\nc"), "a\\|b \\<i> c");
    }
}
