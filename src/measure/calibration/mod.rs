//! Calibration: measures servers that are wrong in a known way, and reports what was injected beside what was measured.
//!
//! The figures of an unchecked instrument could mean anything. So the load generator and the sampling of costs are pointed
//! at servers that deviate from a plain echo server in one known way each. The servers are separate processes, as in every
//! other measurement.
//!
//! 1. [`CalibrationServer`]: the servers;
//! 2. [`Injection`]: what is injected, under which load;
//! 3. [`CalibrationRow`]: injected, measured, and the tolerance.

mod injection;
mod row;
mod run;
mod servers;
mod target;

pub use injection::Injection;
pub use row::{Calibration, CalibrationRow, FigureUnit};
pub use run::measure;
pub use servers::{CalibrationServer, Falsification, SUBCOMMAND};
