//! The chapters of the guide: their numbers and titles, for everything that refers to one.

use std::fmt;

/// A chapter of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(into = "u8")]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Chapter {
    BlockingEcho,
    Readiness,
    PartialWrites,
    EdgesAndDraining,
    Fairness,
    Endings,
    Accepting,
    Shutdown,
    Timers,
    BlockingWork,
    Contrast,
    Engines,
    Measuring,
    Beyond,
    Datagrams,
}

impl Chapter {
    /// Its number in the guide.
    pub fn number(self) -> u8 {
        match self {
            Self::BlockingEcho => 1,
            Self::Readiness => 2,
            Self::PartialWrites => 3,
            Self::EdgesAndDraining => 4,
            Self::Fairness => 5,
            Self::Endings => 6,
            Self::Accepting => 7,
            Self::Shutdown => 8,
            Self::Timers => 9,
            Self::BlockingWork => 10,
            Self::Contrast => 11,
            Self::Engines => 12,
            Self::Measuring => 13,
            Self::Beyond => 14,
            Self::Datagrams => 15,
        }
    }

    /// Its title in the guide.
    pub fn title(self) -> &'static str {
        match self {
            Self::BlockingEcho => "a blocking echo",
            Self::Readiness => "readiness",
            Self::PartialWrites => "partial writes and backpressure",
            Self::EdgesAndDraining => "edges and draining",
            Self::Fairness => "fairness and budgets",
            Self::Endings => "half-close, linger, RST",
            Self::Accepting => "accept, limits, EMFILE",
            Self::Shutdown => "shutdown",
            Self::Timers => "timers in a loop",
            Self::BlockingWork => "what must not run in the loop",
            Self::Contrast => "the contrast: a thread for each connection",
            Self::Engines => "completion and async Rust",
            Self::Measuring => "measuring without fooling yourself",
            Self::Beyond => "beyond one core and one machine",
            Self::Datagrams => "datagrams",
        }
    }
}

impl From<Chapter> for u8 {
    fn from(chapter: Chapter) -> Self {
        chapter.number()
    }
}

/// `chapter 6, half-close, linger, RST`.
impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chapter {}, {}", self.number(), self.title())
    }
}
