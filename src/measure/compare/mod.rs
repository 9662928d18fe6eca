//! Servers against each other, in a way that can be believed.
//!
//! Every contender is a process of its own, started afresh for each measurement, on another core than the
//! generator; so its processor time and memory are its own. The measurements come in rounds: everybody once in
//! each, in an order that is drawn, and the first contender twice. A ratio compares two measurements of the
//! same round, so that a machine which is slow for a while is slow for both, and the first contender against
//! itself shows how much of a difference is noise.
//!
//! Read it in this order:
//!
//! 1. [`Plan`], [`Entry`], [`Scenario`]: what can be asked for;
//! 2. `rounds`, the course of it: whose turn it is;
//! 3. `measure`, one turn: `server`, the load, the process; `fairness`, where three loads meet; `calls`, for system calls;
//! 4. [`model`]: every raw value, kept. All that follows is a pure function of it;
//! 5. [`statistics`]: medians, intervals, verdicts; [`Metric`] and [`summary`] apply them;
//! 6. [`warning`]: what whoever reads the numbers must know;
//! 7. [`report`]: table, page, picture, Markdown, CSV, JSON.
//!
//! [`peers`] are servers to be compared with, built from a manifest.
//!
//! ```
//! use mio_echo::measure::compare::statistics::{Ratio, Verdict};
//!
//! // Processor time per message of two servers in nine rounds, on a machine that drifts.
//! let rounds = [
//!     (6.1, 6.0), (6.6, 6.7), (7.1, 7.0), (9.0, 9.2), (8.1, 8.0), (7.0, 7.0), (6.5, 6.4), (6.2, 6.3),
//!     (6.1, 6.1),
//! ];
//! let ratio = Ratio::of(&rounds).unwrap();
//! assert_eq!(ratio.verdict(), Verdict::NoDifference);
//! ```

mod calls;
mod entry;
#[cfg(test)]
mod example;
mod fairness;
pub mod machine;
mod measure;
mod metric;
pub mod model;
pub mod peers;
pub mod report;
mod rounds;
mod scenario;
mod server;
pub mod statistics;
pub mod summary;
pub mod warning;

pub use entry::{Entry, MODES, Origin};
pub use metric::{Direction, Metric};
pub use rounds::{Calls, Placement, Plan, Spectator, Step, run};
pub use scenario::{Axis, Pattern, Scenario};
