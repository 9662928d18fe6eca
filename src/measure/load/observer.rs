//! How a caller follows a run and ends it early.

use super::results::LoadResults;
use std::ops::ControlFlow;
use std::time::Duration;

/// Observes a run while it is in progress.
pub trait LoadObserver {
    /// All connections are established and warmed up; the measurement starts when this returns.
    fn measurement_started(&mut self) {}

    /// The measurement has ended; the connections are still open.
    fn measurement_ended(&mut self) {}

    /// Called about ten times a second. `Break` ends the run early, with the results so far.
    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Ignores everything.
impl LoadObserver for () {}

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Established connections.
    pub connected: usize,
    /// How long the measurement has lasted; `None` before it starts and after it has ended.
    pub measured: Option<Duration>,
    /// The results so far. Those that need the end of the measurement, such as [`LoadResults::elapsed`], are still 0.
    pub results: &'a LoadResults,
    /// How much of the measurement is complete, in thousandths.
    pub per_mille: u64,
}
