//! Where the program's words go: log lines for people, on standard error.

use log::{LevelFilter, Log, Metadata, Record, debug, info, warn};
use mio_echo::server::{AcceptPause, ConnectionId, ConnectionSummary, Observer};
use mio_echo::text::os_error;
use simple_logger::SimpleLogger;
use std::io;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

/// What a log line says it comes from: that it passes through this file is nobody's concern.
pub(crate) const PROGRAM: &str = "mio_echo";

/// Starts logging: at `level`, else as `RUST_LOG` says, else at `info`.
pub(crate) fn start(level: Option<LevelFilter>) {
    let logger = SimpleLogger::new().with_level(LevelFilter::Info).env();
    let logger = match level {
        Some(level) => logger.with_level(level),
        None => logger,
    };
    log::set_max_level(logger.max_level());
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_about_stderr(panic) {
            report(panic);
        }
    }));
    // Fails only if there is a logger already, which would do as well.
    let _already = log::set_boxed_logger(Box::new(Outlasting(logger)));
}

/// Whether somebody could not write to standard error: to say so there would be in vain.
fn is_about_stderr(panic: &PanicHookInfo<'_>) -> bool {
    let words = panic.payload_as_str();
    words.is_some_and(|words| words.starts_with("failed printing to stderr"))
}

/// A logger that outlasts the reader of standard error: `mio-echo serve 2>&1 | head` must go on serving
/// when `head` has gone, and a full disk behind standard error must not end it either. (A reader that
/// stays but does not read makes whoever logs wait, as any write does.)
struct Outlasting(SimpleLogger);

impl Log for Outlasting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        // `eprintln!` underneath panics when it cannot write. The line is lost; the next may not be.
        let _lost = panic::catch_unwind(AssertUnwindSafe(|| self.0.log(record)));
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// The observer that logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogObserver {
    /// Whether the current run of refusals has been told.
    refusal_told: bool,
}

impl Observer for LogObserver {
    const OBSERVES_CALLS: bool = false;

    fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        debug!(target: PROGRAM, "{id} {peer} connected");
    }

    fn closed(&mut self, farewell: &ConnectionSummary) {
        self.refusal_told = false;
        let ConnectionSummary {
            id,
            peer,
            bytes_in,
            bytes_out,
            reason,
        } = farewell;
        debug!(target: PROGRAM, "{id} {peer} disconnected: {reason}, {bytes_in} bytes in, {bytes_out} bytes out");
    }

    fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        if !std::mem::replace(&mut self.refusal_told, true) {
            let words = os_error::in_words(error);
            warn!(target: PROGRAM, "{peer} refused: {words}; others may follow, this is logged once");
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        debug!(target: PROGRAM, "accept: {}", os_error::in_words(error));
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        match pause {
            AcceptPause::Full(limit) => {
                warn!(target: PROGRAM, "{limit} connections are open, the limit; who comes now waits until one ends");
            }
            AcceptPause::Exhausted(error) => {
                let words = os_error::in_words(error);
                warn!(target: PROGRAM, "accept: {words}; others wait until there is room again");
            }
        }
    }

    fn stopping(&mut self, open: usize) {
        info!(target: PROGRAM, "stopping: {open} connections to finish");
    }
}
