//! The line on a terminal that shows how far a measurement has come, and what its latest second was like.

use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::bench::IntervalRecorder;
use mio_echo::measure::load::Progress;

/// Draws nothing if standard error is not a terminal.
#[derive(Debug)]
pub(super) struct LiveLine {
    bar: ProgressBar,
    intervals: IntervalRecorder,
}

impl LiveLine {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(1000);
        let bar = match ProgressStyle::with_template("{wide_bar} {percent:>3} % {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        Self {
            bar,
            intervals: IntervalRecorder::new(),
        }
    }

    /// An interval takes the generator a moment, so none is computed for a line that is not drawn.
    pub(super) fn show(&mut self, progress: &Progress) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(progress.per_mille);
        if progress.measured.is_none() {
            self.bar
                .set_message(format!("{} connections", progress.connected));
        } else if let Some(interval) = self.intervals.observe(progress) {
            self.bar.set_message(interval.to_string());
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
