//! Servers against each other, in a way that can be believed.

#[cfg(test)]
mod example;
pub mod machine;
mod metric;
pub mod model;
mod notation;
pub mod peers;
pub mod random;
pub mod report;
mod scenario;
pub mod statistics;
pub mod summary;
pub mod warning;

pub use metric::{Direction, Metric};
pub use scenario::{Axis, Pattern, Scenario};
