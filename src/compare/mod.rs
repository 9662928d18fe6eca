//! Servers against each other, in a way that can be believed.
pub mod peers;
pub mod random;
pub mod statistics;
