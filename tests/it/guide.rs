//! The structure of the course: each chapter has all its parts, and every file, experiment and link that it names
//! exists.
//!
//! `cargo test --doc` compiles and runs its examples.

use mio_echo::learn::lab::EXPERIMENTS;
use mio_echo::trace::{Trace, timeline};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The beginnings by which a path in the text is recognised.
const TOP_LEVEL: [&str; 7] = [
    "src/",
    "tests/",
    "benches/",
    "examples/",
    "exercises/",
    "README.md",
    "CHANGELOG.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide(file: &str) -> String {
    fs::read_to_string(root().join("src/learn/guide").join(file)).unwrap()
}

/// The chapters in order, by file name.
fn chapters() -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join("src/learn/guide")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let chapters: BTreeMap<_, _> = names
        .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
        .map(|name| (name.clone(), guide(&name)))
        .collect();
    assert_eq!(chapters.len(), 15, "{:?}", chapters.keys());
    chapters
}

/// The chapters, and the pages behind them.
fn pages() -> BTreeMap<String, String> {
    let further = ["step_6_in_src.md", "terms.md"];
    let further = further.map(|name| (name.to_owned(), guide(name)));
    chapters().into_iter().chain(further).collect()
}

/// The text under the heading `title`, up to the next heading of the same level.
fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, section) = text
        .split_once(&format!("\n## {title}\n"))
        .unwrap_or_else(|| panic!("expected a section {title:?}"));
    section.split("\n## ").next().unwrap()
}

/// Everything between single backticks, outside code blocks.
fn quoted(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
        .collect()
}

/// The link definitions of a file: the target of each name.
fn definitions(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
        .filter(|(name, _)| !name.contains(']'))
        .collect()
}

/// Those of `names` that a link in `text` uses, as in `[name]` or `[words][name]`, ignoring case.
fn used_names<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let prose: String = text.to_lowercase().split("```").step_by(2).collect();
    names
        .filter(|name| prose.contains(&format!("[{}]", name.to_lowercase())))
        .collect()
}

/// The names of the experiments that `text` suggests running.
fn experiments(text: &str) -> BTreeSet<&str> {
    quoted(text)
        .into_iter()
        .filter_map(|quoted| quoted.strip_prefix("mio-echo lab "))
        .collect()
}

#[test]
fn every_chapter_begins_with_the_misconception_that_it_cures() {
    for (number, (name, text)) in (1..).zip(chapters()) {
        let mut lines = text.lines().filter(|line| !line.is_empty());
        let title = lines.next().unwrap();
        assert!(
            title.starts_with(&format!("# {number}. ")),
            "{name}: {title}"
        );
        let second = lines.next().unwrap();
        assert!(
            second.starts_with("> **The misconception:** "),
            "{name}: {second}"
        );
    }
}

#[test]
fn every_chapter_names_an_experiment_and_every_experiment_has_a_chapter() {
    let mut named = BTreeSet::new();
    for (name, text) in chapters() {
        let here = experiments(section(&text, "See it break"))
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>();
        assert!(!here.is_empty(), "{name} names no experiment");
        named.extend(here);
    }
    let all = EXPERIMENTS.map(|one| one.name.to_owned()).into();
    assert_eq!(named, all);
}

#[test]
fn every_experiment_refers_to_a_chapter_that_names_it() {
    for one in EXPERIMENTS {
        let number = one.chapter.number();
        let chapters = chapters();
        let text = &chapters.values().nth(usize::from(number) - 1).unwrap();
        let title = text.lines().next().unwrap().to_lowercase();
        let expected = format!("# {number}. {}", one.chapter.title()).to_lowercase();
        assert_eq!(title, expected);
        let shown = experiments(section(text, "See it break"));
        assert!(
            shown.contains(one.name),
            "{} is not named in {title:?}",
            one.name
        );
    }
}

#[test]
fn the_table_of_chapters_names_the_experiments_of_each_chapter() {
    let table = guide("mod.rs");
    for (name, text) in chapters() {
        let module = format!("(chapter_{})", name.trim_end_matches(".md"));
        let row = table.lines().find(|line| line.contains(&module)).unwrap();
        let listed: BTreeSet<_> = quoted(row)
            .into_iter()
            .filter_map(|quoted| quoted.strip_prefix("lab "))
            .collect();
        let shown = experiments(section(&text, "See it break"));
        assert_eq!(listed, shown, "{name}");
    }
}

#[test]
fn every_chapter_has_a_file_to_read() {
    for (name, text) in chapters() {
        let paths = quoted(section(&text, "The file to read"));
        let files = paths.iter().filter(|path| root().join(path).is_file());
        assert!(files.count() > 0, "{name} has no file to read: {paths:?}");
    }
}

#[test]
fn every_chapter_has_three_exercises_with_folded_answers() {
    for (name, text) in chapters() {
        let exercises = section(&text, "Exercises");
        let numbers: Vec<&str> = exercises
            .lines()
            .filter_map(|line| line.split_once(". ").map(|(number, _)| number))
            .filter(|number| number.parse::<u8>().is_ok())
            .collect();
        assert_eq!(numbers, ["1", "2", "3"], "{name}");
        let answers = exercises
            .matches("<details><summary>Answer</summary>")
            .count();
        let ends = exercises.matches("</details>").count();
        assert_eq!((answers, ends), (3, 3), "{name}");
    }
}

#[test]
fn every_chapter_has_a_program_to_repair() {
    for (name, text) in chapters() {
        let exercise = text.lines().find_map(|line| {
            let (_, target) = line.strip_prefix("[Exercise ")?.split_once("](../../../")?;
            target.strip_suffix("/hint.md)")
        });
        let folder = root().join(exercise.unwrap_or_else(|| panic!("{name} has none")));
        assert!(folder.join("start.rs").is_file(), "{name}: {folder:?}");
    }
}

