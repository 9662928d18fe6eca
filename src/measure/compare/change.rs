//! What has changed since an earlier comparison, as plain data: part of the later one, so that all reports of it show it.

use super::metric::Metric;
use super::scenario::Scenario;
use super::statistics::Interval;
use crate::measure::bench::Machine;
use serde::{Deserialize, Serialize};

/// An earlier comparison, and what has changed since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Name, version and commit of the program that measured it.
    pub program: String,
    /// When it started; UTC, RFC 3339.
    pub started: String,
    /// Where it ran.
    pub machine: Machine,
    /// One for each contender in each scenario that both have measured.
    pub changes: Vec<Change>,
}

/// How the primary metric of a contender in a scenario has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The scenario.
    pub scenario: Scenario,
    /// Name of the contender.
    pub contender: String,
    /// The primary metric of the scenario.
    pub metric: Metric,
    /// The value now, divided by that of before.
    pub ratio: f64,
    /// The interval of that; `None` after too few rounds.
    pub interval: Option<Interval>,
}
