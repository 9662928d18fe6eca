//! What the probes of a ping add up to.

use crate::text::units;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// The latest round trips that the percentile is taken of. A ping may run for weeks.
const LATEST: usize = 100_000;

/// Counts and round-trip times of a ping. Prints as two lines, or as one if nothing came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PingSummary {
    /// Probes that were sent, those included for which there was no connection.
    pub sent: u64,
    /// Probes whose echo came back in time, every byte verified.
    pub received: u64,
    shortest: Option<Duration>,
    longest: Duration,
    total: Duration,
    latest: VecDeque<Duration>,
}

impl PingSummary {
    /// Adds a probe: its round-trip time, or `None` if it was lost.
    pub(super) fn record(&mut self, time: Option<Duration>) {
        self.sent += 1;
        let Some(time) = time else {
            return;
        };
        self.received += 1;
        self.shortest = Some(self.shortest.map_or(time, |shortest| shortest.min(time)));
        self.longest = self.longest.max(time);
        self.total += time;
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        self.latest.push_back(time);
    }

    /// Probes without a correct echo.
    pub fn lost(&self) -> u64 {
        self.sent - self.received
    }

    /// The least of the latest 100,000 round-trip times that 99 % of them do not exceed.
    fn p99(&self) -> Duration {
        let mut sorted: Vec<Duration> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        let at_rank = sorted.get(rank.saturating_sub(1));
        at_rank.copied().unwrap_or_default()
    }
}

impl fmt::Display for PingSummary {
    #[expect(clippy::cast_precision_loss, reason = "figures of three digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received, lost) = (self.sent, self.received, self.lost());
        let percent = units::digits(100.0 * lost as f64 / sent.max(1) as f64);
        write!(
            f,
            "{sent} sent, {received} received and verified, {lost} lost ({percent} %)"
        )?;
        let Some(shortest) = self.shortest else {
            return Ok(());
        };
        let time = |time: Duration| units::value(time.as_secs_f64(), units::TIME);
        let mean = self.total.as_secs_f64() / received as f64;
        write!(
            f,
            "\nround trip: min {}, avg {}, p99 {}, max {}",
            time(shortest),
            units::value(mean, units::TIME),
            time(self.p99()),
            time(self.longest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_losses_and_shows_the_round_trips() {
        let mut summary = PingSummary::default();
        for milliseconds in 1..=199 {
            summary.record(Some(Duration::from_millis(milliseconds)));
        }
        summary.record(None);
        let expected = "200 sent, 199 received and verified, 1 lost (0.5 %)\n\
            round trip: min 1.00 ms, avg 100 ms, p99 198 ms, max 199 ms";
        assert_eq!(summary.to_string(), expected);
    }

    #[test]
    fn without_a_reply_there_are_no_times() {
        let mut summary = PingSummary::default();
        assert_eq!(
            summary.to_string(),
            "0 sent, 0 received and verified, 0 lost (0 %)"
        );
        summary.record(None);
        assert_eq!(
            summary.to_string(),
            "1 sent, 0 received and verified, 1 lost (100 %)"
        );
    }

    #[test]
    fn the_memory_of_a_long_ping_is_bounded() {
        let mut summary = PingSummary::default();
        summary.record(Some(Duration::ZERO));
        for _ in 0..=LATEST {
            summary.record(Some(Duration::from_millis(1)));
        }
        assert_eq!(summary.latest.len(), LATEST);
        assert_eq!(summary.shortest, Some(Duration::ZERO));
    }
}
