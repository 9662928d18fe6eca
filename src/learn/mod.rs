//! Learning from it: the course, and the lab of servers that are wrong on purpose.

pub mod guide;
pub mod lab;
