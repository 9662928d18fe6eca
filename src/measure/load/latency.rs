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
    /// Samples that are ages of unanswered messages.
    unanswered: u64,
    /// The least of these ages; `u64::MAX` without any.
    least_age: u64,
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
            unanswered: 0,
            least_age: u64::MAX,
        }
    }

    /// Records a sample.
    pub fn record(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
        self.max = self.max.max(nanoseconds);
    }

    /// Records `count` messages that were never answered, with their age: their latency is at least that (in the terms of
    /// statistics, a *censored* value). So every percentile, the maximum and the mean are lower bounds from the least of
    /// these ages on, and never too low by leaving out what was slowest.
    pub fn record_unanswered(&mut self, age: u64, count: u64) {
        self.histogram.saturating_record_n(age, count);
        self.max = self.max.max(age);
        self.unanswered += count;
        self.least_age = self.least_age.min(age);
    }

    /// The number of samples that are ages of unanswered messages.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// The value from which on every value is a lower bound, because some message of at least this age was never
    /// answered. `None` if all were answered.
    pub fn lower_bound_from(&self) -> Option<Duration> {
        (self.unanswered > 0).then(|| Duration::from_nanos(self.least_age))
    }

    /// Adds the samples of `other`. Percentiles cannot be averaged, but histograms can be added.
    pub fn merge(&mut self, other: &Self) {
        // Fails only if the other histogram has wider bounds, and all have the same.
        let _same_bounds = self.histogram.add(&other.histogram);
        self.max = self.max.max(other.max);
        self.unanswered += other.unanswered;
        self.least_age = self.least_age.min(other.least_age);
    }

    /// The samples added since `earlier`, an earlier copy of this one. Its maximum is exact if it is the maximum of all.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut histogram = self.histogram.clone();
        // Fails only if the other has samples that this one lacks.
        let _is_earlier = histogram.subtract(&earlier.histogram);
        let is_highest = self.max > earlier.max;
        Self {
            max: if is_highest {
                self.max
            } else {
                histogram.max()
            },
            histogram,
            unanswered: self.unanswered.saturating_sub(earlier.unanswered),
            least_age: self.least_age,
        }
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

    #[test]
    fn a_difference_has_the_samples_that_were_added() {
        let earlier = of([5_000_000, 9_000_000]);
        let mut latency = earlier.clone();
        latency.record(7_000_000);
        let added = latency.since(&earlier);
        assert_eq!(added.count(), 1);
        let max = added.max().unwrap().as_secs_f64();
        assert!(
            (max / 7e-3 - 1.0).abs() < 1e-3,
            "not the maximum of all: {max}"
        );
        latency.record_unanswered(11_000_001, 2);
        let added = latency.since(&earlier);
        assert_eq!((added.count(), added.unanswered()), (3, 2));
        assert_eq!(added.max(), Some(Duration::from_nanos(11_000_001)));
        assert_eq!(latency.since(&latency).count(), 0);
    }

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
    fn an_unanswered_message_counts_as_late_as_it_is_old() {
        let mut latency = of([1_000; 900]);
        latency.record_unanswered(5_000_000, 50);
        latency.record_unanswered(9_000_000, 50);
        assert_eq!(latency.count(), 1000);
        assert!(latency.quantile(0.5).unwrap() < Duration::from_micros(2));
        assert!(latency.quantile(0.94).unwrap() >= Duration::from_millis(5));
        assert!(latency.quantile(0.96).unwrap() >= Duration::from_millis(9));
        assert_eq!(latency.max(), Some(Duration::from_millis(9)));
        assert_eq!(latency.unanswered(), 100);
        let bound = Some(Duration::from_millis(5));
        assert_eq!(latency.lower_bound_from(), bound);
        let mut merged = of([1]);
        assert_eq!(merged.lower_bound_from(), None);
        merged.merge(&latency);
        assert_eq!(
            (merged.unanswered(), merged.lower_bound_from()),
            (100, bound)
        );
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
