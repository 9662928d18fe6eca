//! How a caller follows a run and ends it early.

use super::results::LoadResults;
use std::ops::ControlFlow;
use std::time::Duration;

/// Observes a run while it is in progress.
pub trait LoadObserver {
    /// Whether the server is warm, so that the measurement may start. Asked about ten times a second while the warm-up may be
    /// extended ([`LoadPlan::warm_up_extension`](super::LoadPlan::warm_up_extension)), with how long it has lasted and how
    /// many messages were echoed in it.
    fn is_warm(&mut self, _lasted: Duration, _messages: u64) -> bool {
        true
    }

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
