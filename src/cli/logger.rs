//! The logger: one line per record, on standard error.
//!
//! `simple_logger` decides what is logged: it reads `RUST_LOG` and compares levels. It does not write, because it prints
//! with `eprintln!`, which panics when standard error cannot be written. `mio-echo serve 2>&1 | head` has to go on
//! serving after `head` has exited.

use super::output::may_colour;
use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;
use std::io::{self, Write};
use std::time::SystemTime;

/// The target of the program's own records, in place of the path of a module.
pub(super) const TARGET: &str = "mio_echo";

/// Starts logging at `level`. Without one, `RUST_LOG` sets the level, and its default is `info`.
pub(super) fn start(level: Option<LevelFilter>) {
    let filter = SimpleLogger::new().with_level(LevelFilter::Info).env();
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
            write(&line(record, SystemTime::now(), self.colour));
        }
    }

    fn flush(&self) {}
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

/// Writes a line with one write(2), unless the kernel takes only part of it. A line that cannot be written is lost; the
/// next one is tried again. If the reader of a pipe does not read, this call blocks.
fn write(line: &str) {
    let _lost = io::stderr().write_all(line.as_bytes());
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
