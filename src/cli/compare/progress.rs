//! The progress of a comparison on a terminal, and Ctrl-C.

use crate::cli::interrupt::Interrupt;
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::compare::{MeasurementStart, ProgressObserver};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

/// Steps of the progress bar for one measurement.
const STEPS: u64 = 1000;

/// A progress bar that ends the comparison on an interrupt.
pub(super) struct TerminalProgress {
    /// Draws nothing if standard error is not a terminal.
    bar: ProgressBar,
    interrupt: Interrupt,
    interrupts: u32,
}

impl TerminalProgress {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            bar: ProgressBar::no_length(),
            interrupt: Interrupt::catch()?,
            interrupts: 0,
        })
    }

    /// Removes the bar. Returns how many interrupts there were.
    pub(super) fn finish(mut self) -> u32 {
        self.bar.finish_and_clear();
        self.count_interrupts()
    }

    fn count_interrupts(&mut self) -> u32 {
        self.interrupts += u32::from(self.interrupt.take());
        self.interrupts
    }
}

impl ProgressObserver for TerminalProgress {
    fn started(&mut self, measurements: usize, estimate: Duration) {
        let seconds = Duration::from_secs(estimate.as_secs().max(1));
        let estimate = humantime::format_duration(seconds);
        let _unwritten = writeln!(
            io::stderr(),
            "{measurements} measurements, about {estimate}"
        );
        let style = ProgressStyle::with_template("{wide_msg} {bar:30} {percent:>3} %, {eta} left");
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        self.bar.set_length(STEPS * measurements as u64);
    }

    fn measurement_started(&mut self, start: &MeasurementStart<'_>) {
        let MeasurementStart {
            contender,
            scenario,
            round,
        } = start;
        self.bar
            .set_message(format!("round {round}, {contender}: {scenario}"));
    }

    fn progress(&mut self, done: usize, per_mille: u64) -> ControlFlow<()> {
        self.bar.set_position(STEPS * done as u64 + per_mille);
        if self.count_interrupts() > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
