//! A finished experiment as text, in 80 columns: both variants side by side.

use super::excerpt::excerpts;
use crate::learn::lab::experiment::{ExperimentRun, Variant};
use crate::trace::Colour;
use std::fmt::{self, Write};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Columns of an excerpt, with the gap behind it.
const COLUMN: usize = WIDTH / 2 - 2;

const BOLD: u8 = 1;
const RED: u8 = 31;
const GREEN: u8 = 32;

/// The report of `run`.
pub fn text(run: &ExperimentRun, colour: Colour) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _infallible = write(&mut text, run, colour);
    text
}

fn write(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    let (name, mistake) = (run.experiment.name, run.experiment.mistake);
    writeln!(text, "{}: {mistake}\n", paint(colour, BOLD, name))?;
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

fn write_excerpts(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    let (wrong, right) = excerpts(&run.wrong.trace.records, &run.right.trace.records);
    let heading = format!("  {:<COLUMN$}the right server", "the wrong server");
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
    let heading = format!("  {:<35}{:<21}right", "observed", "wrong");
    writeln!(text, "{}", paint(colour, BOLD, &heading))?;
    for (wrong, right) in run.wrong.observations.iter().zip(&run.right.observations) {
        let (what, wrong, right) = (wrong.what, &wrong.value, &right.value);
        writeln!(text, "  {what:<35}{wrong:<21}{right}")?;
    }
    writeln!(text)
}

fn write_conclusions(text: &mut String, run: &ExperimentRun, colour: Colour) -> fmt::Result {
    for variant in [Variant::Wrong, Variant::Right] {
        let as_predicted = run.variant_is_as_predicted(variant);
        let parameter = if as_predicted { GREEN } else { RED };
        let name = paint(colour, parameter, &variant.to_string());
        let lines = wrap(&run.conclusion(variant), WIDTH - 9).join("\n         ");
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
