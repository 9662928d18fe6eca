//! The steps and the exercises, as the guide shows them: what `build.rs` has made of the chapters agrees with the files.

use crate::steps::STEPS;
use mio_echo::learn::guide::CHAPTERS;
use std::fs;
use std::path::Path;

/// A file without what it says about itself.
fn program(path: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let code = text.lines().filter(|line| !line.starts_with("//!"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// The code blocks of this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("\n```{language}\n");
    let blocks = text.split(start.as_str()).skip(1);
    blocks
        .map(|block| block.split_once("\n```\n").unwrap().0)
        .collect()
}

/// The two files of a diff: `--- BEFORE` and `+++ AFTER`.
fn files(diff: &str) -> (&str, &str) {
    let mut lines = diff.lines();
    let mut file = |mark| lines.next().and_then(|line| line.strip_prefix(mark));
    (file("--- ").unwrap(), file("+++ ").unwrap())
}

/// What patch(1) makes of `before`.
fn patched(before: &str, diff: &str) -> String {
    let mut old = before.lines();
    let mut new = Vec::new();
    let mut at = 1;
    for line in diff.lines().skip(2) {
        if let Some(hunk) = line.strip_prefix("@@ -") {
            let begin: usize = hunk.split([',', ' ']).next().unwrap().parse().unwrap();
            new.extend(old.by_ref().take(begin - at));
            at = begin;
            continue;
        }
        let (mark, line) = line.split_at(1);
        if mark != "+" {
            assert_eq!(old.next(), Some(line), "{:?}, line {at}", files(diff));
            at += 1;
        }
        if mark != "-" {
            new.push(line);
        }
    }
    new.extend(old);
    new.into_iter().flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn every_diff_in_the_guide_makes_one_file_of_the_other() {
    let diffs = CHAPTERS.iter().flat_map(|text| blocks(text, "diff"));
    let mut seen = 0;
    for diff in diffs {
        seen += 1;
        let (before, after) = files(diff);
        assert_eq!(patched(&program(before), diff), program(after), "{before}");
    }
    assert!(seen >= 10, "the test has lost sight of the diffs: {seen}");
}

#[test]
fn the_guide_shows_the_first_step_and_then_what_each_step_changes_in_order() {
    let [first, ..] = STEPS.map(|step| format!("examples/{step}.rs"));
    let shown = blocks(CHAPTERS[0], "rust,no_run");
    assert_eq!(shown, [program(&first).trim_end()]);

    let diffs = CHAPTERS.iter().flat_map(|text| blocks(text, "diff"));
    let steps: Vec<_> = diffs
        .map(files)
        .filter(|(before, _)| before.starts_with("examples/"))
        .map(|(before, after)| (before.to_owned(), after.to_owned()))
        .collect();
    let path = |step: &str| format!("examples/{step}.rs");
    let expected = STEPS.windows(2).map(|pair| (path(pair[0]), path(pair[1])));
    assert_eq!(steps, expected.collect::<Vec<_>>());
}

#[test]
fn nothing_in_the_guide_is_left_to_complete() {
    for text in CHAPTERS {
        for left in ["$ diff -u ", "$ cat ", "/hint.md)\n", ".svg)\n"] {
            assert!(!text.contains(left), "{left} in {}", &text[..40]);
        }
    }
}
