//! Threads of a check, which end before it does.

use super::symptom::Symptom;
use std::panic;
use std::thread::{self, Scope, ScopedJoinHandle};

/// Does `work` on this many threads at the same time. Returns what they return.
///
/// # Errors
///
/// The first of them that failed.
pub(super) fn at_once<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, Symptom> + Sync,
) -> Result<Vec<T>, Symptom> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|index| spawn(scope, move || work(index)))
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| join(thread?)).collect();
        results.into_iter().collect()
    })
}

/// Starts a thread of the check.
pub(super) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Symptom> {
    thread::Builder::new()
        .spawn_scoped(scope, work)
        .map_err(|error| Symptom::of(format!("this program cannot start a thread: {error}")))
}

/// What the thread returns.
pub(super) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
}
