//! `mio-echo timeline`: draws a trace.

use super::files::write_to;
use super::output::{FAILED, NOT_STARTED, fail};
use clap::{Args, ValueEnum};
use mio_echo::text::os_error;
use mio_echo::trace::{Trace, perfetto, timeline};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Examples:
  mio-echo serve --trace=echo.jsonl
  mio-echo timeline echo.jsonl -o echo.html
  mio-echo timeline echo.jsonl -o echo.html \\
    --guide target/doc/mio_echo/learn/guide
  mio-echo timeline echo.jsonl --format perfetto -o echo.json";

#[derive(Debug, Args)]
pub(super) struct TimelineArguments {
    /// The file that serve --trace=FILE.jsonl wrote; - for standard input
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// Where to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// What to write
    #[arg(short, long, value_enum, default_value_t = TimelineFormat::Html)]
    format: TimelineFormat,

    /// Link the page's explanations to the chapters of the guide at this address: that of the guide's page in
    /// the documentation, without index.html [default: chapters are named without a link]
    #[arg(short, long, value_name = "URL")]
    guide: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TimelineFormat {
    /// A self-contained page
    Html,
    /// Trace events for ui.perfetto.dev and other viewers of Chrome's format
    Perfetto,
}

pub(super) fn run(arguments: &TimelineArguments) -> ExitCode {
    let trace = match read(&arguments.trace) {
        Ok(trace) => trace,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    let draw = |output: &mut dyn Write| draw(arguments, &trace, output);
    match write_to(&arguments.output, draw) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &error),
    }
}

fn read(path: &Path) -> Result<Trace, String> {
    let (name, trace) = if path.as_os_str() == "-" {
        let trace = Trace::read(&mut io::stdin().lock());
        ("standard input".to_owned(), trace)
    } else {
        let file = File::open(path).map_err(|error| {
            let error = os_error::describe(&error);
            format!("cannot read {}: {error}", path.display())
        })?;
        let trace = Trace::read(&mut BufReader::new(file));
        (path.display().to_string(), trace)
    };
    trace.map_err(|error| format!("{name}, {error}"))
}

fn draw(arguments: &TimelineArguments, trace: &Trace, output: &mut dyn Write) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    let guide = arguments.guide.as_deref();
    match arguments.format {
        TimelineFormat::Html => timeline::write_linked(trace, guide, &mut output)?,
        TimelineFormat::Perfetto => perfetto::write(trace, &mut output)?,
    }
    output.flush()
}
