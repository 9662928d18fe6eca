//! How the source is arranged: later layers import earlier ones, no file takes part in a circle, each dependency is
//! named only where it belongs, files are short, and no name means two types.

mod dependencies;
mod sources;

use sources::{Source, Sources};
use std::collections::{BTreeMap, BTreeSet};

/// What the doc comment of a type says if another one has the same name, and why that cannot be helped.
const TWIN_MARK: &str = "Not to be confused with";

/// The most lines that a file may have, its unit tests included.
const LONGEST_FILE: usize = 400;

/// The library's parts in reading order: each may know those before it. A longer path comes before the shorter one that
/// holds it.
const LAYERS: &[&str] = &[
    "text",
    "rng",
    "readiness",
    "connection",
    "server",
    "client",
    "trace",
    "measure/process",
    "measure/load",
    "measure/bench",
    "measure/calibration",
    "measure/compare",
    "check",
    "learn/lab",
    "learn/guide",
    "learn/slides",
];

/// Parts that must not know each other although the order allows it. The client and the load generator are the other
/// end of the connection and share no code with the server. The lab consists of wrong servers, and of nothing that
/// measures right ones or talks to them.
const STRANGERS: &[(&str, &str)] = &[
    ("client", "server"),
    ("measure/load", "server"),
    ("measure/load", "client"),
    ("measure/load", "measure/process"),
    ("check", "server"),
    ("check", "client"),
    ("check", "measure/bench"),
    ("check", "measure/calibration"),
    ("check", "measure/compare"),
    ("learn/lab", "client"),
    ("learn/lab", "measure/load"),
    ("learn/lab", "measure/bench"),
    ("learn/lab", "measure/calibration"),
    ("learn/lab", "measure/compare"),
];

/// What `connection/` must not know, in any form: sockets, clocks, polls, logs.
const IMPURE: [&str; 8] = [
    "mio::",
    "socket2::",
    "std::net",
    "std::time",
    "std::os",
    "std::thread",
    "log::",
    "slab::",
];

fn layer_of(file: &str) -> Option<&'static str> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let within = |layer: &str| path == layer || path.starts_with(&format!("{layer}/"));
    LAYERS.iter().copied().find(|layer| within(layer))
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn later_layers_import_earlier_ones_and_never_back() {
    let rank = |layer: &str| LAYERS.iter().position(|other| *other == layer).unwrap();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (file, imported) in sources::imports(&sources::read()) {
        let Some(own) = layer_of(&file) else { continue };
        for (target, path) in imported {
            let Some(other) = layer_of(&target).filter(|other| *other != own) else {
                continue;
            };
            seen += 1;
            if rank(other) > rank(own) || STRANGERS.contains(&(own, other)) {
                wrong.push(format!("{file} imports {other}: {path}"));
            }
        }
    }
    assert_none(&wrong);
    assert!(seen > 50, "the test has lost sight of the imports: {seen}");
}

#[test]
fn every_file_of_the_library_has_its_layer() {
    for (file, imported) in sources::imports(&sources::read()) {
        let is_program = file == "main.rs" || file.starts_with("cli/");
        // A file that only declares modules needs none.
        let has_place = layer_of(&file).is_some() || imported.is_empty();
        assert!(is_program || has_place, "{file} has no layer: {imported:?}");
    }
}

#[test]
fn no_file_takes_part_in_a_circle() {
    let imports = sources::imports(&sources::read());
    let circles = imports
        .keys()
        .filter_map(|file| sources::circle_of(&imports, file));
    let circles: Vec<String> = circles.map(|circle| circle.join(" -> ")).collect();
    assert_none(&circles);
}

#[test]
fn a_connection_knows_no_socket_no_clock_and_no_poll() {
    let sources = sources::read();
    let pure = sources
        .iter()
        .filter(|(file, _)| file.starts_with("connection/"));
    let mut seen = 0;
    for (file, source) in pure {
        seen += 1;
        for line in &source.code {
            for impure in IMPURE {
                assert!(!line.contains(impure), "{file} knows {impure}: {line}");
            }
        }
    }
    assert!(seen >= 5, "the test has lost sight of connection/");
}

#[test]
fn no_file_is_too_long() {
    let sources = sources::read();
    let lengths = sources
        .iter()
        .map(|(file, source)| (file, source.text.lines().count()));
    let long: Vec<String> = lengths
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(file, lines)| format!("{file} has {lines} lines"))
        .collect();
    assert_none(&long);
}

#[test]
fn no_name_means_two_types() {
    let twins: Vec<String> = homes_of_types(&sources::read())
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert_none(&twins);
}

/// Where each type is defined, those left out that say with what they are not to be confused.
fn homes_of_types(sources: &Sources) -> BTreeMap<String, Vec<String>> {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, source) in sources {
        for name in unmarked_types(source) {
            homes.entry(name).or_default().push(file.clone());
        }
    }
    assert!(homes.len() > 100, "the test has lost sight of the types");
    homes
}

fn unmarked_types(source: &Source) -> BTreeSet<String> {
    let lines = source
        .text
        .lines()
        .take_while(|line| *line != "mod tests {");
    let mut types = BTreeSet::new();
    let mut is_marked = false;
    for line in lines {
        is_marked |= line.starts_with("///") && line.contains(TWIN_MARK);
        types.extend(type_defined_in(line).filter(|_| !is_marked));
        // An item begins at the margin; attributes between it and its comment may be indented.
        if line.is_empty() || line.starts_with(char::is_alphabetic) {
            is_marked = false;
        }
    }
    types
}

/// The type that a line at the top level of a file begins to define. (Associated types are indented.)
fn type_defined_in(line: &str) -> Option<String> {
    let mut words = line.split([' ', '<', '(', '{', ';', ':']);
    let first = words.next()?;
    let keyword = match first {
        "pub" => words.find(|word| ["struct", "enum", "trait", "type", "union"].contains(word))?,
        first => first,
    };
    let is_type = ["struct", "enum", "trait", "type", "union"].contains(&keyword);
    is_type.then(|| words.next().map(str::to_owned))?
}
