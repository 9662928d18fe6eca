//! A limit for warnings that peers or a full disk can cause at any rate.

use super::log_line::TARGET;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often one kind of warning is logged at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one warning of a kind pass per [`INTERVAL`]. Clones share what they count.
#[derive(Debug, Clone)]
pub(super) struct RateLimit {
    /// What the warnings are about, as the log names it.
    kind: &'static str,
    state: Arc<Mutex<RateLimitState>>,
}

#[derive(Debug, Default)]
struct RateLimitState {
    last: Option<Instant>,
    suppressed: u64,
}

/// How many warnings of the same kind were left out before this one; prints nothing for none.
pub(super) struct Suppressed(u64);

impl RateLimit {
    pub(super) fn of(kind: &'static str) -> Self {
        Self {
            kind,
            state: Arc::default(),
        }
    }

    /// Whether a warning may be logged at `now`. If not, it is counted.
    pub(super) fn pass(&self, now: Instant) -> Option<Suppressed> {
        let mut state = self.state();
        if state
            .last
            .is_some_and(|last| now.duration_since(last) < INTERVAL)
        {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(Suppressed(mem::take(&mut state.suppressed)))
    }

    /// Logs how many warnings were left out after the last one that passed, if any were: no further one will say so.
    pub(super) fn finish(&self) {
        if let Some(note) = self.last_note() {
            log::warn!(target: TARGET, "{note}");
        }
    }

    fn last_note(&self) -> Option<String> {
        let suppressed = mem::take(&mut self.state().suppressed);
        let kind = self.kind;
        (suppressed > 0).then(|| format!("{kind}: {suppressed} more warnings were not logged"))
    }

    fn state(&self) -> MutexGuard<'_, RateLimitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} more before this were not logged)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_passes_once_a_second_and_each_other_one_is_counted_once() {
        let limit = RateLimit::of("a test");
        let start = Instant::now();
        let pass = |millis| {
            let at = start + Duration::from_millis(millis);
            limit.pass(at).map(|suppressed| suppressed.to_string())
        };
        assert_eq!(pass(0).as_deref(), Some(""));
        assert_eq!((pass(1), pass(999)), (None, None));
        let said = " (2 more before this were not logged)";
        assert_eq!(pass(1000).as_deref(), Some(said));
        assert_eq!(pass(2000).as_deref(), Some(""));
        assert_eq!(limit.last_note(), None);
        assert_eq!((pass(2001), pass(2002)), (None, None));
        let note = limit.clone().last_note();
        assert_eq!(
            note.as_deref(),
            Some("a test: 2 more warnings were not logged")
        );
        assert_eq!(limit.last_note(), None);
    }
}
