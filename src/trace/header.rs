//! The first line of a trace: what it is, and where it comes from.

use crate::server::Mode;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// What a trace calls itself.
pub(super) const FORMAT: &str = "mio-echo trace";

/// The version of the records that this program writes and reads. A new field does not change it, a new
/// event or a new meaning does.
pub(super) const VERSION: u32 = 2;

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
    pub mode: Mode,
    /// When the trace began, by the wall clock (RFC 3339, UTC).
    pub started: String,
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
        }
    }
}
