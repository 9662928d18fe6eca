//! What a command prints and returns: results on standard output, errors on standard error, exit codes.

#[cfg(feature = "trace")]
use mio_echo::trace::Colour;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// The exit code of a command that ran and failed.
pub(super) const FAILED: u8 = 1;
/// The exit code of a command that could not start. clap uses it for wrong usage.
pub(super) const NOT_STARTED: u8 = 2;

/// Prints one line of results and flushes it. A standard output that cannot be written does not end the command.
pub(super) fn print_line(line: &str) {
    let mut stdout = io::stdout().lock();
    let _unwritten = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Prints one line on standard error, after the name of the program.
pub(super) fn print_error(error: &str) {
    let _unwritten = writeln!(io::stderr(), "mio-echo: {error}");
}

/// Prints `error` and returns the exit code `code`.
pub(super) fn fail(code: u8, error: &str) -> ExitCode {
    print_error(error);
    ExitCode::from(code)
}

/// Whether to colour what is written to `stream`: on a terminal, unless `NO_COLOR` is set (no-color.org).
pub(super) fn may_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}

/// [`may_colour`], in the terms of the trace.
#[cfg(feature = "trace")]
pub(super) fn colour_on(stream: &impl IsTerminal) -> Colour {
    if may_colour(stream) {
        Colour::Ansi
    } else {
        Colour::Plain
    }
}
