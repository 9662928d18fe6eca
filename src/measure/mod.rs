//! Measuring servers: the load generator, the processes under test, single measurements and comparisons.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`process`] | processes under test: started, pinned, measured from outside, terminated |
//! | [`load`] | the load generator |
//! | [`mod@bench`] | a measurement of one server: the load, its cost, and the thresholds it has to meet |
//! | [`calibration`] | servers that are wrong in a known way: what was injected beside what is measured |
//! | [`compare`] | servers against each other: rounds, ratios with their intervals, reports |
//!
//! The generator in [`load`] uses [`readiness`](crate::readiness) and nothing of the server.

pub mod bench;
pub mod calibration;
pub mod compare;
pub mod load;
pub mod process;
