//! The clock of a server of the lab. It is stopped in an experiment about deadlines, which then takes no time.

use std::time::{Duration, Instant};

/// What a server compares its deadlines with.
#[derive(Debug)]
pub(crate) enum ServerClock {
    /// The time since it was started.
    Running(Instant),
    /// A time that changes only when the experiment advances it.
    Stopped(Duration),
}

impl ServerClock {
    /// The time by this clock.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Self::Running(start) => start.elapsed(),
            Self::Stopped(now) => *now,
        }
    }

    /// Sets a stopped clock forward.
    pub(crate) fn advance(&mut self, time: Duration) {
        if let Self::Stopped(now) = self {
            *now += time;
        }
    }

    /// How long a wait may take that is to end at `deadline`. No wait ends by a stopped clock.
    pub(crate) fn timeout(&self, deadline: Duration) -> Duration {
        match self {
            Self::Running(_) => deadline.saturating_sub(self.now()),
            Self::Stopped(_) => Duration::MAX,
        }
    }
}
