//! What a check is: a promise, why it matters, and the code that puts it to the test.

use super::process::ServerProcess;
use super::symptom::Symptom;
use super::trial::Trial;
use crate::text::chapter::Chapter;
use serde::Serialize;
use std::time::Duration;

/// A promise that an echo server keeps, and the code that puts it to the test.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Check {
    /// Its name, which stays the same from version to version.
    pub name: &'static str,
    /// What the server promises, in one sentence.
    pub promise: &'static str,
    /// What goes wrong in practice when the promise is broken.
    pub why: &'static str,
    /// The usual cause, and the cure.
    pub hint: &'static str,
    /// The chapter of the guide that explains it.
    pub chapter: Chapter,
    /// The experiment of the lab that shows it (`mio-echo lab NAME`).
    pub experiment: Option<&'static str>,
    /// The step of the course after which a server keeps this promise; `None` if no step asks for it.
    pub level: Option<Level>,
    /// Whether `--quick` includes it.
    pub quick: bool,
    /// The number of timeouts that the whole check may take.
    #[serde(skip)]
    pub(super) timeouts: u32,
    /// The time that the check itself spends waiting, in addition to the timeouts.
    #[serde(skip)]
    pub(super) pauses: Duration,
    #[serde(skip)]
    pub(super) run: Run,
}

/// The code of a check, and what it needs of the server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    /// Its address, so it applies to any server.
    OnAddress(fn(&Trial<'_>) -> TrialResult),
    /// Its process, so it applies to a server that was started for the check.
    OnProcess(fn(&Trial<'_>, &ServerProcess) -> TrialResult),
}

/// What a check returns.
pub(super) type TrialResult = Result<TrialOutcome, Symptom>;

/// What a check found when the promise was not broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TrialOutcome {
    /// The promise was kept.
    Kept,
    /// The promise was kept, and this was measured.
    Measured(String),
    /// The promise could not be tested, for this reason.
    NotApplicable(String),
}

impl Check {
    /// Whether it needs the process of the server, and not only its address.
    pub fn needs_process(&self) -> bool {
        matches!(self.run, Run::OnProcess(_))
    }
}

/// A step of the course, from a blocking server to a complete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u8")]
pub enum Level {
    /// One client at a time, with blocking calls.
    Blocking,
    /// Several clients, non-blocking sockets, a loop that never sleeps.
    Spinning,
    /// The loop sleeps in poll(2).
    Poll,
    /// Level-triggered epoll, partial writes.
    LevelTriggered,
    /// Edge-triggered, drained to `WouldBlock`.
    EdgeTriggered,
    /// Budgets, bounded memory, EMFILE, a stop without loss.
    Server,
}

impl Level {
    /// All of them, in the order of the course.
    pub const ALL: [Self; 6] = [
        Self::Blocking,
        Self::Spinning,
        Self::Poll,
        Self::LevelTriggered,
        Self::EdgeTriggered,
        Self::Server,
    ];

    /// The level with this number, from 1 to 6.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }

    /// Its number, from 1 to 6.
    pub fn number(self) -> u8 {
        match self {
            Self::Blocking => 1,
            Self::Spinning => 2,
            Self::Poll => 3,
            Self::LevelTriggered => 4,
            Self::EdgeTriggered => 5,
            Self::Server => 6,
        }
    }

    /// Its title, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Blocking => "one client at a time, blocking",
            Self::Spinning => "several clients, non-blocking",
            Self::Poll => "sleep in poll",
            Self::LevelTriggered => "level-triggered, partial writes",
            Self::EdgeTriggered => "edge-triggered, drained",
            Self::Server => "a server: budgets, limits, a clean stop",
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.number()
    }
}
