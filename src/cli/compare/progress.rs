//! The progress of a comparison on a terminal, Ctrl-C, and the results so far.

use super::flame_graphs::FlameGraphs;
use super::reports;
use crate::cli::interrupt::Interrupt;
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::{MeasurementStart, ProgressObserver, Scenario, summary};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Steps of the progress bar for one measurement.
const STEPS: u64 = 1000;

/// A progress bar that ends the comparison on an interrupt, and saves it after each scenario.
pub(super) struct TerminalProgress<'a> {
    /// Draws nothing if standard error is not a terminal.
    bar: ProgressBar,
    interrupt: Interrupt,
    /// Where to save it; `None` for nowhere.
    json: Option<&'a Path>,
    /// Where the flame graphs go; `None` for nowhere.
    flame_graphs: Option<FlameGraphs<'a>>,
}

impl<'a> TerminalProgress<'a> {
    pub(super) fn new(
        json: Option<&'a Path>,
        flame_graphs: Option<FlameGraphs<'a>>,
    ) -> io::Result<Self> {
        Ok(Self {
            bar: ProgressBar::no_length(),
            interrupt: Interrupt::catch()?,
            json,
            flame_graphs,
        })
    }

    /// Removes the bar. Returns the exit code after an interrupt, if there was one, and whether a flame graph is missing.
    pub(super) fn finish(self) -> (Option<u8>, bool) {
        self.bar.finish_and_clear();
        let lacks_graph = self.flame_graphs.is_some_and(|it| it.report());
        (self.interrupt.exit_code(), lacks_graph)
    }
}

impl ProgressObserver for TerminalProgress<'_> {
    fn started(&mut self, measurements: usize, estimate: Duration) {
        let seconds = Duration::from_secs(estimate.as_secs().max(1));
        let estimate = humantime::format_duration(seconds);
        let _unwritten = writeln!(io::stderr(), "{}, about {estimate}", counted(measurements));
        let style = ProgressStyle::with_template("{wide_msg} {bar:30} {percent:>3} %, {eta} left");
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        self.bar
            .set_length(STEPS.saturating_mul(measurements as u64));
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
        let done = STEPS.saturating_mul(done as u64);
        self.bar.set_position(done.saturating_add(per_mille));
        if self.interrupt.has_arrived() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn flame_graph(
        &mut self,
        contender: &str,
        scenario: &Scenario,
        graph: Result<Vec<u8>, String>,
    ) {
        if let Some(graphs) = &mut self.flame_graphs {
            graphs.save(contender, scenario, graph);
        }
    }

    fn scenario_done(&mut self, so_far: &Comparison) {
        let Some(path) = self.json.filter(|_| summary::has_values(so_far)) else {
            return;
        };
        if let Err(error) = reports::save(so_far, path) {
            log::warn!("{error}");
        }
    }
}

/// `1 measurement`, `2,000 measurements`.
fn counted(measurements: usize) -> String {
    match measurements {
        1 => "1 measurement".to_owned(),
        many => format!("{} measurements", indicatif::HumanCount(many as u64)),
    }
}
