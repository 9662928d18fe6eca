//! The line on a terminal that shows how far a measurement has come, and what its latest second was like.

use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::bench::LoadInterval;
use mio_echo::measure::load::Progress;

/// Draws nothing if standard error is not a terminal.
#[derive(Debug)]
pub(super) struct LiveLine {
    bar: ProgressBar,
}

impl LiveLine {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(1000);
        let bar = match ProgressStyle::with_template("{wide_bar} {percent:>3} % {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        Self { bar }
    }

    pub(super) fn is_drawn(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Shows the latest interval, if one has just ended.
    pub(super) fn show(&self, progress: &Progress, interval: Option<LoadInterval>) {
        self.bar.set_position(progress.per_mille);
        if let Some(interval) = interval {
            self.bar.set_message(interval.to_string());
        } else if progress.per_mille == 0 {
            self.bar
                .set_message(format!("{} connections", progress.connected));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
