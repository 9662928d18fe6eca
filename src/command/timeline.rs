//! `mio-echo timeline`: from a trace to a picture of it.

use super::{FAILED, NOT_STARTED, complain};
use mio_echo::os_error;
use mio_echo::trace::{Trace, perfetto, timeline};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `timeline` is asked for. The path `-` is standard input or output.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) trace: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) form: Form,
}

/// What to make of a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Page,
    Perfetto,
}

pub(crate) fn timeline(request: &Request) -> ExitCode {
    let trace = match read(&request.trace) {
        Ok(trace) => trace,
        Err(complaint) => return complain(NOT_STARTED, &complaint),
    };
    let written = if request.output.as_os_str() == "-" {
        draw(request.form, &trace, io::stdout().lock())
    } else {
        File::create(&request.output).and_then(|file| draw(request.form, &trace, file))
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has enough of it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        Err(error) => {
            let words = os_error::in_words(&error);
            let output = request.output.display();
            complain(FAILED, &format!("cannot write {output}: {words}"))
        }
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
            let words = os_error::in_words(&error);
            format!("cannot read {}: {words}", path.display())
        })?;
        let trace = Trace::read(&mut BufReader::new(file));
        (path.display().to_string(), trace)
    };
    trace.map_err(|error| format!("{name}, {error}"))
}

fn draw(form: Form, trace: &Trace, output: impl Write) -> io::Result<()> {
    let mut output = BufWriter::new(output);
    match form {
        Form::Page => timeline::write(trace, &mut output)?,
        Form::Perfetto => perfetto::write(trace, &mut output)?,
    }
    output.flush()
}
