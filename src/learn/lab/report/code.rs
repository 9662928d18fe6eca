//! The code of both servers: the lines that differ, and those around them.

use crate::learn::lab::experiment::Experiment;
use crate::learn::lab::variant::Variant;
use similar::{ChangeTag, DiffOp, TextDiff};

/// Lines shown before and behind those that differ.
const CONTEXT: usize = 3;

/// A row of both servers side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeRow {
    /// A line of both.
    Common(String),
    /// Lines that only one of them has; each side may have none.
    Differing(Option<String>, Option<String>),
    /// Lines of both that are left out.
    Omitted,
}

/// The rows of `experiment`.
pub(super) fn rows(experiment: &Experiment) -> Vec<CodeRow> {
    let wrong = experiment.code(Variant::Wrong);
    let right = experiment.code(Variant::Right);
    let diff = TextDiff::from_lines(wrong.as_str(), right.as_str());
    let lines: Vec<&str> = wrong.lines().collect();
    let mut rows = Vec::new();
    let mut shown = 0;
    for hunk in diff.grouped_ops(CONTEXT) {
        let begins = hunk.first().map_or(0, |first| first.old_range().start);
        let above = lines.get(shown..begins).unwrap_or_default();
        rows.extend(enclosing_function(above).map(|line| CodeRow::Common(line.to_owned())));
        let has_omitted = match rows.last() {
            Some(_) => above.last().is_some_and(|line| !is_function(line)),
            None => false,
        };
        rows.extend(has_omitted.then_some(CodeRow::Omitted));
        for op in &hunk {
            rows.extend(rows_of(&diff, op));
            shown = op.old_range().end;
        }
    }
    without_common_indent(rows)
}

/// The head of the function that is still open at the end of `above`.
fn enclosing_function<'a>(above: &[&'a str]) -> Option<&'a str> {
    let open = above.iter().rev().take_while(|line| **line != "}");
    open.copied().find(|line| is_function(line))
}

fn is_function(line: &str) -> bool {
    line.trim_start().starts_with("fn ")
}

fn rows_of(diff: &TextDiff<'_, '_, str>, op: &DiffOp) -> Vec<CodeRow> {
    let mut common = Vec::new();
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for change in diff.iter_changes(op) {
        let line = change.value().trim_end_matches('\n').to_owned();
        match change.tag() {
            ChangeTag::Equal => common.push(CodeRow::Common(line)),
            ChangeTag::Delete => wrong.push(line),
            ChangeTag::Insert => right.push(line),
        }
    }
    let differing = wrong.len().max(right.len());
    let (mut wrong, mut right) = (wrong.into_iter(), right.into_iter());
    let pairs = (0..differing).map(|_| CodeRow::Differing(wrong.next(), right.next()));
    common.into_iter().chain(pairs).collect()
}

impl CodeRow {
    /// The lines of the row.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Common(line) => (Some(line), None),
            Self::Differing(wrong, right) => (wrong.as_ref(), right.as_ref()),
            Self::Omitted => (None, None),
        };
        one.into_iter().chain(other).map(String::as_str)
    }
}

fn without_common_indent(rows: Vec<CodeRow>) -> Vec<CodeRow> {
    let lines = rows.iter().flat_map(CodeRow::lines);
    let lines = lines.filter(|line| !line.is_empty());
    let indents = lines.map(|line| line.len() - line.trim_start().len());
    let common = indents.min().unwrap_or(0);
    let cut = |line: String| line.get(common..).unwrap_or_default().to_owned();
    let rows = rows.into_iter().map(|row| match row {
        CodeRow::Common(line) => CodeRow::Common(cut(line)),
        CodeRow::Differing(wrong, right) => CodeRow::Differing(wrong.map(cut), right.map(cut)),
        CodeRow::Omitted => CodeRow::Omitted,
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::lab::{EXPERIMENTS, find};

    #[test]
    fn every_experiment_shows_lines_that_differ_under_the_head_of_a_function() {
        for experiment in EXPERIMENTS {
            let rows = rows(&experiment);
            let differs = |row: &CodeRow| matches!(row, CodeRow::Differing(..));
            assert!(rows.iter().any(differs), "{}: {rows:#?}", experiment.name);
            let function = rows
                .iter()
                .flat_map(CodeRow::lines)
                .find(|line| is_function(line));
            assert!(function.is_some(), "{}: {rows:#?}", experiment.name);
        }
    }

    #[test]
    fn lines_in_common_that_are_far_away_are_left_out() {
        let rows = rows(&find("read-once").unwrap());
        let omitted = rows.iter().filter(|row| **row == CodeRow::Omitted).count();
        assert!(omitted <= 1, "{rows:#?}");
        let wrong = "        return Flow::Park; // assumes that the rest will be reported";
        let right = "        // reads on until WouldBlock";
        let [wrong, right] = [wrong, right].map(|line| Some(line.to_owned()));
        assert!(
            rows.contains(&CodeRow::Differing(wrong, right)),
            "{rows:#?}"
        );
    }
}
