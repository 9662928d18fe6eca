//! The two I/O models.

use std::fmt;

/// The I/O model: how connections share threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Mode {
    /// One thread for all connections: readiness instead of blocking.
    #[default]
    EventLoop,
    /// A thread for each connection, blocked while its peer is silent.
    Threads,
}

/// As written on the command line.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventLoop => "event-loop",
            Self::Threads => "threads",
        })
    }
}
