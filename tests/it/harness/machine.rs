//! What a test needs of the machine that it runs on.

use std::collections::BTreeMap;
use std::env;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// Whether the program `name` can be run here, and knows `--version`, or the shorter form that HAProxy has. If not, the
/// test that asks is to be skipped, which is reported on standard error.
///
/// # Panics
///
/// It cannot, and `MIO_ECHO_FORBID_SKIPS` is set: what can be installed must be.
pub(crate) fn tool_or_skip(name: &str) -> bool {
    static FOUND: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut known = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let found = *known.entry(name.to_owned()).or_insert_with(|| {
        let option = if name == "haproxy" { "-v" } else { "--version" };
        let version = Command::new(name)
            .arg(option)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    });
    drop(known);
    assert!(
        found || env::var_os("MIO_ECHO_FORBID_SKIPS").is_none(),
        "skips are forbidden, but {name} cannot be run here"
    );
    found || skip(&format!("{name} cannot be run here"))
}

/// Reports that something is skipped, and why: the machine lacks what cannot be installed. Returns false.
pub(crate) fn skip(reason: &str) -> bool {
    eprintln!("skipped: {reason}");
    false
}

/// Whether this machine has IPv6; if not, the caller's test is skipped.
pub(crate) fn ipv6_or_skip() -> bool {
    TcpListener::bind("[::1]:0").is_ok() || skip("this machine has no IPv6")
}

/// Descriptors that the other tests have open at once, when as many as possible run side by side.
const OTHER_TESTS: u64 = 4000;

/// Raises the soft limit on open files to the hard one: the tests share one process, and each peer of a server that
/// runs on a thread takes two descriptors.
pub(crate) fn raise_descriptor_limit() {
    static RAISED: Once = Once::new();
    RAISED.call_once(|| {
        let _as_far_as_possible = rlimit::increase_nofile_limit(u64::MAX);
    });
}

/// The right to open thousands of descriptors in this process, given to one test at a time. `None` if the limit does
/// not allow `count` of them beside those of the other tests; the caller's test is then skipped.
pub(crate) fn descriptors_or_skip(count: u32) -> Option<MutexGuard<'static, ()>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    raise_descriptor_limit();
    let (limit, _hard) = rlimit::Resource::NOFILE.get().unwrap();
    if limit < u64::from(count) + OTHER_TESTS {
        skip(&format!("{limit} descriptors are too few here"));
        return None;
    }
    // A test that has failed has closed its descriptors.
    let held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some(held)
}
