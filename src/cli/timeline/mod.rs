//! `mio-echo timeline`: draws a trace.

mod arguments;

pub(crate) use arguments::{EXAMPLES, Timeline};

use crate::cli::files::write_to;
use crate::cli::output::{FAILED, NOT_STARTED, fail};
use mio_echo::text::os_error;
use mio_echo::trace::{Trace, perfetto, timeline};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `timeline` is to do. The path `-` is standard input or output.
#[derive(Debug)]
pub(crate) struct TimelineRequest {
    pub(crate) trace: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) form: TimelineForm,
    /// The address of the guide, for links to its chapters.
    pub(crate) guide: Option<String>,
}

/// The form in which the trace is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimelineForm {
    Page,
    Perfetto,
}

pub(crate) fn timeline(request: &TimelineRequest) -> ExitCode {
    let trace = match read(&request.trace) {
        Ok(trace) => trace,
        Err(complaint) => return fail(NOT_STARTED, &complaint),
    };
    match write_to(&request.output, |output| draw(request, &trace, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => fail(FAILED, &complaint),
    }
}

fn read(path: &Path) -> Result<Trace, String> {
    let (name, trace) = if path.as_os_str() == "-" {
        (
            "standard input".to_owned(),
            Trace::read(&mut io::stdin().lock()),
        )
    } else {
        let file = File::open(path).map_err(|error| {
            let error = os_error::in_words(&error);
            format!("cannot read {}: {error}", path.display())
        })?;
        let trace = Trace::read(&mut BufReader::new(file));
        (path.display().to_string(), trace)
    };
    trace.map_err(|error| format!("{name}, {error}"))
}

fn draw(request: &TimelineRequest, trace: &Trace, output: &mut dyn Write) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    let guide = request.guide.as_deref();
    match request.form {
        TimelineForm::Page => timeline::write_linked(trace, guide, &mut output)?,
        TimelineForm::Perfetto => perfetto::write(trace, &mut output)?,
    }
    output.flush()
}
