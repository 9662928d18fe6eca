//! The percentiles of a latency as text, in the format of `HdrHistogram`.

use crate::measure::load::Latency;
use std::io::{self, Write};

/// Nanoseconds are recorded; the format has milliseconds, as its tools expect.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
