//! What a command prints and returns: results on standard output, errors on standard error, exit codes.

use super::log_line::lost_lines;
use mio_echo::text::background_writer::BackgroundWriter;
use mio_echo::text::one_line;
#[cfg(feature = "trace")]
use mio_echo::trace::Colour;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

/// The exit code of a command that ran and failed.
pub(super) const FAILED: u8 = 1;
/// The exit code of a command that could not start. clap uses it for wrong usage.
pub(super) const NOT_STARTED: u8 = 2;

/// Prints one line of results and flushes it. A standard output that cannot be written does not end the command.
pub(super) fn print_line(line: &str) {
    let mut stdout = io::stdout().lock();
    let _unwritten = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Whether a short write to `output` ends at once, be it with an error.
pub(super) fn has_room(output: impl AsFd) -> bool {
    let mut outputs = [PollFd::new(&output, PollFlags::OUT)];
    poll(&mut outputs, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Bytes of lines that may wait to be written.
const QUEUE: usize = 256 * 1024;

/// How long the end of the program waits for a reader that does not read.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// Standard error, for everything that the program prints there. The logger is global, and so is what it writes to.
pub(super) static STDERR: LazyLock<BackgroundWriter> = LazyLock::new(|| {
    let report = |lost| lost_lines(lost, may_colour(&io::stderr())).into_bytes();
    BackgroundWriter::lossy(Stderr, QUEUE, report)
});

/// Standard error. If its descriptor is non-blocking, which another process that shares it may have made it, a write waits
/// all the same.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr();
        loop {
            match stderr.write(line) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], None)?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until what was queued for standard error is written, but not for a reader that does not read.
pub(super) fn flush_stderr() {
    let _stuck = STDERR.flush(FLUSH_TIMEOUT);
}

/// Prints one line on standard error, after the name of the program and behind what was logged before. Control characters
/// are escaped: an error may quote an argument, a file or what another program wrote.
pub(super) fn print_error(error: &str) {
    let error = one_line::escaped(error);
    print_note(&format!("mio-echo: {error}"));
}

/// Prints one line on standard error, behind what was logged before.
pub(super) fn print_note(note: &str) {
    let line = format!("{note}\n").into_bytes();
    match STDERR.push(line.clone()) {
        // There was no memory for the thread that writes: this thread does.
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            let _lost = Stderr.write_all(&line);
        }
        _ => flush_stderr(),
    }
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
