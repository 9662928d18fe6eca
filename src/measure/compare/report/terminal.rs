//! Tables for a terminal, 100 columns wide and without colours.

use super::wording;
use crate::measure::compare::metric::Metric;
use crate::measure::compare::model::Comparison;
use crate::measure::compare::statistics::Conclusion;
use crate::measure::compare::summary::{self, Cell, Row, Table};
use crate::measure::compare::warning::warnings;
use crate::text::units;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, presets};

/// Columns of the widest table.
const WIDTH: u16 = 100;

/// Metrics that get a line below the contender's name instead of a column.
const BELOW_THE_NAME: [Metric; 3] = [
    Metric::Threads,
    Metric::SwitchesPerMessage,
    Metric::SyscallsPerMessage,
];

/// The comparison as tables of text.
pub fn terminal(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for table in summary::tables(comparison) {
        lines.push(table.scenario.to_string());
        if !table.metrics.is_empty() {
            lines.push(grid(&table));
        }
        for row in &table.rows {
            let failure = wording::failure(row);
            lines.extend(failure.map(|failure| format!("{} {failure}", row.contender.name)));
        }
        lines.push(String::new());
    }
    let baseline = wording::baseline(comparison);
    lines.push(format!(
        "Each cell: median, lowest–highest, ratio to {baseline} with its 95 % interval. Switches and\n\
         syscalls are per message. (again) is {baseline} a second time: the noise of this machine.\n"
    ));
    let warnings = warnings(comparison).into_iter();
    lines.extend(warnings.map(|warning| format!("Warning: {warning}")));
    let setup = wording::setup(comparison).into_iter();
    lines.extend(setup.map(|(label, text)| format!("{label:>9}  {text}")));
    lines.join("\n") + "\n"
}

fn grid(table: &Table<'_>) -> String {
    let columns: Vec<Metric> = table
        .columns()
        .filter(|metric| !BELOW_THE_NAME.contains(metric))
        .collect();
    let mut grid = Grid::new();
    grid.load_style(presets::UTF8_HORIZONTAL_ONLY);
    grid.set_content_arrangement(ContentArrangement::Dynamic);
    grid.set_width(WIDTH);
    let titles = columns
        .iter()
        .map(|metric| metric.title(table.scenario.pattern));
    grid.set_header(std::iter::once("contender").chain(titles));
    for row in &table.rows {
        let has_failed = wording::failure(row).is_some();
        let cells = columns
            .iter()
            .enumerate()
            .map(|(at, metric)| match row.cell(*metric) {
                Some(cell) => cell_lines(cell),
                None if at == 0 && has_failed => "failed".to_owned(),
                None => "–".to_owned(),
            });
        grid.add_row(std::iter::once(name_lines(row)).chain(cells));
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
        // Names may wrap, figures may not.
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    grid.to_string()
}

fn name_lines(row: &Row<'_>) -> String {
    let mut lines = vec![row.contender.name.clone()];
    for cell in BELOW_THE_NAME.into_iter().filter_map(|it| row.cell(it)) {
        let value = cell.metric.format(cell.spread.median);
        let unit = match cell.metric {
            Metric::Threads if value == "1" => "thread",
            Metric::Threads => "threads",
            Metric::SwitchesPerMessage => "switches",
            _ => "syscalls",
        };
        lines.push(format!("{value} {unit}"));
    }
    lines.join("\n")
}

fn cell_lines(cell: &Cell) -> String {
    let mut lines = vec![
        cell.metric.format(cell.spread.median),
        // Without a spread, an empty line keeps the ratios of a row at the same height.
        wording::spread(cell).unwrap_or_default(),
    ];
    if let Some(ratio) = &cell.ratio {
        let interval = ratio
            .interval
            .map(|interval| format!(" {}", wording::interval(interval)));
        lines.push(format!(
            "×{}{}",
            units::ratio(ratio.median),
            interval.unwrap_or_default()
        ));
        if ratio.conclusion() == Conclusion::NoDifference {
            lines.push("no difference".to_owned());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::example;

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
