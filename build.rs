//! Sets `MIO_ECHO_COMMIT` to the commit that the program is built from, for the reports of measurements. Without git, or
//! outside a repository, the variable stays unset.

use std::process::Command;

fn main() {
    // This script prints no rerun-if-changed, so cargo runs it whenever a file of the package has changed. A tree with
    // uncommitted changes is therefore always reported as dirty.
    let describe = ["describe", "--always", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(describe).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return;
    };
    let commit = String::from_utf8_lossy(&output.stdout);
    println!("cargo::rustc-env=MIO_ECHO_COMMIT={}", commit.trim());
}
