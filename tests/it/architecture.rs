//! The layers of the program, held by a test: later ones import earlier ones, never back, and each
//! dependency is named where it belongs and nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The library's parts in reading order: each may know those before it. A longer path comes before the
/// shorter one that holds it.
const LAYERS: &[&str] = &[
    "text",
    "readiness",
    "connection",
    "server",
    "client",
    "trace",
    "measure/rng",
    "measure/process",
    "measure/load",
    "measure/bench",
    "measure/compare",
    "learn/lab",
    "learn/guide",
];

/// Beside the order: parts that must not know each other. The client and the load generator are the other
/// side of the connection and share no code with the server. A comparison reaches a server only as a process.
/// The laboratory is made of wrong servers and of nothing that measures or talks to right ones.
const STRANGERS: &[(&str, &str)] = &[
    ("client", "server"),
    ("measure/load", "server"),
    ("measure/load", "client"),
    ("measure/load", "measure/process"),
    ("learn/lab", "client"),
    ("learn/lab", "measure/load"),
    ("learn/lab", "measure/bench"),
    ("learn/lab", "measure/compare"),
];

/// Which files may name a dependency.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    (
        "mio",
        &[
            "readiness/event_flags.rs",
            "learn/lab/harness/connection.rs",
            "learn/lab/harness/server.rs",
            "measure/load/",
            "server/",
        ],
    ),
    (
        "slab",
        &[
            "learn/lab/harness/server.rs",
            "measure/load/connection_pool.rs",
            "server/event_loop.rs",
            "server/threads/connection_table.rs",
        ],
    ),
    ("clap", &["cli/"]),
    (
        "log",
        &[
            "cli/",
            "client",
            "trace/recorder.rs",
            "cli/",
            "measure/compare/",
            "cli/logger.rs",
            "server/bind.rs",
            "server/slot.rs",
            "server/mod.rs",
        ],
    ),
    ("simple_logger", &["cli/logger.rs"]),
    (
        "socket2",
        &[
            "learn/lab/harness/client.rs",
            "learn/lab/harness/server.rs",
            "measure/load/dialer.rs",
            "server/bind.rs",
            "server/slot.rs",
        ],
    ),
    ("signal_hook", &["cli/interrupt.rs", "server/shutdown.rs"]),
    ("signal_hook_mio", &["server/shutdown.rs"]),
    (
        "rlimit",
        &[
            "learn/lab/harness/descriptors.rs",
            "server/limits.rs",
            "server/capacity.rs",
        ],
    ),
    (
        "rustix",
        &[
            "measure/compare/machine.rs",
            "learn/lab/experiments/always_writable.rs",
            "learn/lab/harness/descriptors.rs",
            "learn/lab/harness/socket_probe.rs",
            "measure/load/timer.rs",
            "measure/load/dialer.rs",
            "measure/load/recorder.rs",
            "measure/process/",
            "server/threads/shutdown_pipe.rs",
            "server/bind.rs",
            "server/listener.rs",
            "server/unread.rs",
            "server/capacity.rs",
        ],
    ),
    (
        "humantime",
        &[
            "cli/",
            "measure/bench/threshold.rs",
            "client/error.rs",
            "measure/compare/",
            "server/stats.rs",
            "trace/header.rs",
        ],
    ),
    ("bytesize", &["cli/"]),
    ("strsim", &["learn/lab/mod.rs"]),
    (
        "hdrhistogram",
        &["measure/bench/export.rs", "measure/load/latency.rs"],
    ),
    (
        "serde",
        &[
            "measure/bench/",
            "measure/compare/",
            "measure/load/",
            "readiness/event_flags.rs",
            "server/config.rs",
            "server/observer.rs",
            "trace/",
            "server/mode.rs",
        ],
    ),
    ("serde_json", &["cli/", "measure/compare/", "trace/"]),
    ("comfy_table", &["measure/compare/report/terminal.rs"]),
    (
        "maud",
        &[
            "learn/lab/",
            "measure/compare/report/",
            "text/page.rs",
            "trace/timeline/",
        ],
    ),
    ("shlex", &["measure/compare/entry.rs"]),
    ("indicatif", &["cli/"]),
    ("nix", &["measure/process/proc.rs"]),
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
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let within = |layer: &str| path == layer || path.starts_with(&format!("{layer}/"));
    LAYERS.iter().copied().find(|layer| within(layer))
}

#[test]
fn later_layers_import_earlier_ones_and_never_back() {
    let rank = |layer: &str| LAYERS.iter().position(|other| *other == layer).unwrap();
    let mut imports = 0;
    for (file, lines) in sources() {
        let Some(own) = layer_of(&file) else { continue };
        for line in lines {
            for other in LAYERS.iter().copied() {
                if other == own || !line.contains(&format!("crate::{}", other.replace('/', "::"))) {
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
            let known = LAYERS
                .iter()
                .any(|layer| layer.split('/').next() == Some(module));
            assert!(known, "{module} has no layer");
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
