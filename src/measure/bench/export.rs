//! Latencies in the file formats of `HdrHistogram`.

use crate::measure::load::{Latency, LoadResults};
use crate::text::version::PROGRAM;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::io::{self, Write};
use std::time::SystemTime;

/// Nanoseconds are recorded; both formats have milliseconds, as their tools expect.
const NANOSECONDS_PER_MILLISECOND: f64 = 1e6;

/// Lines for each halving of the distance to 100 %, as the plotters of the format expect.
const STEPS_PER_HALF: u32 = 5;

/// Writes the percentiles as text that the plotters of `HdrHistogram` read: value in milliseconds, percentile, count
/// up to it, 1/(1 - percentile).
///
/// # Errors
///
/// Those of `output`.
#[expect(clippy::cast_precision_loss, reason = "the format has three decimals")]
pub fn write_hgrm(latency: &Latency, output: &mut impl Write) -> io::Result<()> {
    let histogram = latency.histogram();
    let in_milliseconds = |nanoseconds: f64| nanoseconds / NANOSECONDS_PER_MILLISECOND;
    writeln!(
        output,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut count = 0;
    for step in histogram.iter_quantiles(STEPS_PER_HALF) {
        count += step.count_since_last_iteration();
        let value = in_milliseconds(step.value_iterated_to() as f64);
        let percentile = step.quantile_iterated_to();
        write!(output, "{value:12.3} {percentile:14.12} {count:10}")?;
        if percentile < 1.0 {
            write!(output, " {:14.2}", 1.0 / (1.0 - percentile))?;
        }
        writeln!(output)?;
    }
    let (mean, deviation) = (
        in_milliseconds(histogram.mean()),
        in_milliseconds(histogram.stdev()),
    );
    let max = latency.max().unwrap_or_default().as_secs_f64() * 1e3;
    let total = latency.count();
    writeln!(
        output,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]"
    )?;
    writeln!(
        output,
        "#[Max     = {max:12.3}, Total count    = {total:12}]"
    )?;
    writeln!(
        output,
        "#[Buckets = {:12}, SubBuckets     = {:12}]",
        histogram.buckets(),
        SUB_BUCKETS
    )
}

/// Sub-buckets of a histogram with three significant digits: the power of two above 2 × 10³.
const SUB_BUCKETS: u32 = 2048;

/// Writes an interval log (`HdrHistogram` log, version 2) with one interval for the whole measurement: a histogram
/// that can be merged with those of other runs and machines. With a rate there are two histograms, tagged `service`
/// and `response`.
///
/// # Errors
///
/// Those of `output`.
pub fn write_hlog(
    results: &LoadResults,
    started: SystemTime,
    output: &mut impl Write,
) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!(
            "{PROGRAM}, nanoseconds; the column of maxima in milliseconds"
        ))
        .with_start_time(started)
        .with_max_value_divisor(NANOSECONDS_PER_MILLISECOND)
        .begin_log_with(output, &mut serializer)?;
    let since_epoch = started
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let tagged = [
        ("service", Some(&results.service)),
        ("response", results.response.as_ref()),
    ];
    for (tag, latency) in tagged {
        let Some(latency) = latency else { continue };
        let histogram = latency.histogram();
        log.write_histogram(histogram, since_epoch, results.elapsed, Tag::new(tag))
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use std::time::Duration;

    fn latency() -> Latency {
        let mut latency = Latency::new();
        (1..=1000).for_each(|step| latency.record(step * 1_000_000));
        latency
    }

    #[test]
    fn the_percentile_text_has_the_columns_that_plotters_read() {
        let mut text = Vec::new();
        write_hgrm(&latency(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                line.split_whitespace()
                    .map(|it| it.parse().unwrap())
                    .collect()
            })
            .collect();
        let half = rows.iter().find(|row| (row[1] - 0.5).abs() < 1e-9).unwrap();
        assert!((half[0] - 500.0).abs() < 1.0, "{half:?}");
        assert_eq!((half[2], half[3]), (500.0, 2.0));
        let last = rows.last().unwrap();
        assert_eq!((last[1], last[2], last.len()), (1.0, 1000.0, 3));
        assert!(text.contains("#[Max     =     1000.000, Total count    =         1000]"));
    }

    #[test]
    fn other_tools_can_read_and_merge_the_log() {
        let mut results = LoadResults::empty();
        results.service = latency();
        results.response = Some(latency());
        results.elapsed = Duration::from_secs(2);
        let mut log = Vec::new();
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        write_hlog(&results, started, &mut log).unwrap();
        let mut merged = Histogram::<u64>::new(3).unwrap();
        let mut tags = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            tags.push(interval.tag().unwrap().as_str().to_owned());
            assert_eq!(interval.duration(), Duration::from_secs(2));
            let bytes = base64(interval.encoded_histogram());
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &*bytes).unwrap();
            merged.add(histogram).unwrap();
        }
        assert_eq!(tags, ["service", "response"]);
        assert_eq!(merged.len(), 2000);
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