#[test]
fn every_chapter_has_a_figure_that_says_in_words_what_it_shows() {
    for (name, text) in chapters() {
        let figures = text.lines().filter_map(|line| {
            let (words, file) = line.strip_prefix("![")?.split_once("](")?;
            Some((words, file.strip_suffix(')')?))
        });
        let mut seen = 0;
        for (words, file) in figures {
            seen += 1;
            assert!(words.len() > 20, "{name}: {file} has no description");
            let picture = guide(file);
            assert!(picture.contains("<title>"), "{name}: {file} has no title");
        }
        assert!(seen > 0, "{name} has no figure");
    }
}

#[test]
fn every_mentioned_file_exists() {
    let texts = pages()
        .into_iter()
        .chain([("mod.rs".to_owned(), guide("mod.rs"))]);
    let mut mentioned = 0;
    for (name, text) in texts {
        for path in quoted(&text) {
            if TOP_LEVEL.iter().any(|top| path.starts_with(top)) {
                mentioned += 1;
                assert!(root().join(path).exists(), "{name} mentions {path}");
            }
        }
    }
    assert!(mentioned > 20, "the test no longer finds the paths");
}

#[test]
fn every_link_has_the_same_target_with_and_without_rustdoc() {
    let links = guide("links.md");
    let rendered = definitions(&links);
    for (name, text) in pages() {
        let own = definitions(&text);
        for used in used_names(&text, rendered.keys().copied()) {
            assert!(own.contains_key(used), "{name} does not define {used:?}");
        }
        for (label, target) in own {
            let file = root().join("src/learn/guide").join(target);
            assert!(file.is_file(), "{name}: {target} does not exist");
            let Some(page) = rendered.get(label) else {
                panic!("links.md does not define {label:?}, which {name} uses");
            };
            if let Some(expected) = source_of(page) {
                let found = file.canonicalize().unwrap();
                assert_eq!(found, expected, "{name}: {label:?}");
            }
        }
    }
}

/// The cells of the rows of a table, without its head.
fn cells(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = |row: &str| {
        let row = row.trim_matches('|').replace("\\|", "\0");
        let cells = row.split('|').map(|cell| cell.trim().replace('\0', "|"));
        cells.collect()
    };
    rows.skip(2).map(cells).collect()
}

#[test]
fn the_table_of_step_6_names_lines_of_it_in_order_and_items_that_exist() {
    let step = fs::read_to_string(root().join("examples/step6_server.rs")).unwrap();
    let (mut seen, mut at) = (0, 0);
    for row in cells(&guide("step_6_in_src.md")) {
        let [lines, places, _] = row.as_slice() else {
            panic!("{row:?}");
        };
        for (index, line) in quoted(lines).into_iter().enumerate() {
            let found = step[at..].find(line);
            let found =
                found.unwrap_or_else(|| panic!("step 6 has no {line:?} behind the last row"));
            at += if index == 0 { found } else { 0 };
        }
        for place in places.split("; ") {
            seen += 1;
            let [file, items @ ..] = &quoted(place)[..] else {
                panic!("{place:?}");
            };
            let source = fs::read_to_string(root().join("src").join(file)).unwrap();
            assert!(!items.is_empty(), "{file} without an item");
            for item in items {
                let is_word = |found: &str| found == *item;
                let words = |line: &str| {
                    line.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .any(is_word)
                };
                assert!(source.lines().any(words), "{file} has no {item}");
            }
        }
    }
    assert!(seen > 25, "the test has lost sight of the table");
}

#[test]
fn the_index_has_each_term_once_in_order_and_its_chapter_explains_it() {
    let index = guide("terms.md");
    let targets = definitions(&index);
    let rows = cells(&index);
    let terms: Vec<String> = rows
        .iter()
        .map(|row| row[0].to_lowercase().replace('`', ""))
        .collect();
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
    for (row, term) in rows.iter().zip(&terms) {
        let (number, label) = row[2].strip_prefix('[').unwrap().split_once("][").unwrap();
        let file = targets[label.trim_end_matches(']')];
        assert_eq!(
            file[..2].parse::<u8>().unwrap(),
            number.parse::<u8>().unwrap()
        );
        let chapter = guide(file).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            chapter.to_lowercase().contains(term),
            "{file} does not have {term}"
        );
    }
    assert!(rows.len() > 50, "the test has lost sight of the terms");
}

/// The source file that rustdoc shows on `page`; `None` for the page of an item, whose link rustdoc checks.
fn source_of(page: &str) -> Option<PathBuf> {
    let path = page.strip_prefix("../../../../src/mio_echo/")?;
    let file = root().join("src").join(path.trim_end_matches(".html"));
    Some(file.canonicalize().unwrap())
}

#[test]
fn each_timeline_of_the_guide_is_what_its_trace_gives() {
    let folder = root().join("src/learn/guide/timelines");
    let files = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let is_trace = |path: &PathBuf| path.extension().is_some_and(|name| name == "jsonl");
    let mut seen = 0;
    for path in files.filter(is_trace) {
        seen += 1;
        let trace = Trace::read(&mut fs::read(&path).unwrap().as_slice()).unwrap();
        let mut frame = Vec::new();
        timeline::write_frame(&trace, &mut frame).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let page = format!("include_str!(\"timelines/{name}.html\")");
        assert!(guide("mod.rs").contains(&page), "no page shows {name}");
        let kept = fs::read(path.with_extension("html")).unwrap();
        assert!(
            frame == kept,
            "{} is out of date: run cargo run --example guide_timelines",
            path.with_extension("html").display()
        );
    }
    assert!(seen > 0, "the test no longer finds the traces");
}
