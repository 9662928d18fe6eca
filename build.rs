//! Sets `MIO_ECHO_VERSION` to the version and the commit that the program is built from, for `--version` and the reports
//! of measurements, and `MIO_ECHO_TARGET` to the target triple that it is built for. Without git, or outside a
//! repository, the version stands alone.

use std::env;
use std::process::Command;

fn main() {
    // This script prints no rerun-if-changed, so cargo runs it whenever a file of the package has changed. A tree with
    // uncommitted changes is therefore always reported as dirty.
    let manifest_version = env!("CARGO_PKG_VERSION");
    let version = match commit() {
        Some(commit) => format!("{manifest_version} ({commit})"),
        None => manifest_version.to_owned(),
    };
    println!("cargo::rustc-env=MIO_ECHO_VERSION={version}");
    // Cargo sets TARGET for build scripts.
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=MIO_ECHO_TARGET={target}");
}

fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(describe).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
