//! Servers compared with each other, so that the differences can be trusted.
//!
//! Every contender is a process of its own, started afresh for each measurement, on another core than the generator;
//! so its processor time and memory are its own. The measurements come in rounds. Each round measures every contender
//! once, in shuffled order, and the first contender, the baseline, twice. A ratio compares two measurements of the
//! same round, so that a machine which is slow for a while is slow for both, and the baseline against itself shows how
//! much of a difference is noise.
//!
//! Read it in this order:
//!
//! 1. [`Plan`], [`ContenderSpec`], [`Scenario`]: what can be asked for;
//! 2. `run`: the rounds, and what one measurement is;
//! 3. [`model`]: every raw value. All that follows is a pure function of it;
//! 4. [`statistics`]: medians and intervals; [`ratio`]: conclusions; [`correction`]: what a report with many of them takes;
//!    [`Metric`] and [`summary`] apply both;
//! 5. [`warning`]: what a reader of the figures has to know; [`diagnosis`]: when; `wording`: how the reports put it;
//! 6. [`merge()`], several comparisons as one; [`before_after`] and [`RatioCondition`]: when a comparison fails in continuous integration;
//! 7. [`report`]: table, page, chart, Markdown, CSV, JSON.
//!
//! [`peers`] builds servers to compare with from a manifest.
//!
//! ```
//! use mio_echo::measure::compare::ratio::{Conclusion, Criterion, Ratio};
//!
//! // Processor time per message of two servers in nine rounds, on a machine that drifts.
//! let rounds = [
//!     (6.1, 6.0), (6.6, 6.7), (7.1, 7.0), (9.0, 9.2), (8.1, 8.0), (7.0, 7.0), (6.5, 6.4), (6.2, 6.3),
//!     (6.1, 6.1),
//! ];
//! let ratio = Ratio::of(&rounds, Criterion::default()).unwrap();
//! assert_eq!(ratio.conclusion, Conclusion::Same, "the interval is inside 1 ± 5 %");
//! ```

pub mod before_after;
mod change;
mod contender;
mod contender_warning;
pub mod correction;
pub mod diagnosis;
#[cfg(test)]
mod example;
mod extra;
mod failure;
mod family;
pub mod headline;
mod merge;
mod metric;
mod metric_names;
pub mod model;
mod pairs;
pub mod peers;
mod plan;
pub mod ratio;
pub mod report;
mod requirement;
mod run;
mod scenario;
pub mod statistics;
pub mod summary;
pub mod warning;
mod wording;

pub use change::{Before, Change};
pub use contender::{ContenderSpec, MODES};
pub use extra::Extra;
pub use failure::ContenderFailure;
pub use merge::merge;
pub use metric::{Direction, Metric};
pub use plan::{FollowUp, MAX_EXTENSION, Plan, rounds_for};
pub use requirement::RatioCondition;
pub use run::{MeasurementStart, ProgressObserver, run};
pub use scenario::{Axis, OfferedLoad, Scenario, ScenarioPattern};
