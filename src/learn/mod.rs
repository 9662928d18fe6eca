//! Learning from it: the course, and the laboratory of wrong servers.

pub mod guide;
pub mod lab;
