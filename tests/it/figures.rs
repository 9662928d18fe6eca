//! The figures of the README and the guide are those that were measured.

use crate::harness::{Child, command, program, run, tool_or_skip};
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// The saved comparison, reported again.
fn reported(arguments: &[&str]) -> String {
    let saved = Path::new(ROOT).join("benches/results/compare.json");
    let saved = saved.to_str().unwrap();
    let arguments = [&["compare", "--from", saved], arguments].concat();
    let exit = Child::spawn(&mut program(&arguments)).wait();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    exit.text().to_owned()
}

#[test]
fn the_tables_and_first_sentences_of_the_readme_are_those_of_the_saved_comparison() {
    let (readme, report) = (read("README.md"), reported(&["--markdown", "-"]));
    let (_, section) = readme.split_once("\n## What it costs\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let shown = |line: &&str| line.starts_with("| ") || line.starts_with("- At ");
    let lines: Vec<&str> = report.lines().filter(shown).collect();
    assert!(lines.len() > 10, "{report}");
    for line in &lines {
        assert!(section.contains(line), "the README lacks {line}");
    }
    let rows = section.lines().filter(shown).count();
    assert_eq!(rows, lines.len(), "figures from elsewhere: {section}");
}

#[test]
fn the_table_of_what_other_servers_break_is_that_of_the_saved_results() {
    if !tool_or_skip("python3") {
        return;
    }
    let script = Path::new(ROOT).join("benches/check_peers.py");
    let exit = run(command("python3").arg(script).arg("--readme"));
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    let (readme, table) = (read("README.md"), exit.text().trim_end());
    assert!(table.lines().count() > 20, "{table}");
    let place = format!("\n\n{table}\n\n");
    assert!(
        readme.contains(&place),
        "the README lacks this table:\n{table}"
    );
}

#[test]
fn the_readme_quotes_the_terminal_report_of_the_saved_comparison() {
    let (readme, report) = (read("README.md"), reported(&[]));
    let command = "$ mio-echo compare --from benches/results/compare.json\n";
    let (_, quoted) = readme.split_once(command).unwrap();
    let (quoted, _) = quoted.split_once("```").unwrap();
    let lines: Vec<&str> = quoted.lines().filter(|line| *line != "…").collect();
    assert!(lines.len() > 5, "{quoted}");
    for line in lines {
        assert!(report.contains(line), "the report lacks {line}");
    }
}

#[test]
fn the_comparisons_of_the_guide_are_those_of_the_saved_comparison() {
    let (readme, report) = (read("README.md"), reported(&["--markdown", "-"]));
    // That row was measured with as many connections as the machine allows, by `cargo bench --bench scale`.
    let of_scale = |line: &&str| line.starts_with("| resident memory per idle connection |");
    let lines = readme.lines().filter(of_scale).chain(report.lines());
    let cells: Vec<&str> = lines
        .flat_map(|line| line.split('|'))
        .map(str::trim)
        .collect();
    for (chapter, least) in [("11_threads", 6), ("14_beyond", 12)] {
        let text = read(&format!("src/learn/guide/{chapter}.md"));
        let figures: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .flat_map(|line| line.split('|').skip(2))
            .map(str::trim)
            .filter(|cell| cell.contains(|it: char| it.is_ascii_digit()))
            .collect();
        assert!(figures.len() >= least, "{chapter}: {figures:?}");
        for figure in figures {
            assert!(cells.contains(&figure), "{chapter}: {figure}");
        }
    }
    let text = read("src/learn/guide/13_measuring.md");
    let of_event_loop = report
        .lines()
        .filter(|line| line.starts_with("| event-loop |"));
    let costs: Vec<&str> = of_event_loop
        .filter_map(|line| {
            line.split('|')
                .map(str::trim)
                .rfind(|cell| cell.ends_with(" µs"))
        })
        .collect();
    assert_eq!(costs.len(), 2, "saturated, and at a rate: {costs:?}");
    for cost in costs {
        assert!(text.contains(cost), "chapter 13 lacks {cost}");
    }
    let (_, quoted) = text.split_once("*threads ").unwrap();
    let (quoted, _) = quoted.split_once('*').unwrap();
    assert!(report.contains(quoted), "{quoted}");
}
