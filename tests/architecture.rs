//! The layers of the program, held by a test: later ones import earlier ones, never back, and each
//! dependency is named where it belongs and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the report"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The library's modules in reading order: each may know those before it.
const LAYERS: &[&str] = &[
    "os_error",
    "notation",
    "endpoint",
    "process",
    "connection",
    "edges",
    "server",
    "trace",
    "client",
    "load",
    "bench",
    "compare",
    "lab",
    "guide",
];

/// Beside the order, who may not know whom: the client and the load are the other side, and share no code
/// with the server; none of them knows anything of other processes. A comparison reaches a server only as a
/// process; of ours it knows what the modes are called. The lab is made of wrong servers, and of nothing that
/// measures or talks to right ones.
const STRANGERS: &[(&str, &str)] = &[
    ("client", "server"),
    ("load", "server"),
    ("load", "client"),
    ("connection", "process"),
    ("server", "process"),
    ("client", "process"),
    ("load", "process"),
    ("trace", "process"),
    ("lab", "client"),
    ("lab", "load"),
    ("lab", "bench"),
    ("lab", "compare"),
];

/// Which files may name a dependency.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    (
        "mio",
        &[
            "edges/",
            "lab/emfile.rs",
            "lab/peer.rs",
            "lab/site.rs",
            "lab/token_reuse.rs",
            "load/",
            "server/",
        ],
    ),
    (
        "slab",
        &[
            "lab/site.rs",
            "lab/token_reuse.rs",
            "load/event_loop.rs",
            "server/event_loop.rs",
            "server/books.rs",
        ],
    ),
    ("clap", &["cli/"]),
    (
        "log",
        &[
            "cli/",
            "client",
            "trace/recorder.rs",
            "command/",
            "compare/",
            "logging.rs",
            "server/bind.rs",
        ],
    ),
    ("simple_logger", &["logging.rs"]),
    (
        "socket2",
        &[
            "lab/client.rs",
            "lab/site.rs",
            "load/connect.rs",
            "server/bind.rs",
        ],
    ),
    (
        "signal_hook",
        &["command/interrupt.rs", "server/shutdown.rs"],
    ),
    ("signal_hook_mio", &["server/shutdown.rs"]),
    ("rlimit", &["lab/emfile.rs", "server/limits.rs"]),
    (
        "rustix",
        &[
            "compare/machine.rs",
            "lab/always_writable.rs",
            "lab/emfile.rs",
            "lab/kernel.rs",
            "load/alarm.rs",
            "load/connect.rs",
            "load/tally.rs",
            "process/",
            "server/bell.rs",
            "server/bind.rs",
            "server/listener.rs",
            "server/slot.rs",
        ],
    ),
    (
        "humantime",
        &[
            "cli/",
            "command/compare.rs",
            "bench/threshold.rs",
            "client/error.rs",
            "compare/",
            "server/stats.rs",
            "trace/header.rs",
        ],
    ),
    ("bytesize", &["cli/"]),
    ("strsim", &["lab/mod.rs"]),
    ("hdrhistogram", &["bench/export.rs", "load/latency.rs"]),
    (
        "serde",
        &["bench/", "compare/", "load/outcome.rs", "trace/"],
    ),
    ("serde_json", &["command/", "compare/", "trace/"]),
    ("comfy_table", &["compare/report/terminal.rs"]),
    ("shlex", &["compare/entry.rs"]),
    ("indicatif", &["command/"]),
    ("nix", &["process/proc.rs"]),
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

/// The lines of code of each file under src, by path below it; comments, doc examples and tests left out.
fn sources() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .take_while(|line| *line != "mod tests {")
                .filter(|line| !line.trim_start().starts_with("//"));
            (name, code.map(str::to_owned).collect())
        })
        .collect()
}

/// Whether `line` names the crate or path `name` as a whole word.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn layer_of(file: &str) -> Option<&'static str> {
    let module = file.split(['/', '.']).next().unwrap();
    LAYERS.iter().copied().find(|layer| *layer == module)
}

#[test]
fn later_layers_import_earlier_ones_and_never_back() {
    let rank = |layer: &str| LAYERS.iter().position(|other| *other == layer).unwrap();
    let mut imports = 0;
    for (file, lines) in sources() {
        let Some(own) = layer_of(&file) else { continue };
        for line in lines {
            for other in LAYERS.iter().copied() {
                if other == own || !line.contains(&format!("crate::{other}")) {
                    continue;
                }
                imports += 1;
                assert!(rank(other) < rank(own), "{file} imports {other}: {line}");
                let strangers = STRANGERS.contains(&(own, other));
                assert!(!strangers, "{file} imports {other}: {line}");
            }
        }
    }
    assert!(imports > 3, "the test has lost sight of the imports");
}

#[test]
fn every_module_of_the_library_has_its_place_in_the_order() {
    for line in &sources()["lib.rs"] {
        if let Some(module) = line.strip_prefix("pub mod ") {
            let module = module.trim_end_matches(';');
            assert!(LAYERS.contains(&module), "{module} has no layer");
        }
    }
}

#[test]
fn a_connection_knows_no_socket_no_clock_and_no_poll() {
    let files = sources();
    let pure = files
        .iter()
        .filter(|(file, _)| file.starts_with("connection/"));
    let mut seen = 0;
    for (file, lines) in pure {
        seen += 1;
        for line in lines {
            for impure in IMPURE {
                assert!(!line.contains(impure), "{file} knows {impure}: {line}");
            }
        }
    }
    assert!(seen >= 5, "the test has lost sight of connection/");
}

#[test]
fn each_dependency_is_named_only_where_it_belongs() {
    for (file, lines) in sources() {
        for line in lines {
            for (dependency, homes) in DEPENDENCIES.iter().copied() {
                let home = homes.iter().any(|home| file.starts_with(home));
                let named = names(&line, dependency);
                assert!(home || !named, "{file} names {dependency}: {line}");
            }
        }
    }
}

#[test]
fn each_dependency_of_the_manifest_has_a_home() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let mut sections = 0;
    for section in manifest.split("\n[").filter(|section| {
        let header = section.lines().next().unwrap();
        header.ends_with("dependencies]") && !header.starts_with("dev-")
    }) {
        sections += 1;
        for line in section.lines().skip(1).filter(|line| line.contains(" = ")) {
            let name = line.split(' ').next().unwrap().replace('-', "_");
            let known = DEPENDENCIES
                .iter()
                .any(|(dependency, _)| *dependency == name);
            assert!(known, "{name} has no home");
        }
    }
    assert_eq!(sections, 2, "the test has lost sight of the manifest");
}
