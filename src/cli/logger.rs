//! The logger: one line per record, on standard error, without ever blocking.
//!
//! `simple_logger` decides what is logged: it reads `RUST_LOG` and compares levels. It does not write, because it prints
//! with `eprintln!`, which panics when standard error cannot be written. `mio-echo serve 2>&1 | head` has to go on
//! serving after `head` has exited, and with a pager that does not read. So a line is queued, and a thread of its own
//! writes it; a line that finds the queue full is lost, and the log says how many were.

pub(super) use super::log_line::TARGET;
use super::log_line::line;
use super::output::{STDERR, flush_stderr, may_colour};
use log::{LevelFilter, Log, Metadata, Record};
use mio_echo::server::Stats;
use simple_logger::SimpleLogger;
use std::io;
use std::time::SystemTime;

/// Starts logging at `level`. Without one, `RUST_LOG` sets the level, and its default is `info`.
pub(super) fn start(level: Option<LevelFilter>) {
    let filter = SimpleLogger::new().with_level(LevelFilter::Info).env();
    // It logs which samples of perf(1) it reads.
    let filter = filter.with_module_level("inferno", LevelFilter::Off);
    let filter = match level {
        Some(level) => filter.with_level(level),
        None => filter,
    };
    log::set_max_level(filter.max_level());
    let logger = Logger {
        filter,
        colour: may_colour(&io::stderr()),
    };
    // Fails only if there is a logger already; this function is called once.
    let _set = log::set_boxed_logger(Box::new(logger));
}

/// Prints statistics on standard error, whatever the log level: they were requested.
pub(super) fn print_statistics(stats: &Stats) {
    let _counted = STDERR.push(format!("statistics: {stats}\n").into_bytes());
}

struct Logger {
    filter: SimpleLogger,
    colour: bool,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = line(record, SystemTime::now(), self.colour);
            let _counted = STDERR.push(line.into_bytes());
        }
    }

    /// Waits for the queue to be written, but not for a reader that does not read.
    fn flush(&self) {
        flush_stderr();
    }
}
