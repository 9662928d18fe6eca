//! The results of checks: plain values that know neither servers nor reports.

use super::definition::{Check, Level};
use crate::text::one_line;
use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum CheckStatus {
    /// The server kept its promise.
    Passed {
        /// What was measured, if anything.
        measured: Option<String>,
    },
    /// The server broke its promise.
    Failed {
        /// What the client saw, in one line.
        symptom: String,
        /// The first byte of the echo that is wrong or missing, counted from 0.
        offset: Option<u64>,
    },
    /// The promise cannot be tested on this server or this system.
    NotApplicable {
        /// Why not, in one line.
        reason: String,
    },
    /// The check was left out, or ended before it had a result.
    NotRun {
        /// Why, in one line.
        reason: String,
    },
}

/// One check of one server.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// What was checked.
    #[serde(flatten)]
    pub check: Check,
    /// What came of it.
    #[serde(flatten)]
    pub status: CheckStatus,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl CheckResult {
    /// Whether the server broke its promise.
    pub fn is_failure(&self) -> bool {
        matches!(self.status, CheckStatus::Failed { .. })
    }

    /// Whether the check has no result.
    pub fn is_not_run(&self) -> bool {
        matches!(self.status, CheckStatus::NotRun { .. })
    }
}

/// A level of the course, and how far a server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// The level that it was to reach.
    pub requested: Level,
    /// The number of the highest level that it has reached; 0 if it has reached none. All checks of that level and of those
    /// below it were run, as far as they apply, and none of them failed.
    pub reached: u8,
}

/// All checks of one server.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// The server: the name of its mode, its address or its command line.
    pub server: String,
    /// What was graded, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// One for each check, in the order in which they ran.
    pub results: Vec<CheckResult>,
    /// How long all of them took, in seconds.
    pub seconds: f64,
}

impl Grade {
    /// How far the server with these results has come.
    pub(super) fn of(requested: Level, results: &[CheckResult]) -> Self {
        let is_reached = |level: &Level| {
            let mut checks = results.iter().filter(|it| it.check.level == Some(*level));
            *level <= requested && checks.all(|it| !it.is_failure() && !it.is_not_run())
        };
        let reached = Level::ALL.into_iter().take_while(is_reached).last();
        Self {
            requested,
            reached: reached.map_or(0, Level::number),
        }
    }

    /// Whether the server has reached the level that was requested.
    pub fn is_reached(&self) -> bool {
        self.reached == self.requested.number()
    }
}

impl CheckStatus {
    fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Passed { measured } => measured.as_mut(),
            Self::Failed { symptom, .. } => Some(symptom),
            Self::NotApplicable { reason } | Self::NotRun { reason } => Some(reason),
        }
    }
}

impl CheckReport {
    /// The same report, the control characters of its texts escaped. They quote the command line and what the server has
    /// written, which must neither control a terminal nor break the format of a report.
    pub(super) fn escaped(mut self) -> Self {
        let texts = self.results.iter_mut();
        let texts = texts.filter_map(|result| result.status.text_mut());
        for text in texts.chain([&mut self.server]) {
            *text = one_line::escaped(text).into_owned();
        }
        self
    }

    /// The promises that were broken.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| result.is_failure())
    }

    /// The number of promises that were kept.
    pub fn passed(&self) -> usize {
        let kept = |result: &&CheckResult| matches!(result.status, CheckStatus::Passed { .. });
        self.results.iter().filter(kept).count()
    }

    /// The number of promises that were broken.
    pub fn failed(&self) -> usize {
        self.failures().count()
    }

    /// The number of promises that cannot be tested on this server or this system.
    pub fn not_applicable(&self) -> usize {
        let is_one =
            |result: &&CheckResult| matches!(result.status, CheckStatus::NotApplicable { .. });
        self.results.iter().filter(is_one).count()
    }

    /// The number of checks that were not run.
    pub fn not_run(&self) -> usize {
        self.results.iter().filter(|it| it.is_not_run()).count()
    }
}
