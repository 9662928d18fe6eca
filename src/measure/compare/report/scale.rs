//! Where a value is on a drawing, and which values deserve a line of the grid.

use super::super::Metric;
use super::chart::Chart;
use crate::text::units;

/// Values that differ by more than this factor are drawn on a logarithmic axis.
const TOO_FAR_APART: f64 = 15.0;

/// From values to places on the drawing.
pub(super) struct Scale {
    from: f64,
    to: f64,
    course: Course,
    /// Where `from` and `to` are.
    pub(super) pixels: (f64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// From zero, equal steps for equal differences.
    Linear,
    /// Equal steps for equal ratios.
    Logarithmic,
}

impl Scale {
    /// For the values of `chart`.
    pub(super) fn new(chart: &Chart, start: f64, end: f64) -> Self {
        let points = chart.series.iter().flat_map(|series| &series.points);
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        for point in points {
            lowest = lowest.min(point.low);
            highest = highest.max(point.high);
        }
        let far_apart = lowest > 0.0 && highest / lowest > TOO_FAR_APART && lowest.is_finite();
        let (from, to, course) = if far_apart {
            (lowest * 0.8, highest * 1.2, Course::Logarithmic)
        } else {
            (0.0, (highest * 1.06).max(f64::MIN_POSITIVE), Course::Linear)
        };
        Self {
            from,
            to,
            course,
            pixels: (start, end),
        }
    }

    /// For the places of `chart`.
    pub(super) fn along(chart: &Chart, start: f64, end: f64) -> Self {
        let first = as_f64(chart.places.first().copied().unwrap_or(1));
        let last = as_f64(chart.places.last().copied().unwrap_or(1));
        let far_apart = first > 0.0 && last / first >= 8.0;
        Self {
            from: first,
            to: last,
            course: if far_apart {
                Course::Logarithmic
            } else {
                Course::Linear
            },
            pixels: (start, end),
        }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.course {
            Course::Linear => (value - self.from) / (self.to - self.from),
            Course::Logarithmic => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        let (start, end) = self.pixels;
        start + share.clamp(0.0, 1.0) * (end - start)
    }

    /// Round values for the lines of the grid.
    pub(super) fn ticks(&self, metric: Metric) -> Vec<f64> {
        match self.course {
            Course::Linear => self.equal_steps(metric),
            Course::Logarithmic => self.round_values(metric),
        }
    }

    fn equal_steps(&self, metric: Metric) -> Vec<f64> {
        let (unit, _) = units::unit_for(self.to, metric.units());
        let rough = self.to / unit / 4.0;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
        let step = steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        (0..=8)
            .map(|n| f64::from(n) * step * unit)
            .filter(|tick| *tick <= self.to)
            .collect()
    }

    fn round_values(&self, metric: Metric) -> Vec<f64> {
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

/// A place on the axis, of which no float rounds one that anybody measures.
pub(super) fn as_f64(place: usize) -> f64 {
    u32::try_from(place).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::super::chart::groups;
    use super::*;

    #[test]
    fn values_far_apart_get_a_logarithmic_axis_with_round_ticks() {
        let comparison = example::comparison();
        let charts = &groups(&comparison)[0].charts;
        let memory = charts
            .iter()
            .find(|chart| chart.metric == Metric::Memory)
            .unwrap();
        let scale = Scale::new(memory, 100.0, 0.0);
        assert!(scale.course == Course::Logarithmic);
        let ticks = scale.ticks(Metric::Memory);
        assert!((3..10).contains(&ticks.len()), "{ticks:?}");
    }

    #[test]
    fn other_values_are_drawn_from_zero_with_equal_steps() {
        let comparison = example::comparison();
        let scale = Scale::new(&groups(&comparison)[0].charts[0], 100.0, 0.0);
        assert!(scale.course == Course::Linear);
        assert!((scale.at(0.0) - 100.0).abs() < 1e-9, "zero is at the start");
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
