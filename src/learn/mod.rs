//! For learners and teachers: the course, its slides, and the lab, whose servers have deliberate mistakes.

pub mod guide;
pub mod lab;
pub mod slides;
