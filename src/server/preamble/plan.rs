//! The configuration of the preamble.

use super::banner::Banner;
use std::time::Duration;

/// What comes before the echo.
#[derive(Debug, Clone, Default)]
pub struct Preamble {
    /// Each connection has to begin with a header of the PROXY protocol, version 1 or 2, which is complete within this
    /// time; `None` means that no connection has one.
    pub proxy_header_within: Option<Duration>,
    /// What each peer is sent first, behind its header.
    pub banner: Option<Banner>,
}
