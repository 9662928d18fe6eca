//! What each command does, from its plain values to its exit code.

mod bench;
mod client;
mod compare;
mod interrupt;
mod lab;
mod output;
mod serve;
mod timeline;

pub(crate) use bench::{BenchOutput, BenchRequest, Pinning, Subject, bench};
pub(crate) use client::client;
pub(crate) use compare::{CompareRequest, Format, Task, compare};
pub(crate) use lab::{LabRequest, lab};
pub(crate) use serve::{ServeRequest, TraceRequest, TraceTo, serve};
pub(crate) use timeline::{TimelineForm, TimelineRequest, timeline};

use mio_echo::trace::Colour;
use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// It ran and failed.
const FAILED: u8 = 1;
/// It could not start. The same as clap's code for wrong usage.
const NOT_STARTED: u8 = 2;

/// What was asked for makes no sense.
pub(crate) fn misused(mistake: &str) -> ExitCode {
    complain(NOT_STARTED, mistake)
}

/// A result for whoever reads standard output. If nobody does, the work goes on all the same.
fn announce(line: &str) {
    let mut stdout = io::stdout().lock();
    let _nobody = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// One line for whoever started the program.
fn complain(code: u8, line: &str) -> ExitCode {
    let _nobody = writeln!(io::stderr(), "mio-echo: {line}");
    ExitCode::from(code)
}

/// Colours are for terminals, and for those who do not refuse them (the convention `NO_COLOR`).
fn colour_on(stream: &impl IsTerminal) -> Colour {
    let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !refused {
        Colour::Ansi
    } else {
        Colour::Plain
    }
}
