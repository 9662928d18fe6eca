//! How long all checks, one check and a silence of the server may take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a call blocks before the limit and the request to stop are looked at again.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// The limit of all checks together.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLimit {
    /// `None` means no limit.
    end: Option<Instant>,
}

/// The limits of one check.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimit<'a> {
    /// When the check has to end.
    end: Instant,
    /// The longest silence of the server while a byte or a FIN is due.
    silence: Duration,
    /// Set when the run is interrupted.
    cancelled: &'a AtomicBool,
}

/// One wait for the server.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    started: Instant,
    until: Instant,
    end_of_check: Instant,
    cancelled: &'a AtomicBool,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndOfWait {
    /// The server was silent for this long.
    Silence(Duration),
    /// The check as a whole has taken too long.
    TimeIsUp,
}

impl RunLimit {
    /// A limit of `time` from now on.
    pub(super) fn from_now(time: Option<Duration>) -> Self {
        let end = time.and_then(|time| Instant::now().checked_add(time));
        Self { end }
    }

    pub(super) fn is_over(self) -> bool {
        self.left().is_zero()
    }

    pub(super) fn left(self) -> Duration {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.end.map_or(Duration::MAX, left)
    }

    /// Whether it comes before `end`.
    pub(super) fn is_before(self, end: Instant) -> bool {
        self.end.is_some_and(|it| it < end)
    }

    /// The earlier of the two.
    pub(super) fn at_most(self, end: Instant) -> Instant {
        self.end.map_or(end, |it| it.min(end))
    }
}

impl<'a> TimeLimit<'a> {
    pub(super) fn new(end: Instant, silence: Duration, cancelled: &'a AtomicBool) -> Self {
        Self {
            end,
            silence,
            cancelled,
        }
    }

    /// Starts a wait for the server's next byte.
    pub(super) fn wait(&self) -> Wait<'a> {
        self.wait_at_most(self.silence)
    }

    /// Starts a wait for the reply to one of this many attempts, which together wait as long as for one byte.
    pub(super) fn wait_for_one_of(&self, attempts: u32) -> Wait<'a> {
        self.wait_at_most(self.silence / attempts.max(1))
    }

    /// Starts a wait that may take as long as the check.
    pub(super) fn wait_to_the_end(&self) -> Wait<'a> {
        self.wait_at_most(Duration::MAX)
    }

    /// Sleeps for `time`, or until the check has to end or is interrupted.
    pub(super) fn pause(&self, time: Duration) {
        let wait = self.wait_at_most(time);
        while !wait.is_over() {
            thread::sleep(wait.left().min(SLICE));
        }
    }

    /// Polls `is_true` until it is, or until a wait for the server is over. Returns the last value.
    pub(super) fn eventually(&self, mut is_true: impl FnMut() -> bool) -> bool {
        let wait = self.wait();
        loop {
            if is_true() {
                return true;
            }
            if wait.is_over() {
                return false;
            }
            thread::sleep(SLICE / 5);
        }
    }

    /// Starts a wait that takes at most this long.
    pub(super) fn wait_at_most(&self, time: Duration) -> Wait<'a> {
        let started = Instant::now();
        Wait {
            started,
            until: started
                .checked_add(time)
                .map_or(self.end, |it| it.min(self.end)),
            end_of_check: self.end,
            cancelled: self.cancelled,
        }
    }
}

impl Wait<'_> {
    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The time left; none once the run is interrupted.
    pub(super) fn left(&self) -> Duration {
        if self.cancelled.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.until.saturating_duration_since(Instant::now())
    }

    /// Why it is over.
    pub(super) fn end(&self) -> EndOfWait {
        if self.until == self.end_of_check {
            EndOfWait::TimeIsUp
        } else {
            EndOfWait::Silence(self.started.elapsed())
        }
    }
}
