//! `mio-echo slides`: the chapters of the guide, as slides for a lecture.

use super::files::write_to;
use super::output::{FAILED, fail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use mio_echo::learn::guide::CHAPTERS;
use mio_echo::learn::slides;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
In the page, the arrow keys change the slide, #12 at the end of the
address opens slide 12, and the print has one slide per sheet.

Examples:
  mio-echo slides 4 -o edges.html
  mio-echo slides -o course.html";

#[derive(Debug, Args)]
pub(super) struct SlidesArguments {
    /// The number of the chapter [default: all of them]
    #[arg(value_name = "CHAPTER", value_parser = RangedU64ValueParser::<usize>::new().range(1..=CHAPTERS.len() as u64))]
    chapter: Option<usize>,

    /// Where to write the page; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(super) fn run(arguments: &SlidesArguments) -> ExitCode {
    let chapters = match arguments.chapter {
        Some(number) => CHAPTERS.get(number - 1..number).unwrap_or_default(),
        None => CHAPTERS,
    };
    let write = |output: &mut dyn Write| {
        let mut output = BufWriter::new(output);
        slides::write(chapters, &mut output)?;
        output.flush()
    };
    match write_to(&arguments.output, write) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &error),
    }
}
