//! `mio-echo serve --trace`: where the trace goes, and in which form.

use crate::cli::files::cannot_write;
use crate::cli::output::colour_on;
use crate::cli::values::at_least_one;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use mio_echo::server::Mode;
use mio_echo::trace::{Header, Target, Tracer};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct TraceArguments {
    /// Trace everything that the server does: without FILE as text on standard error; to FILE.jsonl as JSON
    /// Lines, which mio-echo timeline draws; to FILE.html as a timeline, written when the server ends
    #[arg(
        long,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().try_map(destination),
        default_missing_value = "-",
        num_args = 0..=1,
        require_equals = true,
        help_heading = "Trace"
    )]
    trace: Option<Destination>,

    /// End the trace after this many records [default: 1000000 for FILE.jsonl, 200000 for FILE.html, no
    /// limit for text]
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "trace", help_heading = "Trace")]
    trace_limit: Option<usize>,
}

/// Where a trace goes, which decides its form.
#[derive(Debug, Clone)]
enum Destination {
    /// Text.
    StandardError,
    JsonLines(PathBuf),
    /// A timeline.
    Page(PathBuf),
}

/// The extension of the file decides the form.
fn destination(file: OsString) -> Result<Destination, String> {
    if file == "-" {
        return Ok(Destination::StandardError);
    }
    let extension = Path::new(&file).extension().and_then(|name| name.to_str());
    match extension {
        Some("jsonl") => Ok(Destination::JsonLines(PathBuf::from(file))),
        Some("html") => Ok(Destination::Page(PathBuf::from(file))),
        _ => Err("the file must end in .jsonl (JSON Lines) or .html (a timeline)".to_owned()),
    }
}

/// The default limit for JSON Lines: about 70 MB.
const JSON_LINES_LIMIT: u64 = 1_000_000;

/// The default limit for a page: what a browser draws without delay. Until the server ends, the records take about
/// 20 MB of memory.
const PAGE_LIMIT: u64 = 200_000;

impl TraceArguments {
    /// Starts the trace if one is asked for. The file is created at once, so that a path that cannot be written stops the
    /// command before it serves.
    pub(super) fn start(&self, mode: Mode) -> Result<Option<Tracer>, String> {
        let Some(destination) = &self.trace else {
            return Ok(None);
        };
        let create = |path: &Path| File::create(path).map_err(|error| cannot_write(path, &error));
        let (target, path, default_limit) = match destination {
            Destination::StandardError => {
                let target = Target::Text(colour_on(&io::stderr()));
                (target, Path::new("-"), None)
            }
            Destination::JsonLines(path) => {
                let target = Target::JsonLines(create(path)?);
                (target, path.as_path(), Some(JSON_LINES_LIMIT))
            }
            Destination::Page(path) => {
                let target = Target::Page(create(path)?);
                (target, path.as_path(), Some(PAGE_LIMIT))
            }
        };
        let limit = self.trace_limit.map(|records| records as u64);
        Tracer::new(target, Header::new(mode), limit.or(default_limit))
            .map(Some)
            .map_err(|error| cannot_write(path, &error))
    }
}
