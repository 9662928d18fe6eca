//! What an experiment showed, for people: both halves side by side, on 80 columns.

use super::page;
use crate::learn::lab::{Experiment, Half, Outcome, Variant};
use crate::text::units::count;
use crate::trace::{Colour, Event, Lane, Record};
use std::fmt::{self, Write};
use std::io;

/// Columns of a terminal.
const WIDTH: usize = 80;
const BOLD: u8 = 1;
const RED: u8 = 31;
const GREEN: u8 = 32;

/// Lines of what the servers did alike, shown before they part.
const CONTEXT: usize = 4;
/// Lines shown from there on, and from the end.
const HEAD: usize = 10;
const TAIL: usize = 5;

/// Both halves of an experiment.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which.
    pub experiment: Experiment,
    /// What the wrong server did.
    pub wrong: Half,
    /// What the right server did.
    pub right: Half,
}

impl Report {
    /// Whether the wrong server failed in the promised way, and the right one did not fail.
    pub fn is_as_promised(&self) -> bool {
        self.wrong.outcome.is_promised_of(Variant::Wrong)
            && self.right.outcome.is_promised_of(Variant::Right)
    }

    /// All of it as text.
    pub fn text(&self, colour: Colour) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut text, colour);
        text
    }

    /// All of it as one page that needs nothing else, with the timelines of both halves beside each other.
    ///
    /// # Errors
    ///
    /// Those of `output`.
    pub fn write_page(&self, output: &mut impl io::Write) -> io::Result<()> {
        page::write(self, output)
    }

    fn write(&self, text: &mut String, colour: Colour) -> fmt::Result {
        let Experiment { name, mistake, .. } = self.experiment;
        writeln!(text, "{}: {mistake}\n", paint(colour, BOLD, name))?;
        self.write_what_they_did(text, colour)?;
        self.write_what_was_observed(text, colour)?;
        self.write_why(text)?;
        self.write_verdict(text, colour)
    }

    fn write_what_they_did(&self, text: &mut String, colour: Colour) -> fmt::Result {
        let (wrong, right) = excerpts(&self.wrong, &self.right);
        if wrong.is_empty() && right.is_empty() {
            return Ok(());
        }
        let column = WIDTH / 2 - 2;
        let heading = format!("  {:<column$}", "what the wrong server did");
        writeln!(
            text,
            "{}",
            paint(colour, BOLD, &format!("{heading}the right one"))
        )?;
        for at in 0..wrong.len().max(right.len()) {
            let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
            let (left, right) = (
                cut(&line(&wrong), column - 2),
                cut(&line(&right), column - 2),
            );
            writeln!(text, "{}", format!("  {left:<column$}{right}").trim_end())?;
        }
        writeln!(text)
    }

    fn write_what_was_observed(&self, text: &mut String, colour: Colour) -> fmt::Result {
        let heading = format!("  {:<35}{:<21}right", "observed", "wrong");
        writeln!(text, "{}", paint(colour, BOLD, &heading))?;
        for (wrong, right) in self.wrong.observed.iter().zip(&self.right.observed) {
            let line = format!("  {:<35}{:<21}{}", wrong.what, wrong.value, right.value);
            writeln!(text, "{line}")?;
        }
        writeln!(text)
    }

    fn write_why(&self, text: &mut String) -> fmt::Result {
        let Experiment { why, .. } = self.experiment;
        for line in wrapped(why, WIDTH - 2) {
            writeln!(text, "  {line}")?;
        }
        let sources = self.experiment.read_on();
        for line in wrapped(&sources, WIDTH - 2) {
            writeln!(text, "  {line}")?;
        }
        writeln!(text)
    }

    fn write_verdict(&self, text: &mut String, colour: Colour) -> fmt::Result {
        for variant in [Variant::Wrong, Variant::Right] {
            let as_promised = self.half(variant).outcome.is_promised_of(variant);
            let name = name_of(variant, as_promised, colour);
            let lines = wrapped(&self.verdict(variant), WIDTH - 9).join("\n         ");
            writeln!(text, "  {name}  {lines}")?;
        }
        Ok(())
    }

    /// How one half went, in one sentence.
    pub(crate) fn verdict(&self, variant: Variant) -> String {
        let promise = self.experiment.promise;
        match (variant, &self.half(variant).outcome) {
            (Variant::Wrong, Outcome::Broke) => format!("failed as promised: {promise}"),
            (Variant::Right, Outcome::Held) => "did all that it should".to_owned(),
            (Variant::Wrong, Outcome::Held) => "SURPRISE: it did not fail".to_owned(),
            (Variant::Right, Outcome::Broke) => "SURPRISE: it failed as the wrong one".to_owned(),
            (_, Outcome::Surprised(found)) => format!("SURPRISE: {found}"),
        }
    }

    fn half(&self, variant: Variant) -> &Half {
        match variant {
            Variant::Wrong => &self.wrong,
            Variant::Right => &self.right,
        }
    }
}

