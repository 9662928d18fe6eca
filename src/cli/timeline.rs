//! `mio-echo timeline`: its arguments.

use crate::command::{TimelineForm, TimelineRequest};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "\
Examples:
  mio-echo serve --trace=echo.jsonl
  mio-echo timeline echo.jsonl -o echo.html
  mio-echo timeline echo.jsonl --format perfetto -o echo.json";

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// What `serve --trace=FILE.jsonl` has written; - for standard input
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// Where to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// What to write
    #[arg(short, long, value_enum, default_value_t = FormName::Html)]
    format: FormName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormName {
    /// A page that needs nothing else
    Html,
    /// Trace events for ui.perfetto.dev and other viewers of Chrome's format
    Perfetto,
}

impl From<Timeline> for TimelineRequest {
    fn from(timeline: Timeline) -> Self {
        Self {
            trace: timeline.trace,
            output: timeline.output,
            form: match timeline.format {
                FormName::Html => TimelineForm::Page,
                FormName::Perfetto => TimelineForm::Perfetto,
            },
        }
    }
}
