//! `mio-echo serve --trace`: the destination of the trace.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use crate::cli::colour_on;
use crate::cli::values::at_least_one;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use mio_echo::server::Config;
use mio_echo::text::os_error;
use mio_echo::trace::{Header, Target, Tracer};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Args)]
pub(super) struct TraceArguments {
    /// Trace everything that the server does: without FILE as text on standard error; to FILE.jsonl as JSON
    /// Lines, which `mio-echo timeline` draws; to FILE.html as a timeline, written when the server ends
    #[arg(
        long,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().try_map(trace_to),
        default_missing_value = "-",
        num_args = 0..=1,
        require_equals = true,
        help_heading = "Trace"
    )]
    trace: Option<TraceTo>,

    /// End the trace after this many records [default: 1000000 for FILE.jsonl, 200000 for FILE.html, no
    /// limit for text]
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "trace", help_heading = "Trace")]
    trace_limit: Option<usize>,
}

impl From<TraceArguments> for Option<TraceRequest> {
    fn from(arguments: TraceArguments) -> Self {
        let limit = arguments.trace_limit.map(|records| records as u64);
        arguments.trace.map(|to| TraceRequest { to, limit })
    }
}

/// Derives the form of a trace from the name of its file.
fn trace_to(file: OsString) -> Result<TraceTo, String> {
    if file == "-" {
        return Ok(TraceTo::StandardError);
    }
    let extension = Path::new(&file).extension().and_then(|name| name.to_str());
    match extension {
        Some("jsonl") => Ok(TraceTo::JsonLines(PathBuf::from(file))),
        Some("html") => Ok(TraceTo::Page(PathBuf::from(file))),
        _ => Err("the file must end in .jsonl (JSON Lines) or .html (a timeline)".to_owned()),
    }
}

/// A requested trace.
#[derive(Debug)]
pub(crate) struct TraceRequest {
    pub(crate) to: TraceTo,
    /// The number of records after which it ends; `None` means the default of its form.
    pub(crate) limit: Option<u64>,
}

/// The destination of a trace, and so its form.
#[derive(Debug, Clone)]
pub(crate) enum TraceTo {
    /// Text on standard error.
    StandardError,
    JsonLines(PathBuf),
    /// A timeline page.
    Page(PathBuf),
}

/// The default number of records in a file of JSON Lines: about 70 MB.
const JSON_LINES_LIMIT: u64 = 1_000_000;

/// The default number of records in a page, which a browser draws without delay. They are held in memory until
/// the server ends: about 20 MB.
const PAGE_LIMIT: u64 = 200_000;

/// Opens the trace. Creates the file at once, so that an error appears at the start and not at the end.
pub(super) fn start(request: TraceRequest, config: &Config) -> Result<Tracer, String> {
    let create = |path: &Path| File::create(path).map_err(|error| cannot_write(path, &error));
    let (target, path, default_limit) = match request.to {
        TraceTo::StandardError => (
            Target::Text(colour_on(&io::stderr())),
            PathBuf::from("-"),
            None,
        ),
        TraceTo::JsonLines(path) => {
            let target = Target::JsonLines(create(&path)?);
            (target, path, Some(JSON_LINES_LIMIT))
        }
        TraceTo::Page(path) => (Target::Page(create(&path)?), path, Some(PAGE_LIMIT)),
    };
    let header = Header::new(config.mode);
    Tracer::new(target, header, request.limit.or(default_limit))
        .map_err(|error| cannot_write(&path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write {}: {}",
        path.display(),
        os_error::in_words(error)
    )
}
