//! The first line of a trace: its format, and the program that wrote it.

use crate::server::Mode;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// The value of `format` that identifies a trace.
pub(super) const FORMAT: &str = "mio-echo trace";

/// The version of the records that this program writes and reads. A new field does not change it; a new
/// event or a new meaning does.
pub(super) const VERSION: u32 = 4;

/// The oldest version that this program reads: later ones only added events.
pub(super) const OLDEST_VERSION: u32 = 2;

/// Identifies a file as a trace, and says how to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `mio-echo trace`.
    pub format: String,
    /// The version of the records.
    pub version: u32,
    /// The program that wrote the trace, with its own version.
    pub program: String,
    /// How the server handled its connections.
    pub mode: Mode,
    /// The wall-clock time at which the trace began (RFC 3339, UTC).
    pub started: String,
    /// Whether the kernel's buffers were looked at ([`Event::Unread`](super::Event::Unread),
    /// [`Event::Unacknowledged`](super::Event::Unacknowledged)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_buffers: bool,
    /// Whether the server was one of the lab's experiments, and not the server of this program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_the_lab: bool,
}

impl Header {
    /// The header of a trace that begins now.
    pub fn new(mode: Mode) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: concat!("mio-echo ", env!("CARGO_PKG_VERSION")).to_owned(),
            mode,
            started: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            has_buffers: false,
            is_of_the_lab: false,
        }
    }

    /// The header of a trace of a server of the lab that begins now.
    pub fn of_the_lab() -> Self {
        Self {
            is_of_the_lab: true,
            has_buffers: true,
            ..Self::new(Mode::EventLoop)
        }
    }
}
