//! The command line: what can be asked for, and the plain values behind it.
//!
//! The only folder that names clap: a file for each command, and `values` for what they have in common.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

#[cfg(feature = "measure")]
mod bench;
mod client;
#[cfg(feature = "measure")]
mod compare;
#[cfg(feature = "measure")]
mod interrupt;
#[cfg(feature = "learn")]
mod lab;
mod logging;
#[cfg(any(feature = "measure", feature = "trace"))]
mod output;
mod serve;
#[cfg(feature = "trace")]
mod timeline;
mod values;

#[cfg(feature = "measure")]
use bench::Bench;
use clap::{ArgAction, Args, Parser, Subcommand};
use client::Client;
#[cfg(feature = "measure")]
use compare::Compare;
#[cfg(feature = "learn")]
use lab::LabArguments;
use log::LevelFilter;
use serve::Serve;
use std::io::{self, Write};
use std::process::ExitCode;
#[cfg(feature = "trace")]
use timeline::Timeline;

/// An echo server (RFC 862) on one thread, built on readiness: to use, to measure, and to learn from.
#[derive(Debug, Parser)]
#[command(
    name = "mio-echo",
    version,
    max_term_width = 100,
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    verbosity: Verbosity,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 it ran and failed; 2 wrong usage, or it could not start.
Results go to standard output, logs to standard error.";

#[derive(Debug, Args)]
struct Verbosity {
    /// Log each connect and disconnect too; twice: what the libraries underneath say. Without it,
    /// RUST_LOG (off, error, warn, info, debug, trace) sets the level
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Logging")]
    verbose: u8,

    /// Log errors and warnings only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Logging"
    )]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Echo what peers send
    #[command(after_help = serve::EXAMPLES)]
    Serve(Serve),
    /// Send messages, or standard input, and check what comes back
    #[command(after_help = client::EXAMPLES)]
    Client(Client),
    #[cfg(feature = "measure")]
    /// Put load on an echo server, check every byte, and tell what it costs
    #[command(after_help = bench::EXAMPLES)]
    Bench(Box<Bench>),
    #[cfg(feature = "measure")]
    /// Measure servers against each other
    #[command(after_help = compare::EXAMPLES)]
    Compare(Box<Compare>),
    #[cfg(feature = "trace")]
    /// Draw a trace that `serve` has written
    #[command(after_help = timeline::EXAMPLES)]
    Timeline(Timeline),
    #[cfg(feature = "learn")]
    /// Run a wrong server, see how it fails, and the right one beside it
    #[command(after_help = lab::EXAMPLES)]
    Lab(LabArguments),
}

impl Cli {
    /// The level asked for by `-v` and `-q`; none if it is left to `RUST_LOG`.
    fn log_level(&self) -> Option<LevelFilter> {
        match self.verbosity {
            Verbosity { quiet: true, .. } => Some(LevelFilter::Warn),
            Verbosity { verbose: 0, .. } => None,
            Verbosity { verbose: 1, .. } => Some(LevelFilter::Debug),
            Verbosity { .. } => Some(LevelFilter::Trace),
        }
    }
}

/// It ran and failed.
const FAILED: u8 = 1;
/// It could not start. The same as clap's code for wrong usage.
const NOT_STARTED: u8 = 2;

/// Runs the command that the arguments name. Prints the usage and exits (0 for `--help`, 2 for a mistake) if there is
/// nothing to do.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.log_level());
    mio_echo::server::raise_descriptor_limit();
    match cli.command {
        Command::Serve(arguments) => serve::serve(arguments.into()),
        Command::Client(arguments) => client::client(arguments.into()),
        #[cfg(feature = "measure")]
        Command::Bench(arguments) => match (*arguments).try_into() {
            Ok(request) => bench::bench(&request),
            Err(mistake) => complain(NOT_STARTED, &mistake),
        },
        #[cfg(feature = "measure")]
        Command::Compare(arguments) => compare::compare(&(*arguments).into()),
        #[cfg(feature = "trace")]
        Command::Timeline(arguments) => timeline::timeline(&arguments.into()),
        #[cfg(feature = "learn")]
        Command::Lab(arguments) => lab::lab(&arguments),
    }
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
#[cfg(feature = "trace")]
fn colour_on(stream: &impl io::IsTerminal) -> mio_echo::trace::Colour {
    use mio_echo::trace::Colour;
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !refused {
        Colour::Ansi
    } else {
        Colour::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
