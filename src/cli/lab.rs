//! `mio-echo lab`: lists the experiments, or runs one.

use super::files::cannot_write;
use super::output::{FAILED, NOT_STARTED, colour_on, fail, print_line};
use clap::Args;
use mio_echo::learn::lab::{self, EXPERIMENTS, Environment, Experiment, ExperimentRun, report};
use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Exit codes:
  0 the wrong server failed as predicted and the right server was correct;
  1 a result was unexpected, or the experiment could not be run;
  2 wrong usage, no such experiment, or FILE cannot be created.

Examples:
  mio-echo lab
  mio-echo lab read-once
  mio-echo lab read-once --html read-once.html";

#[derive(Debug, Args)]
pub(super) struct LabArguments {
    /// The experiment to run; without a name, list all experiments
    name: Option<String>,

    /// Write the timelines of both servers, side by side, as a self-contained HTML page
    #[arg(long, value_name = "FILE", requires = "name")]
    html: Option<PathBuf>,
}

pub(super) fn run(arguments: &LabArguments) -> ExitCode {
    let Some(name) = &arguments.name else {
        print_line(&list());
        return ExitCode::SUCCESS;
    };
    match lab::find(name) {
        Some(experiment) => run_experiment(&experiment, arguments.html.as_deref()),
        None => fail(NOT_STARTED, &unknown(name)),
    }
}

fn run_experiment(experiment: &Experiment, page: Option<&Path>) -> ExitCode {
    // Created before the run, so that an unusable path is reported at once.
    let page = match page.map(|path| (path, File::create(path))) {
        Some((path, Err(error))) => return fail(NOT_STARTED, &cannot_write(path, &error)),
        Some((path, Ok(file))) => Some((path, file)),
        None => None,
    };
    let run = environment().and_then(|environment| experiment.run(&environment));
    let run = match run {
        Ok(run) => run,
        Err(error) => return fail(FAILED, &format!("{}: {error}", experiment.name)),
    };
    print_line(report::text(&run, colour_on(&io::stdout())).trim_end());
    if let Some((path, file)) = page
        && let Err(error) = write_page(&run, file)
    {
        return fail(FAILED, &cannot_write(path, &error));
    }
    if run.is_as_predicted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn environment() -> io::Result<Environment> {
    let program = env::current_exe()?;
    Ok(Environment { program })
}

fn write_page(run: &ExperimentRun, file: File) -> io::Result<()> {
    let mut output = BufWriter::new(file);
    report::write_page(run, &mut output)?;
    output.flush()
}

fn list() -> String {
    let row = |name: &str, mistake: &str, chapter: &str| {
        format!("{name:<18}  {mistake:<50}  {chapter:>7}")
    };
    let mut lines = vec![row("experiment", "mistake", "chapter")];
    lines.extend(EXPERIMENTS.iter().map(|one| {
        let chapter = one.chapter.number().to_string();
        row(one.name, one.mistake, &chapter)
    }));
    lines.join("\n")
}

fn unknown(name: &str) -> String {
    match lab::nearest(name) {
        Some(nearest) => {
            let nearest = nearest.name;
            format!("there is no experiment `{name}`; did you mean `{nearest}`?")
        }
        None => format!("there is no experiment `{name}`; `mio-echo lab` lists them"),
    }
}
