//! Learning from it: the course, its slides, and the lab of servers that are wrong on purpose.

pub mod guide;
pub mod lab;
pub mod slides;
