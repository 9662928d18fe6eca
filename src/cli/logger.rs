//! The logger: one line per record, on standard error, without ever blocking.
//!
//! `simple_logger` decides what is logged: it reads `RUST_LOG` and compares levels. It does not write, because it prints
//! with `eprintln!`, which panics when standard error cannot be written. `mio-echo serve 2>&1 | head` has to go on
//! serving after `head` has exited, and with a pager that does not read. So a line is queued, and a thread of its own
//! writes it; a line that finds the queue full is lost, and the log says how many were.

use super::output::{STDERR, flush_stderr, may_colour};
use log::{Level, LevelFilter, Log, Metadata, Record};
use mio_echo::server::Stats;
use simple_logger::SimpleLogger;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The target of the program's own records, in place of the path of a module.
pub(super) const TARGET: &str = "mio_echo";

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
        lost: AtomicU64::new(0),
    };
    // Fails only if there is a logger already; this function is called once.
    let _set = log::set_boxed_logger(Box::new(logger));
}

/// Prints statistics on standard error, whatever the log level: they were requested.
pub(super) fn print_statistics(stats: &Stats) {
    let _lost = STDERR.push(format!("statistics: {stats}\n").into_bytes());
}

struct Logger {
    filter: SimpleLogger,
    colour: bool,
    /// Lines lost since the log last said so.
    lost: AtomicU64,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.report_lost_lines();
            self.push(record);
        }
    }

    /// Waits for the queue to be written, but not for a reader that does not read.
    fn flush(&self) {
        self.report_lost_lines();
        flush_stderr();
    }
}

impl Logger {
    fn push(&self, record: &Record<'_>) {
        let line = line(record, SystemTime::now(), self.colour);
        if STDERR.push(line.into_bytes()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn report_lost_lines(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let mut record = Record::builder();
        let record = record.level(Level::Warn).target(TARGET);
        let line = line(
            &record
                .args(format_args!("{lost} lines of the log were lost"))
                .build(),
            SystemTime::now(),
            self.colour,
        );
        if STDERR.push(line.into_bytes()).is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

/// `2026-11-22T16:26:41.282Z INFO  [mio_echo] message`, with a newline.
fn line(record: &Record<'_>, time: SystemTime, colour: bool) -> String {
    let time = humantime::format_rfc3339_millis(time.max(SystemTime::UNIX_EPOCH));
    let level = match sgr(record.level()) {
        Some(sgr) if colour => format!("\x1b[{sgr}m{:<5}\x1b[0m", record.level()),
        _ => format!("{:<5}", record.level()),
    };
    format!("{time} {level} [{}] {}\n", record.target(), record.args())
}

/// The colour of a level, as a parameter of Select Graphic Rendition (ECMA-48).
fn sgr(level: Level) -> Option<u8> {
    match level {
        Level::Error => Some(31),
        Level::Warn => Some(33),
        Level::Info => Some(36),
        Level::Debug => Some(35),
        Level::Trace => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_has_a_time_a_level_a_target_and_a_message() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_364_801_282);
        let line_at = |level, colour| {
            let mut record = Record::builder();
            let record = record.level(level).target(TARGET);
            line(&record.args(format_args!("message")).build(), time, colour)
        };
        assert_eq!(
            line_at(Level::Info, false),
            "2026-11-22T16:26:41.282Z INFO  [mio_echo] message\n"
        );
        assert_eq!(
            line_at(Level::Error, true),
            "2026-11-22T16:26:41.282Z \x1b[31mERROR\x1b[0m [mio_echo] message\n"
        );
    }
}
