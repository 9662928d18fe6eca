//! How a caller follows a run and ends it early.

use std::ops::ControlFlow;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Established connections.
    pub connected: usize,
    /// Messages measured so far; 0 while connecting and warming up.
    pub messages: u64,
    /// How much of the measurement is complete, in thousandths.
    pub per_mille: u64,
}
