//! The first line of a trace: what it is, and where it comes from.

use crate::server::Mode;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;

/// What a trace calls itself.
pub(super) const FORMAT: &str = "mio-echo trace";

/// The version of the records that this program writes and reads. A new field does not change it, a new
/// event or a new meaning does.
pub(super) const VERSION: u32 = 1;

/// Tells a trace from other files, and how to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `mio-echo trace`.
    pub format: String,
    /// The version of the records.
    pub version: u32,
    /// The program that wrote it, with its own version.
    pub program: String,
    /// How connections shared the machine.
    pub model: Model,
    /// When the trace began, by the wall clock (RFC 3339, UTC).
    pub started: String,
}

/// How connections shared the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// One thread for all.
    EventLoop,
    /// A thread for each.
    Threads,
}

impl Header {
    /// The header of a trace that begins now.
    pub fn new(model: Model) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: concat!("mio-echo ", env!("CARGO_PKG_VERSION")).to_owned(),
            model,
            started: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        }
    }
}

impl From<Mode> for Model {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::EventLoop => Self::EventLoop,
            Mode::Threads => Self::Threads,
        }
    }
}

/// As on the command line.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventLoop => "event-loop",
            Self::Threads => "threads",
        })
    }
}
