//! A finished experiment as text: the code, what both servers did, what was measured, and why.

use super::code::{CodeRow, rows};
use super::excerpt::excerpts;
use crate::learn::lab::experiment::{ExperimentRun, SideBySide};
use crate::learn::lab::variant::Variant;
use crate::trace::Colour;
use std::fmt::{self, Write};

/// Columns of everything but the code.
const WIDTH: usize = 80;
/// Columns of an excerpt, with the gap behind it.
const COLUMN: usize = WIDTH / 2 - 2;

const BOLD: u8 = 1;
const RED: u8 = 31;
const GREEN: u8 = 32;

/// The report of `run` on a terminal of this many columns, of which it uses at least 80. If the code of both servers
/// does not fit side by side, it is shown as a diff.
pub fn text(run: &ExperimentRun, colour: Colour, columns: usize) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _infallible = write(&mut text, run, colour, columns.max(WIDTH));
    text
}

fn write(text: &mut String, run: &ExperimentRun, colour: Colour, columns: usize) -> fmt::Result {
    let (name, mistake) = (run.experiment.name, run.experiment.mistake);
    writeln!(text, "{}: {mistake}\n", paint(colour, BOLD, name))?;
    write_code(text, run, colour, columns)?;
    write_excerpts(text, run, colour)?;
    write_observations(text, run, colour)?;
    for paragraph in [run.experiment.why, &run.experiment.see_also()] {
        for line in wrap(paragraph, WIDTH - 2) {
            writeln!(text, "  {line}")?;
        }
    }
    writeln!(text)?;
    write_conclusions(text, run, colour)
}

fn write_code(
    text: &mut String,
    run: &ExperimentRun,
    colour: Colour,
    columns: usize,
) -> fmt::Result {
    let rows = rows(&run.experiment);
    let lines = rows.iter().flat_map(CodeRow::lines);
    let widest = lines.map(|line| line.chars().count()).max().unwrap_or(0);
    // An indent of two, and a gap of two.
    let column = columns / 2 - 2;
    if widest <= column {
        write_side_by_side(text, run, colour, column, &rows)?;
    } else {
        write_diff(text, run, colour, columns, &rows)?;
    }
    writeln!(text)
}

fn write_side_by_side(
    text: &mut String,
    run: &ExperimentRun,
    colour: Colour,
    column: usize,
    rows: &[CodeRow],
) -> fmt::Result {
    let [wrong, right] = [Variant::Wrong, Variant::Right].map(|variant| heading(run, variant));
    let column = column + 2;
    let heading = format!("  {wrong:<column$}{right}");
    writeln!(text, "{}", paint(colour, BOLD, &heading))?;
    for row in rows {
        let (wrong, right) = match row {
            CodeRow::Common(line) => (line.as_str(), line.as_str()),
            CodeRow::Differing(wrong, right) => (
                wrong.as_deref().unwrap_or_default(),
                right.as_deref().unwrap_or_default(),
            ),
            CodeRow::Omitted => ("…", "…"),
        };
        let (mut wrong, mut right) = (format!("{wrong:<column$}"), right.to_owned());
        if matches!(row, CodeRow::Differing(..)) {
            wrong = paint(colour, RED, &wrong);
            right = paint(colour, GREEN, &right);
        }
        writeln!(text, "{}", format!("  {wrong}{right}").trim_end())?;
    }
    Ok(())
}

fn write_diff(
    text: &mut String,
    run: &ExperimentRun,
    colour: Colour,
    columns: usize,
    rows: &[CodeRow],
) -> fmt::Result {
    let [wrong, right] = [Variant::Wrong, Variant::Right].map(|variant| heading(run, variant));
    let heading = format!("  - {wrong}    + {right}");
    writeln!(text, "{}", paint(colour, BOLD, &heading))?;
    let room = columns - 4;
    // The lines of one server, then those of the other that take their place.
    let differs = |row: &CodeRow| matches!(row, CodeRow::Differing(..));
    for rows in rows.chunk_by(|one, next| differs(one) && differs(next)) {
        for row in rows {
            match row {
                CodeRow::Common(line) => {
                    writeln!(text, "{}", format!("    {}", cut(line, room)).trim_end())?;
                }
                CodeRow::Omitted => writeln!(text, "    …")?,
                CodeRow::Differing(Some(line), _) => {
                    let line = format!("  - {}", cut(line, room));
                    writeln!(text, "{}", paint(colour, RED, line.trim_end()))?;
                }
                CodeRow::Differing(None, _) => {}
            }
        }
        for row in rows {
            if let CodeRow::Differing(_, Some(line)) = row {
                let line = format!("  + {}", cut(line, room));
                writeln!(text, "{}", paint(colour, GREEN, line.trim_end()))?;
            }
        }
    }
    Ok(())
}

/// What a server is called above its column.
pub(super) fn heading(run: &ExperimentRun, variant: Variant) -> String {
    let label = run.experiment.label(variant);
    match run.experiment.comparison {
        SideBySide::Mistake => format!("the {label} server"),
        SideBySide::Ways(..) => label.to_owned(),
    }
}

fn write_excerpts(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    let (wrong, right) = excerpts(&run.wrong.trace.records, &run.right.trace.records);
    let [left, other] = [Variant::Wrong, Variant::Right].map(|variant| heading(run, variant));
    let heading = format!("  {left:<COLUMN$}{other}");
    writeln!(text, "{}", paint(colour, BOLD, &heading))?;
    let line = |lines: &[String], at: usize| {
        let line = lines.get(at).map_or("", String::as_str);
        cut(line, COLUMN - 2)
    };
    for at in 0..wrong.len().max(right.len()) {
        let (left, right) = (line(&wrong, at), line(&right, at));
        writeln!(text, "{}", format!("  {left:<COLUMN$}{right}").trim_end())?;
    }
    writeln!(text)
}

fn write_observations(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    let [wrong, right] = [Variant::Wrong, Variant::Right].map(|one| run.experiment.label(one));
    let heading = format!("  {:<35}{wrong:<21}{right}", "observed");
    writeln!(text, "{}", paint(colour, BOLD, &heading))?;
    for (wrong, right) in run.wrong.observations.iter().zip(&run.right.observations) {
        let (what, wrong, right) = (wrong.what, &wrong.value, &right.value);
        writeln!(text, "  {what:<35}{wrong:<21}{right}")?;
    }
    writeln!(text)
}

fn write_conclusions(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    let labels = [Variant::Wrong, Variant::Right].map(|one| run.experiment.label(one));
    let width = labels.map(str::len).into_iter().max().unwrap_or(0);
    for variant in [Variant::Wrong, Variant::Right] {
        let as_predicted = run.variant_is_as_predicted(variant);
        let parameter = if as_predicted { GREEN } else { RED };
        let name = format!("{:<width$}", run.experiment.label(variant));
        let name = paint(colour, parameter, &name);
        let line_break = format!("\n{:1$}", "", width + 4);
        let lines = wrap(&run.conclusion(variant), WIDTH - width - 4).join(&line_break);
        writeln!(text, "  {name}  {lines}")?;
    }
    Ok(())
}

/// `text` with a parameter of "select graphic rendition" (ECMA-48, section 8.3.117).
fn paint(colour: Colour, parameter: u8, text: &str) -> String {
    match colour {
        Colour::Plain => text.to_owned(),
        Colour::Ansi => format!("\x1b[{parameter}m{text}\x1b[0m"),
    }
}

/// `line`, shortened to `width` characters.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let short: String = line.chars().take(width - 1).collect();
    format!("{short}…")
}

/// The words of `text`, on lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
