//! A line of the log.

use log::{Level, Record};
use std::time::SystemTime;

/// The target of the program's own records, in place of the path of a module.
pub(super) const TARGET: &str = "mio_echo";

/// The warning that the log lacks `count` lines, with a newline.
pub(super) fn lost_lines(count: u64, colour: bool) -> String {
    let mut record = Record::builder();
    let record = record.level(Level::Warn).target(TARGET);
    let message = format_args!("{count} lines of the log were lost");
    line(&record.args(message).build(), SystemTime::now(), colour)
}

/// `2026-11-22T16:26:41.282Z INFO  [mio_echo] message`, with a newline.
pub(super) fn line(record: &Record<'_>, time: SystemTime, colour: bool) -> String {
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
