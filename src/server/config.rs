//! What a server is told before it starts.

use super::limits;
use crate::text::endpoint::Endpoint;
use std::fmt;
use std::time::Duration;

/// How connections share the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "kebab-case")
)]
pub enum Mode {
    /// One thread for all: readiness instead of blocking.
    #[default]
    EventLoop,
    /// A thread for each, blocked while its peer is silent.
    Threads,
}

/// As on the command line.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EventLoop => "event-loop",
            Self::Threads => "threads",
        })
    }
}

/// All that a server can be told. [`Config::default`] is what `mio-echo serve` does without options.
#[derive(Debug, Clone)]
pub struct Config {
    /// How connections share the machine.
    pub mode: Mode,
    /// Where to listen; every address that a name resolves to is bound.
    pub listen: Vec<Endpoint>,
    /// Whether an IPv6 listener refuses IPv4 peers (`IPV6_V6ONLY`).
    pub v6_only: bool,
    /// Connections that may wait to be accepted, per listener.
    pub backlog: u16,
    /// Whether other processes may listen on the same port (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Bytes of the read buffer, at least 1. What one peer can be pending is bounded by it.
    pub read_buffer: usize,
    /// Connections that may be open at once, at least 1.
    pub max_connections: usize,
    /// How long a connection may move no byte before it is closed; none for ever.
    pub idle_timeout: Option<Duration>,
    /// After how long a silence the kernel probes whether the peer is still there; none for never.
    pub keepalive: Option<Duration>,
    /// Whether small writes leave at once (`TCP_NODELAY`).
    pub nodelay: bool,
    /// How long a stop waits for the peers to finish.
    pub drain_timeout: Duration,
}

/// The port of the Python pair that this server answers by default.
pub const DEFAULT_ENDPOINT: &str = "localhost:50007";

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            listen: DEFAULT_ENDPOINT.parse().into_iter().collect(),
            v6_only: false,
            backlog: limits::BACKLOG,
            reuse_port: false,
            read_buffer: limits::READ_BUFFER,
            max_connections: limits::connections_that_fit(),
            idle_timeout: None,
            keepalive: None,
            nodelay: true,
            drain_timeout: limits::DRAIN_TIMEOUT,
        }
    }
}
