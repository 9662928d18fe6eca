//! Whether a noisy series grows: a line through it, and how certain its slope is. Pure.
//!
//! Consecutive samples resemble each other, so they say less than as many independent ones would. They are therefore
//! averaged into [`BLOCKS`] blocks first, each long enough to be nearly independent of its neighbour, and the line is
//! fitted through the means.

/// Means that the line is fitted through.
pub(crate) const BLOCKS: usize = 12;

/// The two-sided 95 % quantile of Student's t with `BLOCKS - 2` degrees of freedom.
const T_95: f64 = 2.228;

/// The slope of a line, and the interval that holds the true one with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What the interval says about a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// All of it is at most the bound.
    Held,
    /// It reaches from below to above: the run was too short, or the series too noisy.
    Undecided,
    /// All of it is above the bound.
    Exceeded,
}

impl Slope {
    /// The line through `(time, value)` by least squares; `None` with fewer samples than [`BLOCKS`], or all of one
    /// time.
    pub(crate) fn of(samples: &[(f64, f64)]) -> Option<Self> {
        let means = block_means(samples)?;
        let count = BLOCKS as f64;
        let mean_time = means.iter().map(|(time, _)| time).sum::<f64>() / count;
        let mean_value = means.iter().map(|(_, value)| value).sum::<f64>() / count;
        let spread: f64 = means.iter().map(|(t, _)| (t - mean_time).powi(2)).sum();
        let products = means
            .iter()
            .map(|(t, v)| (t - mean_time) * (v - mean_value));
        let value = products.sum::<f64>() / spread;
        let residuals = means
            .iter()
            .map(|(t, v)| (v - mean_value - value * (t - mean_time)).powi(2));
        let variance = residuals.sum::<f64>() / (count - 2.0);
        let margin = T_95 * (variance / spread).sqrt();
        value.is_finite().then_some(Self {
            value,
            low: value - margin,
            high: value + margin,
        })
    }

    /// Whether the series grows by more than `bound`.
    pub(crate) fn judge(&self, bound: f64) -> Judgement {
        if self.high <= bound {
            Judgement::Held
        } else if self.low > bound {
            Judgement::Exceeded
        } else {
            Judgement::Undecided
        }
    }
}

fn block_means(samples: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let length = samples.len() / BLOCKS;
    if length == 0 {
        return None;
    }
    // The oldest samples that do not fill a block are left out.
    let (_, whole) = samples.split_at(samples.len() - length * BLOCKS);
    let mean = |block: &[(f64, f64)]| {
        let sum = |part: fn(&(f64, f64)) -> f64| block.iter().map(part).sum::<f64>();
        let count = block.len() as f64;
        (
            sum(|(time, _)| *time) / count,
            sum(|(_, value)| *value) / count,
        )
    };
    Some(whole.chunks(length).map(mean).collect())
}
