//! The latencies of each second as an interval log (`HdrHistogram` log, version 2), which other tools draw over time, and
//! merge with those of other runs and machines.

use super::interval::LENGTH;
use crate::measure::load::{Latency, LoadResults, Progress};
use crate::text::version::PROGRAM;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use std::fmt::Debug;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Nanoseconds are recorded; the column of maxima has milliseconds, as the tools of the format expect.
const NANOSECONDS_PER_MILLISECOND: f64 = 1e6;

/// Divides the latencies of a measurement into intervals of a second while it runs. Each is kept as a few kilobytes; the log
/// itself is compressed when it is written, because that takes the generator too long.
#[derive(Debug, Default)]
pub struct LatencyLog {
    intervals: Vec<LoggedInterval>,
    /// When the latest interval ended, after the start of the measurement.
    end: Duration,
    service: Latency,
    response: Latency,
}

/// The latencies of one kind in one interval.
#[derive(Debug)]
struct LoggedInterval {
    kind: &'static str,
    /// After the start of the measurement.
    from: Duration,
    length: Duration,
    /// Serialized, or why that failed.
    histogram: Result<Vec<u8>, String>,
}

impl LatencyLog {
    /// Ends an interval if a second has passed.
    pub fn observe(&mut self, progress: &Progress) {
        match progress.measured {
            Some(now) if now.saturating_sub(self.end) >= LENGTH => {
                self.end_at(now, progress.results);
            }
            _ => {}
        }
    }

    /// Ends the last interval, which has what was waited for after the end of the measurement.
    pub fn finish(&mut self, results: &LoadResults) {
        if results.elapsed > self.end {
            self.end_at(results.elapsed, results);
        }
    }

    fn end_at(&mut self, now: Duration, results: &LoadResults) {
        let (from, length) = (self.end, now.saturating_sub(self.end));
        let mut log = |kind, latency: &Latency, earlier: &mut Latency| {
            let added = latency.since(earlier);
            earlier.clone_from(latency);
            self.intervals.push(LoggedInterval {
                kind,
                from,
                length,
                histogram: serialized(added.histogram()),
            });
        };
        log("service", &results.service, &mut self.service);
        if let Some(response) = &results.response {
            log("response", response, &mut self.response);
        }
        self.end = now;
    }

    /// Writes the log of a run that `started` then. The intervals are tagged `service` and, with a rate, `response`.
    ///
    /// # Errors
    ///
    /// Those of `output`.
    pub fn write(&self, started: SystemTime, output: &mut impl Write) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        let comment = format!("{PROGRAM}, nanoseconds; the column of maxima in milliseconds");
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment(&comment)
            .with_start_time(started)
            .with_max_value_divisor(NANOSECONDS_PER_MILLISECOND)
            .begin_log_with(output, &mut serializer)?;
        let since_epoch = started.duration_since(SystemTime::UNIX_EPOCH);
        let since_epoch = since_epoch.unwrap_or_default();
        for interval in &self.intervals {
            let bytes = interval.histogram.as_ref();
            let bytes = bytes.map_err(|error| io::Error::other(error.clone()))?;
            let mut deserializer = Deserializer::new();
            let histogram: Histogram<u64> = deserializer
                .deserialize(&mut bytes.as_slice())
                .map_err(unexpected)?;
            let (from, tag) = (since_epoch + interval.from, Tag::new(interval.kind));
            log.write_histogram(&histogram, from, interval.length, tag)
                .map_err(unexpected)?;
        }
        Ok(())
    }
}

fn serialized(histogram: &Histogram<u64>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let written = V2Serializer::new().serialize(histogram, &mut bytes);
    written.map(|_| bytes).map_err(|error| format!("{error:?}"))
}

fn unexpected(error: impl Debug) -> io::Error {
    io::Error::other(format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    /// The results after more messages with these latencies in milliseconds.
    fn echo(results: &mut LoadResults, latencies: std::ops::RangeInclusive<u64>) {
        let mut response = results.response.take().unwrap_or_default();
        for milliseconds in latencies {
            results.service.record(milliseconds * 1_000_000);
            response.record(milliseconds * 2_000_000);
        }
        results.response = Some(response);
    }

    #[test]
    fn other_tools_can_read_each_second_and_merge_them() {
        let (mut log, mut results) = (LatencyLog::default(), LoadResults::empty());
        echo(&mut results, 1..=1000);
        for seconds in [0.9, 1.0] {
            log.observe(&Progress {
                connected: 1,
                measured: Some(Duration::from_secs_f64(seconds)),
                results: &results,
                per_mille: 0,
            });
        }
        echo(&mut results, 5..=6);
        results.elapsed = Duration::from_millis(1500);
        log.finish(&results);
        let mut text = Vec::new();
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        log.write(started, &mut text).unwrap();
        let mut merged = Histogram::<u64>::new(3).unwrap();
        let mut seen = Vec::new();
        for entry in IntervalLogIterator::new(&text) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            let bytes = base64(interval.encoded_histogram());
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &*bytes).unwrap();
            let tag = interval.tag().unwrap().as_str().to_owned();
            let from = interval.start_timestamp().as_secs() - 1_700_000_000;
            let length = interval.duration().as_millis();
            seen.push((tag, from, length, histogram.len()));
            merged.add(histogram).unwrap();
        }
        let expected = [
            ("service", 0, 1000, 1000),
            ("response", 0, 1000, 1000),
            ("service", 1, 500, 2),
            ("response", 1, 500, 2),
        ];
        assert_eq!(
            seen,
            expected.map(|(tag, from, length, count)| (tag.to_owned(), from, length, count))
        );
        assert_eq!(merged.len(), 2004);
    }

    /// Decodes base64 (RFC 4648, section 4).
    fn base64(text: &str) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits: Vec<usize> = text
            .bytes()
            .filter(|byte| *byte != b'=')
            .map(|byte| alphabet.iter().position(|it| *it == byte).unwrap())
            .collect();
        let mut bytes = Vec::new();
        for four in digits.chunks(4) {
            let word =
                four.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - four.len()));
            bytes.extend(&word.to_be_bytes()[5..][..four.len() - 1]);
        }
        bytes
    }
}
