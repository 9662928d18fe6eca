//! Tables to paste into a README or an issue.

use crate::measure::compare::diagnosis::warnings;
use crate::measure::compare::headline::sentences;
use crate::measure::compare::model::Comparison;
use crate::measure::compare::summary::{self, Cell, Row, Table};
use crate::measure::compare::wording;

/// The comparison as Markdown: a table for each scenario, then how it was measured.
pub fn markdown(comparison: &Comparison) -> String {
    let mut lines: Vec<String> = sentences(comparison)
        .iter()
        .map(|sentence| format!("- {}", escape_markdown(sentence)))
        .collect();
    lines.push(String::new());
    for table in summary::tables(comparison) {
        lines.push(format!("### {}\n", table.scenario));
        lines.extend(table_lines(&table, comparison.margin));
        lines.push(String::new());
    }
    if let Some(before) = &comparison.before {
        lines.push(format!("### {}\n", escape_markdown(&before.heading())));
        let changes = before.lines(comparison.margin).into_iter();
        lines.extend(changes.map(|line| format!("- {}", escape_markdown(&line))));
        lines.push(String::new());
    }
    let reading = escape_markdown(&wording::reading(comparison));
    lines.push(format!(
        "Medians, followed by what the ratio shows. {reading}\n"
    ));
    for warning in warnings(comparison) {
        let warning = escape_markdown(&warning.to_string());
        lines.push(format!("**Warning:** {warning}\n"));
    }
    for (label, text) in wording::setup(comparison) {
        lines.push(format!("- {label}: {}", escape_markdown(&text)));
    }
    lines.join("\n") + "\n"
}

fn table_lines(table: &Table<'_>, margin: f64) -> Vec<String> {
    let titles = table
        .columns()
        .map(|metric| escape_markdown(&wording::head(metric, &table.scenario)));
    let mut head: Vec<String> = std::iter::once("contender".to_owned())
        .chain(titles)
        .collect();
    // A failure needs a column even where no contender has figures.
    head.resize(head.len().max(2), String::new());
    let mut lines = vec![
        row_line(&head),
        format!("| --- |{}", " ---: |".repeat(head.len() - 1)),
    ];
    let rows = table.rows.iter();
    lines.extend(rows.map(|row| row_line(&cells(table, row, head.len(), margin))));
    lines
}

fn row_line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn cells(table: &Table<'_>, row: &Row<'_>, count: usize, margin: f64) -> Vec<String> {
    let mut cells = vec![escape_markdown(&row.contender.name)];
    match wording::failure(row) {
        Some(failure) => cells.push(escape_markdown(&failure)),
        None => cells.extend(table.columns().map(|metric| match row.cell(metric) {
            Some(value) => cell(value, margin),
            None => "–".to_owned(),
        })),
    }
    cells.resize(count, String::new());
    cells
}

fn cell(cell: &Cell, margin: f64) -> String {
    let median = cell.metric.format(cell.figure);
    match &cell.ratio {
        Some(ratio) => format!("{median}, {}", wording::ratio(cell.metric, ratio, margin)),
        None => median,
    }
}

/// Escapes what would end a cell or be taken for markup.
fn escape_markdown(text: &str) -> String {
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
    use super::*;
    use crate::measure::compare::example;

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
        assert_eq!(tables, 6);
    }

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        assert_eq!(escape_markdown("a|b <i>\nc"), "a\\|b \\<i> c");
    }
}
