//! Measuring servers: the load generator, the processes under test, single measurements and comparisons.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`process`] | processes under test: started, pinned, measured from outside, terminated |
//! | [`load`] | the load generator |
//! | [`mod@bench`] | a measurement of one server: the load, its cost, and the thresholds it has to meet |
//! | [`calibration`] | servers of known truth: what was injected beside what is measured |
//! | [`compare`] | servers against each other: rounds, ratios with their intervals, reports |
//!
//! The generator in [`load`] stands on [`readiness`](crate::readiness) and on nothing of the server: an event
//! loop looks the same from either end of a connection.

pub mod bench;
pub mod calibration;
pub mod compare;
pub mod load;
pub mod process;
