//! Lines that come faster than they can be written.

use crate::cli::logger::TARGET;
use crate::cli::rate_limit::RateLimit;
use std::io::{self, ErrorKind};
use std::mem;
use std::time::Instant;

/// Counts the lines of one output that found its queue full. The log reports them, at most once a second.
#[derive(Debug)]
pub(super) struct LostLines {
    /// The name of the output in the log.
    output: &'static str,
    unreported: u64,
    reports: RateLimit,
}

impl LostLines {
    pub(super) fn of(output: &'static str) -> Self {
        Self {
            output,
            unreported: 0,
            reports: RateLimit::of(output),
        }
    }

    /// Notes whether a line could be queued.
    pub(super) fn note(&mut self, queued: &io::Result<()>) {
        let is_lost = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
        self.unreported += u64::from(queued.as_ref().is_err_and(is_lost));
        if self.unreported > 0 && self.reports.pass(Instant::now()).is_some() {
            self.report();
        }
    }

    /// Logs how many lines are lost since the last report, if any are.
    pub(super) fn report(&mut self) {
        let (output, lost) = (self.output, mem::take(&mut self.unreported));
        if lost > 0 {
            log::warn!(target: TARGET, "{output}: {lost} lines are lost: they came faster than they could be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_that_finds_the_queue_full_is_counted_and_no_other() {
        let mut lost = LostLines::of("a test");
        let full = Err(ErrorKind::WouldBlock.into());
        lost.note(&full);
        assert_eq!(lost.unreported, 0, "the first is reported at once");
        let later = Instant::now() + Duration::from_hours(1);
        assert!(lost.reports.pass(later).is_some());
        for queued in [&full, &Ok(()), &full, &Err(ErrorKind::BrokenPipe.into())] {
            lost.note(queued);
        }
        assert_eq!(lost.unreported, 2, "the others with the next warning");
    }
}
