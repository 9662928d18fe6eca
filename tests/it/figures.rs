//! The figures of the README are those that were measured.

use crate::harness::{Child, program};
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_tables_and_first_sentences_of_the_readme_are_those_of_the_saved_comparison() {
    let saved = Path::new(ROOT).join("benches/results/compare.json");
    let saved = saved.to_str().unwrap();
    let exit = Child::spawn(&mut program(&[
        "compare",
        "--from",
        saved,
        "--markdown",
        "-",
    ]))
    .wait();
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let shown = |line: &&str| line.starts_with("| ") || line.starts_with("- At ");
    let lines: Vec<&str> = exit.text().lines().filter(shown).collect();
    assert!(lines.len() > 10, "{} {}", exit.text(), exit.stderr);
    for line in lines {
        assert!(readme.contains(line), "the README lacks {line}");
    }
}
