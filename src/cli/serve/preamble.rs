//! `mio-echo serve --banner`, `--proxy-protocol`: what comes before the echo.

use clap::Args;
use mio_echo::server::{Banner, Preamble, limits};
use std::time::Duration;

const HEADING: &str = "Before the echo";

#[derive(Debug, Args)]
pub(super) struct PreambleArguments {
    /// Send TEXT first on each connection. {pid}, {mode}, {peer} and {local} are replaced; \n, \r, \t, \\ and
    /// \{ are escapes. The statistics count only what is echoed
    #[arg(long, value_name = "TEXT", help_heading = HEADING)]
    banner: Option<Banner>,

    /// Take the address of each peer from the header of the PROXY protocol (version 1 or 2) that a proxy such
    /// as HAProxy sends first. A connection without one is reset, after 5 s at the latest. Only for
    /// addresses that nothing but the proxy can reach: a header can claim any peer
    #[arg(long, help_heading = HEADING)]
    proxy_protocol: bool,
}

impl PreambleArguments {
    /// What is asked for, if anything is.
    pub(super) fn preamble(&self, idle_timeout: Option<Duration>) -> Option<Preamble> {
        let limit = limits::PROXY_HEADER_TIMEOUT;
        let limit = idle_timeout.map_or(limit, |timeout| timeout.min(limit));
        let preamble = Preamble {
            proxy_header_within: self.proxy_protocol.then_some(limit),
            banner: self.banner.clone(),
        };
        let is_asked_for = preamble.proxy_header_within.is_some() || preamble.banner.is_some();
        is_asked_for.then_some(preamble)
    }
}
