//! `mio-echo lab`: lists the experiments, runs one, serves one of its servers, or writes it as a project.

use super::files::{cannot_write, print_results};
use super::output::{FAILED, NOT_STARTED, colour_on, fail, print_line};
use clap::{Args, ValueEnum};
use mio_echo::learn::lab::project::Project;
use mio_echo::learn::lab::{
    self, EXPERIMENTS, Environment, Experiment, ExperimentRun, Variant, report,
};
use mio_echo::text::endpoint::Endpoint;
use mio_echo::text::os_error;
use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Exit codes:
  0  the wrong server failed as predicted and the right server was
     correct; or the server of --serve was stopped; or the project was
     written
  1  a result was unexpected, the experiment could not be run, or
     its results cannot be written
  2  wrong usage, no such experiment, or ADDR, FILE or DIR cannot be used

Examples:
  mio-echo lab
  mio-echo lab read-once
  mio-echo lab read-once --html read-once.html
  mio-echo lab read-once --serve wrong --listen 127.0.0.1:50007
  mio-echo lab read-once --edit read-once";

/// Columns of a standard output that is no terminal.
const PAGE: usize = 80;

#[derive(Debug, Args)]
pub(super) struct LabArguments {
    /// The experiment to run; without a name, list all experiments
    name: Option<String>,

    /// Write the timelines of both servers, side by side, as a self-contained HTML page
    #[arg(long, value_name = "FILE", requires = "name")]
    html: Option<PathBuf>,

    /// Start only this server of the experiment, for nc, strace or `mio-echo check`, until SIGINT or SIGTERM
    #[arg(
        long,
        value_name = "SERVER",
        requires = "name",
        conflicts_with_all = ["html", "edit"]
    )]
    serve: Option<ServerChoice>,

    /// Where the server of --serve listens
    #[arg(
        long,
        value_name = "ADDR",
        requires = "serve",
        default_value = "127.0.0.1:0"
    )]
    listen: Endpoint,

    /// Write the wrong server as a small project into the folder DIR, to be repaired
    #[arg(long, value_name = "DIR", requires = "name", conflicts_with = "html")]
    edit: Option<PathBuf>,
}

/// One of the two servers of an experiment.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ServerChoice {
    /// The one with the mistake; of two ways, the first one.
    Wrong,
    /// The one without it; of two ways, the second one.
    Right,
}

pub(super) fn run(arguments: &LabArguments) -> ExitCode {
    let Some(name) = &arguments.name else {
        return match print_results(&list()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(FAILED, &error),
        };
    };
    let Some(experiment) = lab::find(name) else {
        return fail(NOT_STARTED, &unknown(name));
    };
    match (arguments.serve, &arguments.edit) {
        (Some(choice), _) => serve(&experiment, choice, &arguments.listen),
        (None, Some(folder)) => edit(&experiment, folder),
        (None, None) => run_experiment(&experiment, arguments.html.as_deref()),
    }
}

fn serve(experiment: &Experiment, choice: ServerChoice, listen: &Endpoint) -> ExitCode {
    let variant = match choice {
        ServerChoice::Wrong => Variant::Wrong,
        ServerChoice::Right => Variant::Right,
    };
    let addresses = match listen.resolve() {
        Ok(addresses) => addresses,
        Err(error) => {
            let error = os_error::describe(&error);
            return fail(NOT_STARTED, &format!("cannot resolve {listen}: {error}"));
        }
    };
    let mut code = NOT_STARTED;
    let served = addresses.first().map(|address| {
        experiment.serve(variant, *address, |address| {
            code = FAILED;
            print_line(&format!("listening on {address}"));
        })
    });
    match served {
        Some(Err(error)) => {
            let error = os_error::describe(&error);
            fail(code, &format!("{} at {listen}: {error}", experiment.name))
        }
        Some(Ok(())) | None => ExitCode::SUCCESS,
    }
}

fn edit(experiment: &Experiment, folder: &Path) -> ExitCode {
    let project = match Project::of(experiment) {
        Ok(project) => project,
        Err(why) => {
            let name = experiment.name;
            let problem =
                format!("no check tells the two servers of {name} apart: {why}; try --serve");
            return fail(NOT_STARTED, &problem);
        }
    };
    if let Err(error) = project.write(folder) {
        return fail(NOT_STARTED, &cannot_write(folder, &error));
    }
    let (folder, command) = (folder.display(), project.check_command());
    print_line(&format!(
        "repair {folder}/src/main.rs; in that folder, this shows whether you have:\n  \
         cargo build && {command}"
    ));
    ExitCode::SUCCESS
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
    let text = report::text(&run, colour_on(&io::stdout()), columns());
    if let Err(error) = print_results(text.trim_end()) {
        return fail(FAILED, &error);
    }
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

fn columns() -> usize {
    let terminal = rustix::termios::tcgetwinsize(io::stdout()).ok();
    // A terminal that does not know its size reports 0.
    let columns = terminal.map(|size| size.ws_col).filter(|it| *it > 0);
    columns.map_or(PAGE, usize::from)
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
        format!("{name:<20}  {mistake:<49}  {chapter:>7}")
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
