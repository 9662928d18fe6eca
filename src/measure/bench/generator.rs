//! What the generator needed.

use super::ratio::{per_message, share};
use super::times::Times;
use crate::measure::load::LoadResults;
use serde::Serialize;

/// What the generator needed.
#[derive(Debug, Clone, Serialize)]
pub struct GeneratorReport {
    /// Processor time for a message; none without one.
    pub cpu_us_per_message: Option<f64>,
    /// The share of one core that it used, from 0 to 1.
    pub cpu_share: f64,
    /// How late it noticed that messages were due; only with a rate.
    pub lag: Option<Times>,
}

impl GeneratorReport {
    pub(super) fn new(outcome: &LoadResults) -> Self {
        let cpu = outcome.generator.cpu;
        Self {
            cpu_us_per_message: per_message(cpu, outcome.messages),
            cpu_share: share(cpu, outcome.elapsed),
            lag: outcome.generator.lag.as_ref().map(Into::into),
        }
    }
}
