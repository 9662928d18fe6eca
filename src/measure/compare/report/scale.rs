//! From values to pixels, and which values get a grid line.

use super::chart::Chart;
use crate::measure::compare::metric::Metric;
use crate::text::units;

/// A value axis is logarithmic if the highest value exceeds the lowest by more than this factor.
const MAX_LINEAR_FACTOR: f64 = 15.0;

/// The same for the positions on the x axis.
const MAX_LINEAR_POSITIONS: f64 = 8.0;

/// A mapping from values to pixels.
pub(super) struct Scale {
    from: f64,
    to: f64,
    kind: ScaleKind,
    /// Where `from` and `to` are.
    pixels: (f64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScaleKind {
    /// Equal distances for equal differences.
    Linear,
    /// Equal distances for equal ratios.
    Logarithmic,
}

impl Scale {
    /// The scale of the values of `chart`, from pixel `start` to pixel `end`. A linear one starts at zero.
    pub(super) fn of_values(chart: &Chart, start: f64, end: f64) -> Self {
        let points = chart.series.iter().flat_map(|series| &series.points);
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        for point in points {
            lowest = lowest.min(point.low);
            highest = highest.max(point.high);
        }
        let is_wide = lowest > 0.0 && lowest.is_finite() && highest / lowest > MAX_LINEAR_FACTOR;
        let (from, to, kind) = if is_wide {
            (lowest * 0.8, highest * 1.2, ScaleKind::Logarithmic)
        } else {
            let to = (highest * 1.06).max(f64::MIN_POSITIVE);
            (0.0, to, ScaleKind::Linear)
        };
        Self {
            from,
            to,
            kind,
            pixels: (start, end),
        }
    }

    /// The scale of the positions of `chart`.
    pub(super) fn of_positions(chart: &Chart, start: f64, end: f64) -> Self {
        let from = as_f64(chart.positions.first().copied().unwrap_or(1));
        let to = as_f64(chart.positions.last().copied().unwrap_or(1));
        let kind = if from > 0.0 && to / from >= MAX_LINEAR_POSITIONS {
            ScaleKind::Logarithmic
        } else {
            ScaleKind::Linear
        };
        Self {
            from,
            to,
            kind,
            pixels: (start, end),
        }
    }

    /// The pixel of a value.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        let fraction = match self.kind {
            ScaleKind::Linear => (value - self.from) / (self.to - self.from),
            ScaleKind::Logarithmic => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        let (start, end) = self.pixels;
        start + fraction.clamp(0.0, 1.0) * (end - start)
    }

    /// Round values for the grid lines.
    pub(super) fn ticks(&self, metric: Metric) -> Vec<f64> {
        match self.kind {
            ScaleKind::Linear => self.linear_ticks(metric),
            ScaleKind::Logarithmic => self.logarithmic_ticks(metric),
        }
    }

    fn linear_ticks(&self, metric: Metric) -> Vec<f64> {
        let (unit, _) = units::unit_for(self.to, metric.units());
        let quarter = self.to / unit / 4.0;
        let magnitude = 10_f64.powf(quarter.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps.into_iter().find(|step| *step >= quarter);
        let step = step.unwrap_or(quarter) * unit;
        let ticks = (0..=8).map(|n| f64::from(n) * step);
        ticks.filter(|tick| *tick <= self.to).collect()
    }

    fn logarithmic_ticks(&self, metric: Metric) -> Vec<f64> {
        let within = |steps: &[f64]| -> Vec<f64> {
            let units = metric.units().iter();
            let values = units.flat_map(|(unit, _)| steps.iter().map(move |step| step * unit));
            values
                .filter(|value| (self.from..=self.to).contains(value))
                .collect()
        };
        let decades = within(&[1.0, 10.0, 100.0]);
        if decades.len() >= 3 {
            return decades;
        }
        within(&[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0])
    }
}

/// A position on the x axis: exact in a float up to 2^32.
pub(super) fn as_f64(position: usize) -> f64 {
    u32::try_from(position).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::super::chart::groups;
    use super::*;
    use crate::measure::compare::example;

    #[test]
    fn values_far_apart_get_a_logarithmic_axis_with_round_ticks() {
        let comparison = example::comparison();
        let charts = &groups(&comparison)[0].charts;
        let memory = charts
            .iter()
            .find(|chart| chart.metric == Metric::Memory)
            .unwrap();
        let scale = Scale::of_values(memory, 100.0, 0.0);
        assert!(scale.kind == ScaleKind::Logarithmic);
        let ticks = scale.ticks(Metric::Memory);
        assert!((3..10).contains(&ticks.len()), "{ticks:?}");
    }

    #[test]
    fn other_values_are_drawn_from_zero_with_equal_steps() {
        let comparison = example::comparison();
        let scale = Scale::of_values(&groups(&comparison)[0].charts[0], 100.0, 0.0);
        assert!(scale.kind == ScaleKind::Linear);
        assert!(
            (scale.pixel(0.0) - 100.0).abs() < 1e-9,
            "zero is at the start"
        );
        let ticks = scale.ticks(Metric::Throughput);
        assert!((3..8).contains(&ticks.len()), "{ticks:?}");
        let steps: Vec<f64> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            steps
                .iter()
                .all(|step| (step - steps[0]).abs() < 1e-6 * steps[0]),
            "{ticks:?}"
        );
    }
}
