//! How long things took: a histogram, and the exact maximum beside it.

use hdrhistogram::Histogram;
use std::fmt;
use std::time::Duration;

/// What is longer than an hour is counted as an hour; the maximum is exact all the same.
const LONGEST: u64 = 3_600_000_000_000;

/// Three significant decimal digits: a value is told within 0.1 %.
const DIGITS: u8 = 3;

/// Nothing is said of a percentile that fewer samples than this lie above.
const SAMPLES_ABOVE: f64 = 10.0;

/// The percentiles that reports tell, with the names they are known by.
pub const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Times, in nanoseconds, as an `HdrHistogram` (G. Tene).
#[derive(Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    longest: u64,
}

impl Latency {
    /// Nothing recorded yet.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "constants within the documented bounds"
    )]
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Self {
            histogram: histogram.expect("bounds of an hour and three digits are allowed"),
            longest: 0,
        }
    }

    /// Records one time.
    pub fn record(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
        self.longest = self.longest.max(nanoseconds);
    }

    /// Takes over what another one recorded. Percentiles cannot be averaged; histograms can be added.
    pub fn merge(&mut self, other: &Self) {
        // Fails only for a histogram of wider bounds, and all of ours are alike.
        let _alike = self.histogram.add(&other.histogram);
        self.longest = self.longest.max(other.longest);
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The time that a share `quantile` (0 to 1) of all did not exceed; none if fewer than 10 samples lie
    /// above it, because it would be an accident then.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a count of samples")]
        let above = self.count() as f64 * (1.0 - quantile);
        // A count that is 10 but for the rounding of 1 - 0.9999 is 10.
        (above >= SAMPLES_ABOVE - 1e-6)
            .then(|| Duration::from_nanos(self.histogram.value_at_quantile(quantile)))
    }

    /// The mean; none of nothing.
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_secs_f64(self.histogram.mean() / 1e9))
    }

    /// The longest, exactly; none of nothing.
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.longest))
    }

    /// The histogram underneath, for the formats of its own world.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

/// The percentiles, as reports tell them.
impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = QUANTILES.map(|(name, quantile)| (name, self.quantile(quantile)));
        f.debug_struct("Latency")
            .field("count", &self.count())
            .field("quantiles", &told)
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        times.into_iter().for_each(|time| latency.record(time));
        latency
    }

    #[test]
    fn percentiles_are_those_of_the_values_within_a_thousandth() {
        let latency = of((1..=100_000).map(|step| step * 1000));
        for (name, quantile) in QUANTILES {
            let told = latency.quantile(quantile).unwrap().as_secs_f64();
            let exact = quantile * 0.1;
            assert!(
                (told / exact - 1.0).abs() < 0.0011,
                "{name}: {told} for {exact}"
            );
        }
    }

    #[test]
    fn nothing_is_said_with_fewer_than_ten_samples_above() {
        assert_eq!(of(1..=19).quantile(0.5), None);
        assert!(of(1..=20).quantile(0.5).is_some());
        assert_eq!(of(1..=99_000).quantile(0.9999), None);
        assert!(of(1..=100_000).quantile(0.9999).is_some());
    }

    #[test]
    fn the_maximum_is_exact_even_beyond_the_histogram() {
        let latency = of([1, 1_234_567, 2 * LONGEST + 1]);
        assert_eq!(latency.max(), Some(Duration::from_nanos(2 * LONGEST + 1)));
        assert_eq!(latency.count(), 3);
    }

    #[test]
    fn merged_is_as_recorded_in_one() {
        let mut first = of(1..=500);
        first.merge(&of(501..=1000));
        let all = of(1..=1000);
        assert_eq!(first.quantile(0.9), all.quantile(0.9));
        assert_eq!(first.max(), all.max());
        assert_eq!(first.mean(), all.mean());
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(Latency::new().mean(), None);
        assert_eq!(Latency::new().max(), None);
    }
}
