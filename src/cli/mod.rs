//! The command line: the arguments of each command, and the command that runs with them.
//!
//! Only this folder names clap. Each command has a file or a folder of its own; `values` parses what several commands
//! read, `output` and `files` write their results, `logger`, `log_line` and `log_observer` write the log, `rate_limit`
//! keeps it short.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, which would print a backtick"
)]

#[cfg(feature = "measure")]
mod bench;
#[cfg(feature = "measure")]
mod check;
mod client;
#[cfg(feature = "measure")]
mod compare;
#[cfg(any(
    feature = "manual",
    feature = "measure",
    feature = "telemetry",
    feature = "trace"
))]
#[cfg_attr(
    not(any(feature = "manual", feature = "measure", feature = "trace")),
    allow(dead_code, reason = "telemetry alone needs only the error line")
)]
mod files;
mod interrupt;
#[cfg(feature = "learn")]
mod lab;
mod log_line;
mod log_observer;
mod logger;
#[cfg(feature = "manual")]
mod manual;
mod output;
#[cfg(feature = "measure")]
mod placement;
mod rate_limit;
mod serve;
#[cfg(feature = "learn")]
mod slides;
#[cfg(feature = "trace")]
mod timeline;
mod values;

#[cfg(feature = "measure")]
use bench::BenchArguments;
#[cfg(feature = "measure")]
use check::CheckArguments;
#[cfg(feature = "manual")]
use clap::CommandFactory;
use clap::{ArgAction, Args, Parser};
use client::ClientArguments;
#[cfg(feature = "measure")]
use compare::CompareArguments;
#[cfg(feature = "learn")]
use lab::LabArguments;
use log::LevelFilter;
#[cfg(feature = "manual")]
use manual::{CompletionsArguments, ManArguments};
use serve::ServeArguments;
#[cfg(feature = "learn")]
use slides::SlidesArguments;
use std::process::ExitCode;
#[cfg(feature = "trace")]
use timeline::TimelineArguments;

/// A single-threaded, readiness-based echo server (RFC 862) to use, to measure and to learn from
#[derive(Debug, Parser)]
#[command(
    name = "mio-echo",
    version = mio_echo::text::version::VERSION_AND_TARGET,
    max_term_width = 100,
    after_help = EXIT_CODES,
    subcommand_help_heading = "Commands"
)]
struct Cli {
    #[command(subcommand)]
    subcommand: Subcommand,

    #[command(flatten)]
    verbosity: Verbosity,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the command ran and failed
  2  wrong usage, or the command could not start

Results go to standard output, logs to standard error.";

#[derive(Debug, Args)]
struct Verbosity {
    /// Log each connect and disconnect; given twice, also log what the libraries do. Without -v and -q,
    /// RUST_LOG sets the level (off, error, warn, info, debug, trace)
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Logging")]
    verbose: u8,

    /// Log only warnings and errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Logging"
    )]
    quiet: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Run an echo server
    #[command(after_help = serve::EXAMPLES)]
    Serve(Box<ServeArguments>),
    /// Send messages or standard input to an echo server, and verify the echo
    #[command(after_help = client::EXAMPLES)]
    Client(ClientArguments),
    #[cfg(feature = "measure")]
    /// Put load on an echo server, verify every byte, and report latency and costs
    #[command(after_help = bench::EXAMPLES)]
    Bench(Box<BenchArguments>),
    #[cfg(feature = "measure")]
    /// Run a server of known truth, for bench --calibrate
    #[command(hide = true, name = mio_echo::measure::calibration::SUBCOMMAND)]
    CalibrationServer(bench::CalibrationServerArguments),
    #[cfg(feature = "measure")]
    /// Measure echo servers against each other
    #[command(after_help = compare::EXAMPLES)]
    Compare(Box<CompareArguments>),
    #[cfg(feature = "measure")]
    /// Check that an echo server keeps its promises
    #[command(after_help = check::EXAMPLES)]
    Check(Box<CheckArguments>),
    #[cfg(feature = "trace")]
    /// Draw a trace that serve --trace has written
    #[command(after_help = timeline::EXAMPLES)]
    Timeline(TimelineArguments),
    #[cfg(feature = "learn")]
    /// Run a server with a deliberate mistake beside a correct one, and see how it fails
    #[command(after_help = lab::EXAMPLES)]
    Lab(LabArguments),
    #[cfg(feature = "learn")]
    /// Make slides of the chapters of the guide
    #[command(after_help = slides::EXAMPLES)]
    Slides(SlidesArguments),
    #[cfg(feature = "manual")]
    /// Print the completions of a shell
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArguments),
    #[cfg(feature = "manual")]
    /// Print or write the man pages
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(ManArguments),
}

impl Verbosity {
    /// The level that `-v` and `-q` ask for. `None` leaves it to `RUST_LOG`.
    fn level(&self) -> Option<LevelFilter> {
        match self {
            Self { quiet: true, .. } => Some(LevelFilter::Warn),
            Self { verbose: 0, .. } => None,
            Self { verbose: 1, .. } => Some(LevelFilter::Debug),
            Self { .. } => Some(LevelFilter::Trace),
        }
    }
}

/// Runs the command that the arguments name. Exits on `--help` and `--version` (code 0) and on wrong usage (code 2).
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    logger::start(cli.verbosity.level());
    let descriptor_limit = mio_echo::server::raise_descriptor_limit();
    let code = run_subcommand(cli.subcommand, descriptor_limit);
    log::logger().flush();
    code
}

/// `descriptor_limit` is the limit that this program was started with (getrlimit(2), `RLIMIT_NOFILE`).
#[cfg_attr(
    not(feature = "measure"),
    allow(unused_variables, reason = "only `check` passes the limit on")
)]
fn run_subcommand(subcommand: Subcommand, descriptor_limit: Option<u64>) -> ExitCode {
    match subcommand {
        Subcommand::Serve(arguments) => serve::run(&arguments),
        Subcommand::Client(arguments) => client::run(arguments),
        #[cfg(feature = "measure")]
        Subcommand::Bench(arguments) => bench::run(&arguments),
        #[cfg(feature = "measure")]
        Subcommand::CalibrationServer(arguments) => bench::serve(&arguments),
        #[cfg(feature = "measure")]
        Subcommand::Compare(arguments) => compare::run(&arguments),
        #[cfg(feature = "measure")]
        Subcommand::Check(arguments) => check::run(&arguments, descriptor_limit),
        #[cfg(feature = "trace")]
        Subcommand::Timeline(arguments) => timeline::run(&arguments),
        #[cfg(feature = "learn")]
        Subcommand::Lab(arguments) => lab::run(&arguments),
        #[cfg(feature = "learn")]
        Subcommand::Slides(arguments) => slides::run(&arguments),
        #[cfg(feature = "manual")]
        Subcommand::Completions(arguments) => manual::print_completions(&arguments, Cli::command()),
        #[cfg(feature = "manual")]
        Subcommand::Man(arguments) => manual::run_man(&arguments, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn no_line_below_the_options_is_wrapped_at_80_columns() {
        let program = Cli::command();
        for command in program.get_subcommands().chain([&program]) {
            let text = command.get_after_help().map(ToString::to_string);
            for line in text.unwrap_or_default().lines() {
                assert!(line.chars().count() < 80, "{}: {line}", command.get_name());
            }
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
