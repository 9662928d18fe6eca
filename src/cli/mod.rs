//! The command line: what can be asked for, and the plain values behind it.
//!
//! The only folder that names clap: a file for each command, and `values` for what they have in common.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

mod bench;
mod client;
mod compare;
mod lab;
mod serve;
mod timeline;
mod values;

use bench::Bench;
use clap::{ArgAction, Args, Parser, Subcommand};
use client::Client;
use compare::Compare;
use lab::Lab;
use log::LevelFilter;
use serve::Serve;
use timeline::Timeline;

/// An echo server (RFC 862) on one thread, built on readiness: to use, to measure, and to learn from.
#[derive(Debug, Parser)]
#[command(
    name = "mio-echo",
    version,
    max_term_width = 100,
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

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
pub(crate) enum Command {
    /// Echo what peers send
    #[command(after_help = serve::EXAMPLES)]
    Serve(Serve),
    /// Send messages, or standard input, and check what comes back
    #[command(after_help = client::EXAMPLES)]
    Client(Client),
    /// Put load on an echo server, check every byte, and tell what it costs
    #[command(after_help = bench::EXAMPLES)]
    Bench(Box<Bench>),
    /// Measure servers against each other
    #[command(after_help = compare::EXAMPLES)]
    Compare(Box<Compare>),
    /// Draw a trace that `serve` has written
    #[command(after_help = timeline::EXAMPLES)]
    Timeline(Timeline),
    /// Run a wrong server, see how it fails, and the right one beside it
    #[command(after_help = lab::EXAMPLES)]
    Lab(Lab),
}

impl Cli {
    /// What was asked for. Prints the usage and exits (0 for `--help`, 2 for a mistake) if there is
    /// nothing to do.
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// The level asked for by `-v` and `-q`; none if it is left to `RUST_LOG`.
    pub(crate) fn log_level(&self) -> Option<LevelFilter> {
        match self.verbosity {
            Verbosity { quiet: true, .. } => Some(LevelFilter::Warn),
            Verbosity { verbose: 0, .. } => None,
            Verbosity { verbose: 1, .. } => Some(LevelFilter::Debug),
            Verbosity { .. } => Some(LevelFilter::Trace),
        }
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
