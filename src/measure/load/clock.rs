//! Time within a run, in nanoseconds since it began.

use crate::text::units::nanoseconds;
use std::time::{Duration, Instant};

/// Nanoseconds since the run began.
pub(super) type Nanos = u64;

/// The monotonic clock, counted from the beginning of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Nanos {
        nanoseconds(self.start.elapsed())
    }
}

/// The instant `duration` after `start`; for very long durations, the last one.
pub(super) fn after(start: Nanos, duration: Duration) -> Nanos {
    start.saturating_add(nanoseconds(duration))
}

/// How long it is from `now` until `deadline`; zero if that has passed.
pub(super) fn time_until(deadline: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(deadline.saturating_sub(now))
}
