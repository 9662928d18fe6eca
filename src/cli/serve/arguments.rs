//! `mio-echo serve`: its arguments.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use super::ServeRequest;
use crate::cli::values::{Bytes, ModeName, at_least_one, duration, size_up_to};
use clap::{ArgAction, Args};
use mio_echo::server::{self, DEFAULT_ENDPOINT, limits};
use mio_echo::text::endpoint::Endpoint;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Signals:
  SIGINT, SIGTERM  stop accepting, echo what has been received, finish with every peer, exit 0
  a second one     exit at once, with code 130 or 143
  SIGUSR1          print the statistics so far on standard error

Examples:
  mio-echo serve
  mio-echo serve --listen '[::]:7' --idle-timeout 5m -v
  mio-echo serve --mode threads --listen 127.0.0.1:0
  mio-echo serve --trace=echo.html";

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// How connections share the machine
    #[arg(short, long, value_enum, default_value_t = ModeName::EventLoop)]
    mode: ModeName,

    /// Where to listen, HOST:PORT or [IPV6]:PORT; may be given several times. Every address of a name
    /// is bound; port 0 lets the system choose
    #[arg(short, long, value_name = "ADDR", default_value = DEFAULT_ENDPOINT, help_heading = "Listening")]
    listen: Vec<Endpoint>,

    /// Refuse IPv4 peers on an IPv6 address such as [::]
    #[arg(long, help_heading = "Listening")]
    v6only: bool,

    /// Peers that may wait to be accepted; the kernel may allow fewer
    #[arg(long, value_name = "N", default_value_t = limits::BACKLOG, help_heading = "Listening")]
    backlog: u16,

    /// Let several processes listen on the same port (SO_REUSEPORT)
    #[arg(long, help_heading = "Listening")]
    reuse_port: bool,

    /// Connections that may be open at once; others wait in the backlog [default: what the limit on open
    /// files allows]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Limits")]
    max_connections: Option<usize>,

    /// Read buffer, and so the most that one slow peer can be owed: all connections together never
    /// hold more than this times their number
    #[arg(long, value_name = "SIZE", value_parser = read_buffer, default_value_t = Bytes(limits::READ_BUFFER), help_heading = "Limits")]
    read_buffer: Bytes,

    /// Close a connection that has moved no byte for so long [default: never]
    #[arg(long, value_name = "TIME", value_parser = idle_timeout, help_heading = "Limits")]
    idle_timeout: Option<Duration>,

    /// On a stop, how long the peers have to finish
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = "Limits")]
    drain_timeout: Duration,

    /// Let the kernel probe a peer that has been silent for so long (SO_KEEPALIVE) [default: never]
    #[arg(long, value_name = "TIME", value_parser = keepalive, help_heading = "Socket options")]
    keepalive: Option<Duration>,

    /// Send small writes at once (TCP_NODELAY); --nodelay=false lets the kernel collect them
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        help_heading = "Socket options"
    )]
    nodelay: bool,

    #[cfg(feature = "trace")]
    #[command(flatten)]
    trace: super::trace::TraceArguments,
}

impl From<Serve> for ServeRequest {
    fn from(serve: Serve) -> Self {
        Self {
            #[cfg(feature = "trace")]
            trace: serve.trace.clone().into(),
            config: serve.into(),
        }
    }
}

impl From<Serve> for server::Config {
    fn from(serve: Serve) -> Self {
        Self {
            mode: serve.mode.into(),
            listen: serve.listen,
            v6_only: serve.v6only,
            backlog: serve.backlog,
            reuse_port: serve.reuse_port,
            read_buffer: serve.read_buffer.0,
            max_connections: serve.max_connections,
            idle_timeout: serve.idle_timeout,
            keepalive: serve.keepalive,
            nodelay: serve.nodelay,
            drain_timeout: serve.drain_timeout,
        }
    }
}

fn idle_timeout(text: &str) -> Result<Duration, String> {
    let shortest = limits::SHORTEST_IDLE_TIMEOUT;
    let timeout = duration(text)?;
    if timeout < shortest {
        let shortest = humantime::format_duration(shortest);
        return Err(format!("must be at least {shortest}"));
    }
    Ok(timeout)
}

/// The kernel counts in seconds, up to 32,767 of them (tcp(7), `TCP_KEEPIDLE`).
fn keepalive(text: &str) -> Result<Duration, String> {
    let idle = duration(text)?;
    if !(1..=32_767).contains(&idle.as_secs()) || idle.subsec_nanos() != 0 {
        return Err("must be whole seconds, from 1s to 32767s".to_owned());
    }
    Ok(idle)
}

fn read_buffer(text: &str) -> Result<Bytes, String> {
    size_up_to(limits::LARGEST_READ_BUFFER, text)
}
