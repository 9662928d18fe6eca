//! How long messages took, as plain data.

use crate::measure::load::{Latency, QUANTILES};
use crate::text::units::nanoseconds;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// How long messages took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// The mean; none of nothing.
    pub mean_ns: Option<u64>,
    /// Each percentile by its name; none with fewer than 10 samples above it.
    #[serde(serialize_with = "as_map")]
    pub percentiles_ns: Vec<(&'static str, Option<u64>)>,
    /// The longest, exactly; none of nothing.
    pub max_ns: Option<u64>,
}

/// In the order in which they stand.
fn as_map<S: Serializer>(
    percentiles: &[(&'static str, Option<u64>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(percentiles.iter().copied())
}

impl From<&Latency> for Times {
    fn from(latency: &Latency) -> Self {
        let told = |(name, quantile)| (name, latency.quantile(quantile).map(nanoseconds));
        Self {
            count: latency.count(),
            mean_ns: latency.mean().map(nanoseconds),
            percentiles_ns: QUANTILES.into_iter().map(told).collect(),
            max_ns: latency.max().map(nanoseconds),
        }
    }
}

impl Times {
    /// The percentile of this name; none if there is no such, or not samples enough.
    pub fn percentile(&self, name: &str) -> Option<Duration> {
        let mut all = self.percentiles_ns.iter();
        let (_, time) = all.find(|(own, _)| *own == name)?;
        time.map(Duration::from_nanos)
    }
}
