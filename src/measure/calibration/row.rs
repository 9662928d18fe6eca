//! The results of a calibration.

use crate::text::units;
use crate::text::version::PROGRAM;
use serde::Serialize;
use std::fmt;

/// Widths of the columns of the table.
const WHAT: usize = 52;
const FIGURE: usize = 10;

/// All rows that were measured.
#[derive(Debug, Clone, Serialize)]
pub struct Calibration {
    /// Name, version and commit of this program.
    pub program: &'static str,
    /// The rows, in the order of measuring.
    pub rows: Vec<CalibrationRow>,
}

/// One figure of one server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationRow {
    /// What the server does, and which figure has to show it.
    pub what: &'static str,
    /// The unit of both figures.
    pub unit: FigureUnit,
    /// The truth.
    pub injected: f64,
    /// What was measured; `None` if the measurement has no such figure.
    pub measured: Option<f64>,
    /// The largest deviation that is accepted, as a fraction of the truth; 0 for figures that have to be exact.
    pub tolerance: f64,
    /// Whether the deviation is not larger.
    pub within_tolerance: bool,
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureUnit {
    /// Times.
    Seconds,
    /// Memory.
    Bytes,
    /// Messages per second.
    PerSecond,
    /// A fraction of all messages.
    Fraction,
    /// A whole number: a count, or an offset.
    Number,
}

impl Calibration {
    /// No rows yet.
    pub fn new() -> Self {
        Self {
            program: PROGRAM,
            rows: Vec::new(),
        }
    }

    /// Whether every row is within its tolerance.
    pub fn is_within_tolerance(&self) -> bool {
        self.rows.iter().all(|row| row.within_tolerance)
    }

    /// The line above the rows of the table.
    pub fn header() -> String {
        let [injected, measured, error, tolerance] =
            ["injected", "measured", "error", "tolerance"].map(|it| format!("{it:>FIGURE$}"));
        format!("{:WHAT$}{injected}{measured}{error}{tolerance}", "")
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self::new()
    }
}

impl CalibrationRow {
    pub(super) fn new(
        what: &'static str,
        unit: FigureUnit,
        injected: f64,
        measured: Option<f64>,
        tolerance: f64,
    ) -> Self {
        let deviation = measured.map(|measured| (measured / injected - 1.0).abs());
        Self {
            what,
            unit,
            injected,
            measured,
            tolerance,
            within_tolerance: deviation.is_some_and(|it| it <= tolerance),
        }
    }

    /// The deviation from the truth, as a fraction of it.
    pub fn error(&self) -> Option<f64> {
        Some(self.measured? / self.injected - 1.0)
    }
}

/// A line of the table.
impl fmt::Display for CalibrationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dash = || "-".to_owned();
        let injected = self.unit.format(self.injected);
        let measured = self.measured.map_or_else(dash, |it| self.unit.format(it));
        let error = self.error().map_or_else(dash, |error| {
            // Adding zero turns -0 into 0.
            format!("{:.1} %", (error * 1000.0).round() / 10.0 + 0.0)
        });
        let tolerance = match self.tolerance {
            0.0 => "exact".to_owned(),
            tolerance => format!("{:.0} %", tolerance * 100.0),
        };
        let figures = [injected, measured, error, tolerance].map(|it| format!("{it:>FIGURE$}"));
        write!(f, "{:WHAT$}{}", self.what, figures.concat())?;
        if self.within_tolerance {
            Ok(())
        } else {
            f.write_str("  OUTSIDE")
        }
    }
}

impl FigureUnit {
    fn format(self, value: f64) -> String {
        match self {
            Self::Seconds => units::value(value, units::TIME),
            Self::Bytes => units::value(value, units::BYTES),
            Self::PerSecond => format!("{}/s", units::value(value, units::RATE)),
            Self::Fraction => format!("{:.2} %", value * 100.0),
            Self::Number => format!("{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: Option<f64>, tolerance: f64) -> CalibrationRow {
        CalibrationRow::new("a delay", FigureUnit::Seconds, 0.05, measured, tolerance)
    }

    #[test]
    fn a_row_is_within_its_tolerance_or_says_that_it_is_not() {
        for (measured, tolerance, within) in [
            (Some(0.052), 0.05, true),
            (Some(0.048), 0.05, true),
            (Some(0.053), 0.05, false),
            (Some(0.05), 0.0, true),
            (Some(0.051), 0.0, false),
            (None, 0.05, false),
        ] {
            let row = row(measured, tolerance);
            assert_eq!(row.within_tolerance, within, "{row}");
            assert_eq!(row.to_string().ends_with("OUTSIDE"), !within);
        }
    }

    #[test]
    fn a_row_shows_both_figures_the_error_and_the_tolerance() {
        let text = row(Some(0.0515), 0.05).to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        let expected = "a delay 50.0 ms 51.5 ms 3.0 % 5 %";
        assert_eq!(words.join(" "), expected);
        let mut all = Calibration::new();
        assert!(all.is_within_tolerance());
        all.rows.push(row(None, 0.05));
        assert!(!all.is_within_tolerance());
    }
}
