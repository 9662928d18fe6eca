//! A measurement second by second: what is shown while it runs, and a time series.
//!
//! The generator has one histogram for the whole measurement. A [`LoadInterval`] is the difference of two copies of it, so
//! a message costs nothing extra.

use crate::measure::load::{Latency, LoadResults, Progress};
use crate::text::units::{self, nanoseconds};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The length of an interval. The generator reports its progress ten times as often.
pub(super) const LENGTH: Duration = Duration::from_secs(1);

/// What was measured in about one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadInterval {
    /// When it began, after the start of the measurement.
    pub from_ns: u64,
    /// How long it was: a second and up to 0.1 s more, the last one less.
    pub length_ns: u64,
    /// Messages echoed in it; with short-lived connections, connections.
    pub messages: u64,
    /// Connections that failed in it.
    pub failures: u64,
    /// The median latency: the response time with a rate, else the service time. `None` if fewer than ten samples were
    /// slower.
    pub p50_ns: Option<u64>,
    /// The 99th percentile; `None` if fewer than ten samples were slower.
    pub p99_ns: Option<u64>,
    /// The highest latency, to 0.1 %; `None` without samples.
    pub max_ns: Option<u64>,
}

/// Divides a measurement into intervals while it runs.
#[derive(Debug, Default)]
pub struct IntervalRecorder {
    recorded: Vec<LoadInterval>,
    /// When the latest interval ended, after the start of the measurement.
    end: Duration,
    messages: u64,
    failures: u64,
    latency: Latency,
}

impl IntervalRecorder {
    /// Before the measurement.
    pub fn new() -> Self {
        Self::default()
    }

    /// The latest interval, if it ends with this progress report. Failures before the measurement belong to the first.
    pub fn observe(&mut self, progress: &Progress) -> Option<LoadInterval> {
        let now = progress.measured?;
        (now.saturating_sub(self.end) >= LENGTH).then(|| self.end_at(now, progress.results))
    }

    /// All intervals. The last one is shorter, and has what was waited for after the end of the measurement.
    pub fn finish(mut self, results: &LoadResults) -> Vec<LoadInterval> {
        if results.elapsed > self.end {
            self.end_at(results.elapsed, results);
        }
        self.recorded
    }

    fn end_at(&mut self, now: Duration, results: &LoadResults) -> LoadInterval {
        let latency = results.response.as_ref().unwrap_or(&results.service);
        let failures = results.failures.total();
        let added = latency.since(&self.latency);
        let interval = LoadInterval {
            from_ns: nanoseconds(self.end),
            length_ns: nanoseconds(now.saturating_sub(self.end)),
            messages: results.messages - self.messages,
            failures: failures - self.failures,
            p50_ns: added.quantile(0.5).map(nanoseconds),
            p99_ns: added.quantile(0.99).map(nanoseconds),
            max_ns: added.max().map(nanoseconds),
        };
        self.recorded.push(interval);
        self.end = now;
        self.messages = results.messages;
        self.failures = failures;
        self.latency = latency.clone();
        interval
    }
}

impl LoadInterval {
    /// Messages per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
    pub fn messages_per_second(&self) -> f64 {
        self.messages as f64 / Duration::from_nanos(self.length_ns).as_secs_f64()
    }
}

/// As the line on a terminal: `21.3k/s, p50 45.2 µs, p99 98.1 µs, 0 failures`.
impl fmt::Display for LoadInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |nanoseconds: Option<u64>| {
            let time = nanoseconds.map(|it| Duration::from_nanos(it).as_secs_f64());
            time.map_or_else(|| "-".to_owned(), |it| units::value(it, units::TIME))
        };
        let failures = usize::try_from(self.failures).unwrap_or(usize::MAX);
        write!(
            f,
            "{}/s, p50 {}, p99 {}, {}",
            units::value(self.messages_per_second(), units::RATE),
            time(self.p50_ns),
            time(self.p99_ns),
            units::counted(failures, "failure", "failures")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results so far after `seconds` of a measurement.
    fn observe(
        recorder: &mut IntervalRecorder,
        seconds: f64,
        results: &LoadResults,
    ) -> Option<LoadInterval> {
        recorder.observe(&Progress {
            connected: 1,
            measured: Some(Duration::from_secs_f64(seconds)),
            results,
            per_mille: 0,
        })
    }

    fn echo(results: &mut LoadResults, count: u64, latency: u64) {
        results.messages += count;
        (0..count).for_each(|_| results.service.record(latency));
    }

    #[test]
    fn an_interval_has_only_what_was_measured_in_it() {
        let (mut recorder, mut results) = (IntervalRecorder::new(), LoadResults::empty());
        echo(&mut results, 2000, 1_000_000);
        assert_eq!(observe(&mut recorder, 0.9, &results), None);
        let first = observe(&mut recorder, 1.0, &results).unwrap();
        assert_eq!(
            first.to_string(),
            "2.00k/s, p50 1.00 ms, p99 1.00 ms, 0 failures"
        );
        echo(&mut results, 1000, 10_000);
        results.failures.reset = 1;
        let second = observe(&mut recorder, 2.0, &results).unwrap();
        assert_eq!(
            second.to_string(),
            "1.00k/s, p50 10.0 µs, p99 10.0 µs, 1 failure"
        );
        assert_eq!(
            (second.from_ns, second.length_ns),
            (1_000_000_000, 1_000_000_000)
        );
        let stalled = observe(&mut recorder, 3.0, &results).unwrap();
        assert_eq!(stalled.to_string(), "0/s, p50 -, p99 -, 0 failures");
        assert_eq!(stalled.max_ns, None);
        echo(&mut results, 20, 20_000);
        results.elapsed = Duration::from_millis(3500);
        let all = recorder.finish(&results);
        assert_eq!(all[..3], [first, second, stalled]);
        assert_eq!((all.len(), all[3].length_ns), (4, 500_000_000));
        assert_eq!((all[3].messages, all[3].p99_ns), (20, None));
    }

    #[test]
    fn with_a_rate_an_interval_has_response_times() {
        let (mut recorder, mut results) = (IntervalRecorder::new(), LoadResults::empty());
        echo(&mut results, 100, 1_000);
        let mut response = Latency::new();
        (0..100).for_each(|_| response.record(3_000_000));
        results.response = Some(response);
        let interval = observe(&mut recorder, 1.1, &results).unwrap();
        assert_eq!(interval.p50_ns.unwrap() / 10_000, 300);
        assert!((interval.messages_per_second() - 100.0 / 1.1).abs() < 1e-6);
    }

    #[test]
    fn before_the_measurement_there_is_no_interval() {
        let progress = Progress {
            connected: 3,
            measured: None,
            results: &LoadResults::empty(),
            per_mille: 0,
        };
        assert_eq!(IntervalRecorder::new().observe(&progress), None);
    }
}
