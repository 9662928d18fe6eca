//! A test in a process of its own.

use super::child::{command, run};
use std::env;

/// Set in the process that has a test for itself.
const ALONE: &str = "MIO_ECHO_TEST_ALONE";

/// Runs the body of the test `name` in a process in which no other test runs.
///
/// For a test in which the moment counts at which close(2) ends a connection. Every test that starts a process forks,
/// and until its exec(2) that process holds a duplicate of each descriptor of this one: a socket that is closed in the
/// meantime stays open.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let mut process = command(env::current_exe().unwrap());
    process
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, "1");
    let exit = run(&mut process);
    let text = exit.text();
    assert_eq!(exit.code, Some(0), "{text}{}", exit.stderr);
    assert!(
        text.contains("1 passed"),
        "no test is named {name}:\n{text}"
    );
}
