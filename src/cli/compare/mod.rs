//! `mio-echo compare`: measure, watch, report.

mod arguments;

pub(crate) use arguments::{Compare, EXAMPLES};

use crate::cli::files::write_to;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{FAILED, NOT_STARTED, fail};
use indicatif::{ProgressBar, ProgressStyle};
use mio_echo::measure::compare;
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::{Entry, Plan, Spectator, Step, peers, report, summary};
use mio_echo::text::os_error;
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Stopped by SIGINT, as a shell tells it.
const STOPPED: u8 = 130;

/// Steps of the progress bar for one measurement.
const STEPS: u64 = 1000;

/// What to do.
#[derive(Debug)]
pub(crate) struct CompareRequest {
    /// Where the comparison comes from.
    pub(crate) task: Task,
    /// What to write besides the table, and where; `-` is standard output, and then there is no table.
    pub(crate) reports: Vec<(Format, PathBuf)>,
}

/// Where the comparison comes from.
#[derive(Debug)]
pub(crate) enum Task {
    /// It is yet to be made.
    Measure {
        plan: Plan,
        /// A folder with servers to be built, which are compared too.
        peers: Option<PathBuf>,
    },
    /// It was kept in this file.
    Report(PathBuf),
}

/// The form of a report.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    Html,
    Svg,
    Markdown,
    Csv,
    Json,
}

pub(crate) fn compare(request: &CompareRequest) -> ExitCode {
    if let Err(why) = ready_to_write(&request.reports) {
        return fail(NOT_STARTED, &why);
    }
    let comparison = match &request.task {
        Task::Report(file) => match kept_in(file) {
            Ok(comparison) => comparison,
            Err(why) => return fail(NOT_STARTED, &why),
        },
        Task::Measure { plan, peers } => match measured(plan, peers.as_deref()) {
            Ok(Some(comparison)) => comparison,
            Ok(None) => return ExitCode::from(STOPPED),
            Err(why) => return fail(NOT_STARTED, &why),
        },
    };
    if let Err(why) = write_reports(&comparison, &request.reports) {
        return fail(FAILED, &why);
    }
    if summary::somebody_failed(&comparison) {
        return ExitCode::from(FAILED);
    }
    ExitCode::SUCCESS
}

/// Whether every report will have its place: to find out after an hour of measuring would be late.
fn ready_to_write(reports: &[(Format, PathBuf)]) -> Result<(), String> {
    let mut taken = HashSet::new();
    for (_, path) in reports {
        let is_stdout = path == Path::new("-");
        if !taken.insert(path) {
            let place = if is_stdout {
                "standard output".to_owned()
            } else {
                path.display().to_string()
            };
            return Err(format!("two reports cannot both go to {place}"));
        }
        if !is_stdout {
            // To append nothing leaves what is there as it is.
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.map_err(|error| about_file("write", path, &error))?;
        }
    }
    Ok(())
}

fn kept_in(file: &Path) -> Result<Comparison, String> {
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| about_file("read", file, &error))?;
    report::from_json(&text).map_err(|why| format!("{}: {why}", file.display()))
}

fn about_file(what: &str, path: &Path, error: &io::Error) -> String {
    format!(
        "cannot {what} {}: {}",
        path.display(),
        os_error::in_words(error)
    )
}

/// Measures; nothing if it was stopped twice.
fn measured(plan: &Plan, peers: Option<&Path>) -> Result<Option<Comparison>, String> {
    let mut plan = plan.clone();
    if let Some(folder) = peers {
        plan.entries.extend(entries_of(folder)?);
    }
    named_once(&plan)?;
    let mut terminal = Terminal::new().map_err(|error| {
        let words = os_error::in_words(&error);
        format!("cannot listen to signals: {words}")
    })?;
    let comparison = compare::run(&plan, &mut terminal);
    terminal.bar.finish_and_clear();
    Ok((terminal.stops() < 2).then_some(comparison))
}

/// The servers of a manifest. What cannot be built here is named and left out.
fn entries_of(folder: &Path) -> Result<Vec<Entry>, String> {
    let peers = peers::prepare(folder).map_err(|error| error.to_string())?;
    for left_out in &peers.left_out {
        log::warn!("{} is left out: {}", left_out.name, left_out.why);
    }
    let entries = peers.ready.into_iter();
    entries
        .map(|peer| Entry::command(peer.name, peer.command))
        .collect()
}

fn named_once(plan: &Plan) -> Result<(), String> {
    let mut names = HashSet::new();
    match plan.entries.iter().find(|entry| !names.insert(&entry.name)) {
        Some(entry) => Err(format!("two contenders have the name `{}`", entry.name)),
        None => Ok(()),
    }
}

/// Whoever sits in front of it: sees a progress bar, and may press Ctrl-C.
struct Terminal {
    bar: ProgressBar,
    interrupt: Interrupt,
    /// How often, as far as we have looked.
    stops: u32,
}

impl Terminal {
    fn new() -> io::Result<Self> {
        Ok(Self {
            // Draws nothing where standard error is no terminal.
            bar: ProgressBar::no_length(),
            interrupt: Interrupt::note()?,
            stops: 0,
        })
    }

    fn stops(&mut self) -> u32 {
        self.stops += u32::from(self.interrupt.has_come());
        self.stops
    }
}

impl Spectator for Terminal {
    fn begins(&mut self, measurements: usize, estimate: Duration) {
        let seconds = Duration::from_secs(estimate.as_secs().max(1));
        let estimate = humantime::format_duration(seconds);
        let _nobody = writeln!(
            io::stderr(),
            "{measurements} measurements, about {estimate}"
        );
        let style = ProgressStyle::with_template("{wide_msg} {bar:30} {percent:>3} %, {eta} left");
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        self.bar.set_length(STEPS * measurements as u64);
    }

    fn measuring(&mut self, step: &Step<'_>) {
        let Step {
            contender,
            scenario,
            round,
        } = step;
        self.bar
            .set_message(format!("round {round}, {contender}: {scenario}"));
    }

    fn progress(&mut self, done: usize, per_mille: u64) -> ControlFlow<()> {
        self.bar.set_position(STEPS * done as u64 + per_mille);
        if self.stops() > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn write_reports(comparison: &Comparison, reports: &[(Format, PathBuf)]) -> Result<(), String> {
    let stdout = Path::new("-");
    for (format, path) in reports {
        let text = rendered(comparison, *format)?;
        write_to(path, |file| file.write_all(text.as_bytes()))?;
    }
    if reports.iter().any(|(_, path)| path == stdout) {
        return Ok(());
    }
    let table = report::terminal(comparison);
    write_to(stdout, |file| file.write_all(table.as_bytes()))
}

fn rendered(comparison: &Comparison, format: Format) -> Result<String, String> {
    match format {
        Format::Html => Ok(report::html(comparison)),
        Format::Svg => report::picture(comparison)
            .ok_or_else(|| "there is nothing to draw: nobody was measured".to_owned()),
        Format::Markdown => Ok(report::markdown(comparison)),
        Format::Csv => Ok(report::csv(comparison)),
        Format::Json => report::json(comparison),
    }
}
