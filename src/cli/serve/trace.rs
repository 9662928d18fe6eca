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
    /// Trace everything that the server does: without WHAT as text on standard error; with `explain` as
    /// sentences with their system calls; to FILE.jsonl as JSON Lines, which mio-echo timeline draws; to
    /// FILE.html as a timeline, written when the server ends. `WHAT,buffers` or `buffers` adds how many bytes
    /// wait unread in the kernel, and on Linux how many the peer has not acknowledged, for further system
    /// calls per event
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = OsStringValueParser::new().try_map(TraceRequest::parse),
        default_missing_value = "-",
        num_args = 0..=1,
        require_equals = true,
        help_heading = "Trace"
    )]
    trace: Option<TraceRequest>,

    /// End the trace after this many records [default: 1000000 for FILE.jsonl, 200000 for FILE.html, no
    /// limit for text]
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "trace", help_heading = "Trace")]
    trace_limit: Option<usize>,
}

/// What `--trace` asks for.
#[derive(Debug, Clone)]
struct TraceRequest {
    destination: Destination,
    /// Whether the kernel's buffers are looked at.
    has_buffers: bool,
}

impl TraceRequest {
    fn parse(text: OsString) -> Result<Self, String> {
        let (name, has_buffers) = match text.to_str() {
            Some("buffers") => (OsString::from("-"), true),
            Some(text) => match text.strip_suffix(",buffers") {
                Some(name) => (OsString::from(name), true),
                None => (OsString::from(text), false),
            },
            None => (text, false),
        };
        destination(name).map(|destination| Self {
            destination,
            has_buffers,
        })
    }
}

/// Where a trace goes, and in which form.
#[derive(Debug, Clone)]
enum Destination {
    /// Text.
    StandardError,
    /// Text with a sentence for each event.
    Explanation,
    JsonLines(PathBuf),
    /// A timeline.
    Page(PathBuf),
}

/// The extension of the file decides the form.
fn destination(file: OsString) -> Result<Destination, String> {
    if file == "-" {
        return Ok(Destination::StandardError);
    }
    if file == "explain" {
        return Ok(Destination::Explanation);
    }
    let extension = Path::new(&file).extension().and_then(|name| name.to_str());
    match extension {
        Some("jsonl") => Ok(Destination::JsonLines(PathBuf::from(file))),
        Some("html") => Ok(Destination::Page(PathBuf::from(file))),
        _ => Err("expected explain, buffers, or a file that ends in .jsonl (JSON Lines) or .html (a timeline)".to_owned()),
    }
}

/// The default limit for JSON Lines: about 70 MB.
const JSON_LINES_LIMIT: u64 = 1_000_000;

/// The default limit for a page: what a browser draws without delay. Until the server ends, the records take about
/// 20 MB of memory.
const PAGE_LIMIT: u64 = 200_000;

impl TraceArguments {
    /// Starts the trace if there is to be one. The file is created at once, so that a path that cannot be written stops the
    /// command before it serves.
    pub(super) fn start(&self, mode: Mode) -> Result<Option<Tracer>, String> {
        let Some(request) = &self.trace else {
            return Ok(None);
        };
        let create = |path: &Path| File::create(path).map_err(|error| cannot_write(path, &error));
        let (target, path, default_limit) = match &request.destination {
            Destination::StandardError => {
                let target = Target::Text(colour_on(&io::stderr()));
                (target, Path::new("-"), None)
            }
            Destination::Explanation => {
                let target = Target::Explained(colour_on(&io::stderr()));
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
        let header = Header {
            has_buffers: request.has_buffers,
            ..Header::new(mode)
        };
        Tracer::new(target, header, limit.or(default_limit))
            .map(Some)
            .map_err(|error| cannot_write(path, &error))
    }
}
