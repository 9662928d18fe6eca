//! How a caller follows a run and ends it early.

use super::results::LoadResults;
use std::ops::ControlFlow;
use std::time::Duration;

/// Observes a run while it is in progress.
///
/// A generator with one thread waits until a method returns. One with several threads goes on meanwhile, because it calls
/// them from another thread.
pub trait LoadObserver {
    /// Whether the server is warm, so that the measurement may start. Asked about ten times a second while the warm-up may be
    /// extended ([`LoadPlan::warm_up_extension`](super::LoadPlan::warm_up_extension)), with how long it has lasted and how
    /// many messages were echoed in it.
    fn is_warm(&mut self, _lasted: Duration, _messages: u64) -> bool {
        true
    }

    /// All connections are established and warmed up. With one thread the measurement starts when this returns; with
    /// several it has just started.
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

impl<O: LoadObserver> LoadObserver for &mut O {
    fn is_warm(&mut self, lasted: Duration, messages: u64) -> bool {
        (**self).is_warm(lasted, messages)
    }

    fn measurement_started(&mut self) {
        (**self).measurement_started();
    }

    fn measurement_ended(&mut self) {
        (**self).measurement_ended();
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        (**self).progress(progress)
    }
}

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
