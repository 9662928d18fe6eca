//! Measuring servers: the load generator, the processes under test, single measurements and comparisons.
//!
//! The generator in [`load`] stands on [`readiness`](crate::readiness) and on nothing of the server: an event
//! loop looks the same from either end of a connection.

pub mod bench;
pub mod compare;
pub mod load;
pub mod process;
pub mod rng;
