//! `mio-echo timeline`: its arguments.

use super::{TimelineForm, TimelineRequest};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  mio-echo serve --trace=echo.jsonl
  mio-echo timeline echo.jsonl -o echo.html
  mio-echo timeline echo.jsonl -o echo.html --guide target/doc/mio_echo/learn/guide
  mio-echo timeline echo.jsonl --format perfetto -o echo.json";

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The file that `serve --trace=FILE.jsonl` wrote; - for standard input
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// Where to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// What to write
    #[arg(short, long, value_enum, default_value_t = FormName::Html)]
    format: FormName,

    /// Link the page's explanations to the chapters of the guide at this address: that of the guide's page in
    /// the documentation, without index.html [default: chapters are named without a link]
    #[arg(short, long, value_name = "URL")]
    guide: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormName {
    /// A self-contained page
    Html,
    /// Trace events for ui.perfetto.dev and other viewers of Chrome's format
    Perfetto,
}

impl From<Timeline> for TimelineRequest {
    fn from(timeline: Timeline) -> Self {
        Self {
            trace: timeline.trace,
            output: timeline.output,
            guide: timeline.guide,
            form: match timeline.format {
                FormName::Html => TimelineForm::Page,
                FormName::Perfetto => TimelineForm::Perfetto,
            },
        }
    }
}
