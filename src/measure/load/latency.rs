//! Latencies: a histogram, and the exact maximum.

use hdrhistogram::Histogram;
use std::fmt;
use std::time::Duration;

/// The upper bound of the histogram, in nanoseconds: an hour. Longer latencies are recorded as an hour; the
/// maximum is exact nevertheless.
const MAX_RECORDED: u64 = 3_600_000_000_000;

/// Three significant digits: a reported value is exact to 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A percentile is reported only if at least this many samples lie above it.
const MIN_SAMPLES_ABOVE: f64 = 10.0;

/// The percentiles that reports contain, with their usual names.
pub const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Latencies in nanoseconds, as an `HdrHistogram` (G. Tene).
#[derive(Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    max: u64,
}

impl Latency {
    /// No samples.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "constants within the documented bounds"
    )]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_RECORDED, SIGNIFICANT_DIGITS);
        Self {
            histogram: histogram.expect("bounds of an hour and three digits are allowed"),
            max: 0,
        }
    }

    /// Records a sample.
    pub fn record(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
        self.max = self.max.max(nanoseconds);
    }

    /// Adds the samples of `other`. Percentiles cannot be averaged, but histograms can be added.
    pub fn merge(&mut self, other: &Self) {
        // Fails only if the other histogram has wider bounds, and all have the same.
        let _same_bounds = self.histogram.add(&other.histogram);
        self.max = self.max.max(other.max);
    }

    /// The number of samples.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that the fraction `quantile` (0 to 1) of all samples did not exceed. `None` if fewer than 10
    /// samples lie above it: it would then depend on a few outliers.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a count of samples")]
        let above = self.count() as f64 * (1.0 - quantile);
        // The tolerance covers the rounding error of `1.0 - quantile`.
        (above >= MIN_SAMPLES_ABOVE - 1e-6)
            .then(|| Duration::from_nanos(self.histogram.value_at_quantile(quantile)))
    }

    /// The mean; `None` without samples.
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_secs_f64(self.histogram.mean() / 1e9))
    }

    /// The exact maximum; `None` without samples.
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.max))
    }

    /// The underlying histogram, to be exported in the formats of `HdrHistogram`.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// The percentiles, as in reports.
impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantiles = QUANTILES.map(|(name, quantile)| (name, self.quantile(quantile)));
        f.debug_struct("Latency")
            .field("count", &self.count())
            .field("quantiles", &quantiles)
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        samples
            .into_iter()
            .for_each(|sample| latency.record(sample));
        latency
    }

    #[test]
    fn percentiles_are_exact_to_a_thousandth() {
        let latency = of((1..=100_000).map(|step| step * 1000));
        for (name, quantile) in QUANTILES {
            let reported = latency.quantile(quantile).unwrap().as_secs_f64();
            let exact = quantile * 0.1;
            assert!(
                (reported / exact - 1.0).abs() < 0.0011,
                "{name}: {reported} for {exact}"
            );
        }
    }

    #[test]
    fn a_percentile_needs_ten_samples_above_it() {
        assert_eq!(of(1..=19).quantile(0.5), None);
        assert!(of(1..=20).quantile(0.5).is_some());
        assert_eq!(of(1..=99_000).quantile(0.9999), None);
        assert!(of(1..=100_000).quantile(0.9999).is_some());
    }

    #[test]
    fn the_maximum_is_exact_even_beyond_the_histogram() {
        let latency = of([1, 1_234_567, 2 * MAX_RECORDED + 1]);
        let expected = Duration::from_nanos(2 * MAX_RECORDED + 1);
        assert_eq!(latency.max(), Some(expected));
        assert_eq!(latency.count(), 3);
    }

    #[test]
    fn merged_histograms_equal_one_with_all_samples() {
        let mut first = of(1..=500);
        first.merge(&of(501..=1000));
        let all = of(1..=1000);
        assert_eq!(first.quantile(0.9), all.quantile(0.9));
        assert_eq!(first.max(), all.max());
        assert_eq!(first.mean(), all.mean());
    }

    #[test]
    fn without_samples_there_is_neither_mean_nor_maximum() {
        assert_eq!(Latency::new().mean(), None);
        assert_eq!(Latency::new().max(), None);
    }
}
