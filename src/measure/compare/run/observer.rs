//! How a caller follows a comparison and ends it early.

use crate::measure::compare::model::Comparison;
use crate::measure::compare::scenario::Scenario;
use std::ops::ControlFlow;
use std::time::Duration;

/// Follows a comparison while it runs.
pub trait ProgressObserver {
    /// The comparison starts: it has this many measurements and may take this long.
    fn started(&mut self, _measurements: usize, _estimate: Duration) {}

    /// A measurement starts.
    fn measurement_started(&mut self, _start: &MeasurementStart<'_>) {}

    /// Called about ten times a second, with the number of measurements done and the thousandths done of the current
    /// one. `Break` ends the comparison early, with what was measured until then.
    fn progress(&mut self, _done: usize, _per_mille: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The flame graph of a contender, an SVG document, or one line that says why there is none.
    fn flame_graph(
        &mut self,
        _contender: &str,
        _scenario: &Scenario,
        _graph: Result<Vec<u8>, String>,
    ) {
    }

    /// A scenario is done: the comparison so far, which counts as ended early.
    fn scenario_done(&mut self, _so_far: &Comparison) {}
}

/// Ignores everything.
impl ProgressObserver for () {}

/// A measurement that starts.
#[derive(Debug, Clone, Copy)]
pub struct MeasurementStart<'a> {
    /// Name of the contender.
    pub contender: &'a str,
    /// Its load.
    pub scenario: &'a Scenario,
    /// The round; the first is 1. 0 is a measurement beside the rounds, which finds a rate.
    pub round: u32,
}