/// The name of a half, in the colour of whether it did as promised.
fn name_of(variant: Variant, as_promised: bool, colour: Colour) -> String {
    let parameter = if as_promised { GREEN } else { RED };
    paint(colour, parameter, &variant.to_string())
}

/// With a parameter of "select graphic rendition" (ECMA-48, section 8.3.117).
fn paint(colour: Colour, parameter: u8, words: &str) -> String {
    match colour {
        Colour::Plain => words.to_owned(),
        Colour::Ansi => format!("\x1b[{parameter}m{words}\x1b[0m"),
    }
}

/// What both servers did, as lines, from where they part; what they did alike before is left out but for
/// the last of it.
fn excerpts(wrong: &Half, right: &Half) -> (Vec<String>, Vec<String>) {
    let (wrong, right) = (counted(wrong), counted(right));
    let pairs = wrong.iter().zip(&right);
    let alike = pairs.take_while(|(wrong, right)| wrong == right).count();
    let left_out = match alike.saturating_sub(CONTEXT) {
        // A line left out would take a line to say so.
        1 => 0,
        count => count,
    };
    (shortened(&wrong, left_out), shortened(&right, left_out))
}

/// A line for each record, those that repeat each other counted.
fn counted(half: &Half) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for line in lines(&half.trace.records) {
        match counted.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            _ => counted.push((line, 1)),
        }
    }
    let shown = |(line, count): (String, usize)| match count {
        1 => line,
        count => format!("{line}  ({count} times)"),
    };
    counted.into_iter().map(shown).collect()
}

/// Without the first lines, and without the middle of a long story.
fn shortened(lines: &[String], left_out: usize) -> Vec<String> {
    let mut short = Vec::new();
    if left_out > 0 {
        short.push(format!("… {left_out} lines, alike"));
    }
    let lines = lines.get(left_out..).unwrap_or_default();
    let head = match lines.len() {
        // Here, too.
        all if all <= HEAD + TAIL + 1 => all,
        _ => HEAD,
    };
    let (head, rest) = lines.split_at(head);
    let (middle, tail) = rest.split_at(rest.len().saturating_sub(TAIL));
    short.extend_from_slice(head);
    if !middle.is_empty() {
        short.push(format!("… {} lines", count(middle.len())));
    }
    short.extend_from_slice(tail);
    short
}

/// The lines of what is told: not what is believed, not where in its turn the loop is, and not that it
/// waits if it then wakes.
fn lines(records: &[Record]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = records.iter();
    while let Some(Record { lane, event, .. }) = rest.next() {
        let line = match (lane, event) {
            (_, Event::ReadinessChanged { .. } | Event::PhaseEntered { .. } | Event::Ended) => {
                continue;
            }
            (Lane::Loop, Event::Waiting { .. }) if wakes(rest.as_slice()) => continue,
            (Lane::Loop, Event::Waiting { .. }) => "waits, with nothing to wake it".to_owned(),
            (Lane::Loop, event) => event.to_string(),
            // How much was moved is among the observations.
            (lane, Event::Closed { reason, .. }) => format!("  {lane} closed: {reason}"),
            (lane, event) => format!("  {lane} {event}"),
        };
        lines.push(line);
    }
    lines
}

/// Whether a loop that waits before these records is woken among them.
fn wakes(after: &[Record]) -> bool {
    let next = after.iter().find(|record| record.lane == Lane::Loop);
    next.is_some_and(|next| matches!(next.event, Event::Woke { .. }))
}

fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let short: String = line.chars().take(width - 1).collect();
    format!("{short}…")
}

/// The words of `text`, on lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
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
