//! Each kind of event has a name, a file and a chapter.

use super::*;
use crate::trace::json_lines::Trace;
use std::fs;
use std::path::Path;

fn every_kind() -> Vec<EventKind> {
    let trace = Trace::read(&mut &include_bytes!("../every_event.jsonl")[..]).unwrap();
    trace.records.iter().map(|one| one.event.kind()).collect()
}

#[test]
fn every_kind_has_the_name_that_it_has_in_json() {
    let lines = include_str!("../every_event.jsonl").lines().skip(1);
    for (kind, line) in every_kind().iter().zip(lines) {
        let field = format!(r#""event":"{}""#, kind.name);
        assert!(line.contains(&field), "expected {field} in {line}");
    }
}

#[test]
fn every_kind_names_a_file_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for kind in every_kind() {
        assert!(root.join(kind.file).is_file(), "{}", kind.file);
    }
}

#[test]
fn every_kind_names_a_chapter_by_its_title_and_its_module() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/learn/guide");
    for EventKind { chapter, .. } in every_kind() {
        let file = chapter.module.trim_start_matches("chapter_");
        let text = fs::read_to_string(guide.join(format!("{file}.md"))).unwrap();
        let title = text.lines().next().unwrap();
        assert_eq!(title, format!("# {}", chapter.title));
    }
}
