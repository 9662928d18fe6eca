//! The files in `deploy/` do what they say, each in the hands of the program that reads it.

mod container;
#[cfg(feature = "measure")]
mod haproxy;
mod kubernetes;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `deploy/`.
fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

/// A file of `deploy/` with each text of `changes` replaced, because a test has other addresses and paths. Each of them
/// must be in the file.
fn changed(file: &str, changes: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(path(file)).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{file} has no {from:?}");
        text = text.replace(from, to);
    }
    text
}
