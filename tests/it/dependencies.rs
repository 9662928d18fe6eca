//! What `deny.toml` promises of the packages that this one depends on, as far as it can be checked without another tool
//! and without the network. `cargo deny check` checks the rest: bans, every supported system, the licences of the packages in
//! `fuzz` and `benches/peers/rust`, in CI; advisories, which need the network.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

const LOCKS: [&str; 3] = [
    "Cargo.lock",
    "fuzz/Cargo.lock",
    "benches/peers/rust/Cargo.lock",
];

#[test]
fn every_package_comes_from_crates_io() {
    for lock in LOCKS {
        let text = fs::read_to_string(path(lock)).unwrap();
        let strangers: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("source = "))
            .filter(|source| source.trim_matches('"') != CRATES_IO)
            .collect();
        assert!(strangers.is_empty(), "{lock}: {strangers:?}");
    }
}

#[test]
fn every_package_has_a_licence_that_is_allowed() {
    let allowed = allowed_licences();
    let exceptions = exceptions();
    let packages = packages();
    assert!(packages.len() > 50, "only {} packages", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|(name, licence)| {
            let own = exceptions.iter().filter(|(package, _)| package == name);
            let own = own.map(|(_, licence)| licence.clone());
            let allowed: Vec<String> = allowed.iter().cloned().chain(own).collect();
            !permits(licence, &allowed)
        })
        .map(|(name, licence)| format!("{name}: {licence}"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn a_licence_is_refused_unless_every_part_of_it_is_allowed() {
    let allowed = ["MIT", "Zlib"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("GPL-3.0-only/MIT", true),
        ("GPL-3.0-only AND MIT", false),
        ("(GPL-3.0-only OR MIT) AND Zlib", true),
        ("(GPL-3.0-only OR MIT) AND ISC", false),
        ("MIT WITH an-exception", false),
        ("", false),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression:?}");
    }
}

/// Names and SPDX expressions of the packages that are built on this machine, for development too.
fn packages() -> Vec<(String, String)> {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", host.unwrap(), "--manifest-path"])
        .arg(path("Cargo.toml"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| (text(&package["name"]), text(&package["license"])))
        .collect()
}

/// The list in `deny.toml`, which is the only one.
fn allowed_licences() -> Vec<String> {
    let text = fs::read_to_string(path("deny.toml")).unwrap();
    let (_, list) = text.split_once("\nallow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let licences = list.split(',').map(|it| it.trim().trim_matches('"'));
    licences.map(str::to_owned).collect()
}

/// The packages that may have another licence too, each with that licence, from `deny.toml`.
fn exceptions() -> Vec<(String, String)> {
    let text = fs::read_to_string(path("deny.toml")).unwrap();
    let (_, list) = text.split_once("\nexceptions = [").unwrap();
    let (list, _) = list.split_once("\n]\n").unwrap();
    let lines = list.lines().map(str::trim);
    let entries = lines.filter(|line| line.starts_with('{'));
    let pair = |entry: &str| {
        let mut quoted = entry.split('"').skip(1).step_by(2).map(str::to_owned);
        let pair = quoted.next().zip(quoted.next());
        pair.unwrap_or_else(|| panic!("an exception of another form: {entry}"))
    };
    entries.map(pair).collect()
}

/// Whether an SPDX expression is satisfied by `allowed` licences. Every part joined by AND must be; of those joined by
/// OR, which older packages write as a slash, one is enough. Parentheses are understood around a part of an AND.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    expression.split(" AND ").all(|part| {
        let part = part.trim().trim_matches(['(', ')']);
        let mut choices = part.split(" OR ").map(str::trim);
        choices.any(|licence| allowed.iter().any(|it| it == licence))
    })
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
