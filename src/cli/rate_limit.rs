//! A limit for warnings that peers or a full disk can cause at any rate.

use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

/// How often one kind of warning is logged at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one warning pass per [`INTERVAL`].
#[derive(Debug, Clone, Default)]
pub(super) struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

/// How many warnings of the same kind were left out before this one; prints nothing for none.
pub(super) struct Suppressed(u64);

impl RateLimit {
    /// Whether a warning may be logged at `now`. If not, it is counted.
    pub(super) fn pass(&mut self, now: Instant) -> Option<Suppressed> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < INTERVAL)
        {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(Suppressed(mem::take(&mut self.suppressed)))
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
    fn a_warning_passes_once_a_second_and_says_how_many_did_not() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let mut pass = |millis| {
            let at = start + Duration::from_millis(millis);
            limit.pass(at).map(|suppressed| suppressed.to_string())
        };
        assert_eq!(pass(0).as_deref(), Some(""));
        assert_eq!((pass(1), pass(999)), (None, None));
        let said = " (2 more before this were not logged)";
        assert_eq!(pass(1000).as_deref(), Some(said));
        assert_eq!(pass(2000).as_deref(), Some(""));
    }
}
