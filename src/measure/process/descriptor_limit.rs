//! The limit on open descriptors that a process is started with.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runs `start` while this process may open only this many descriptors (the soft limit of getrlimit(2), `RLIMIT_NOFILE`): a
/// process that is started meanwhile inherits that. Another thread that opens one meanwhile fails if there are more. To
/// set the limit of the child alone takes unsafe code between fork(2) and exec(2).
pub(super) fn while_limited_to<T>(limit: Option<u64>, start: impl FnOnce() -> T) -> T {
    let Some(limit) = limit else {
        return start();
    };
    let own = getrlimit(Resource::Nofile);
    let current = Some(limit);
    // Fails only beyond the hard limit. Then there is nothing to lower.
    let _beyond = setrlimit(Resource::Nofile, Rlimit { current, ..own });
    let started = start();
    let _as_before = setrlimit(Resource::Nofile, own);
    started
}
