//! `mio-echo lab`: list the experiments, or run one.

mod arguments;

pub(crate) use arguments::{EXAMPLES, Lab};

use crate::cli::{FAILED, NOT_STARTED, announce, colour_on, complain};
use mio_echo::learn::lab::{self, EXPERIMENTS, Experiment, Report, Surroundings};
use mio_echo::text::os_error;
use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `lab` is asked for.
#[derive(Debug)]
pub(crate) enum LabRequest {
    List,
    Run {
        name: String,
        /// Where a page with both timelines is to go.
        page: Option<PathBuf>,
    },
}

pub(crate) fn lab(request: LabRequest) -> ExitCode {
    match request {
        LabRequest::List => {
            announce(&list());
            ExitCode::SUCCESS
        }
        LabRequest::Run { name, page } => match lab::find(&name) {
            Some(experiment) => run(&experiment, page.as_deref()),
            None => complain(NOT_STARTED, &unknown(&name)),
        },
    }
}

fn run(experiment: &Experiment, page: Option<&Path>) -> ExitCode {
    // The file is made at once, so that nobody learns at the end that it cannot be.
    let file = match page.map(File::create).transpose() {
        Ok(file) => file,
        Err(error) => return complain(NOT_STARTED, &cannot_write(page, &error)),
    };
    let report = surroundings().and_then(|surroundings| experiment.run(&surroundings));
    let report = match report {
        Ok(report) => report,
        Err(error) => return complain(FAILED, &format!("{}: {error}", experiment.name)),
    };
    announce(report.text(colour_on(&io::stdout())).trim_end());
    if let Some(Err(error)) = file.map(|file| draw(&report, file)) {
        return complain(FAILED, &cannot_write(page, &error));
    }
    if report.is_as_promised() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn surroundings() -> io::Result<Surroundings> {
    let program = env::current_exe()?;
    Ok(Surroundings { program })
}

fn draw(report: &Report, file: File) -> io::Result<()> {
    let mut output = BufWriter::new(file);
    report.write_page(&mut output)?;
    output.flush()
}

fn cannot_write(path: Option<&Path>, error: &io::Error) -> String {
    let path = path.unwrap_or(Path::new("-")).display();
    format!("cannot write {path}: {}", os_error::in_words(error))
}

fn list() -> String {
    let line = |one: &Experiment| {
        let chapter = one.chapter.number();
        format!("{:<18}  {:<50}  {chapter:>7}", one.name, one.mistake)
    };
    let heading = format!("{:<18}  {:<50}  {}", "experiment", "mistake", "chapter");
    let lines: Vec<String> = EXPERIMENTS.iter().map(line).collect();
    format!("{heading}\n{}", lines.join("\n"))
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
