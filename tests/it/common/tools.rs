//! What a test needs from the machine it runs on.

use std::env;
use std::process::{Command, Stdio};

/// Whether the program `name` can be run here. If not, the test that asks is to be skipped, which is said
/// on standard error.
///
/// # Panics
///
/// It cannot, and `MIO_ECHO_FORBID_SKIPS` is set: what can be installed must be.
pub(crate) fn tool_or_skip(name: &str) -> bool {
    let version = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = version.is_ok_and(|status| status.success());
    assert!(
        found || env::var_os("MIO_ECHO_FORBID_SKIPS").is_none(),
        "skips are forbidden, but {name} cannot be run here"
    );
    found || skip(&format!("{name} cannot be run here"))
}

/// Says that something is skipped, and why: the machine lacks what nobody can install.
pub(crate) fn skip(reason: &str) -> bool {
    eprintln!("skipped: {reason}");
    false
}
