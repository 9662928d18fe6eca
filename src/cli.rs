//! The command line: what can be asked for, and the plain values behind it.
//!
//! The only file that names clap.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help text, where a backtick would be printed"
)]

use bytesize::ByteSize;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use log::LevelFilter;
use mio_echo::client;
use mio_echo::endpoint::Endpoint;
use mio_echo::server::{self, DEFAULT_ENDPOINT, Mode, limits};
use std::ffi::OsString;
use std::time::Duration;

/// An echo server (RFC 862) on one thread, built on readiness: to use, to measure, and to learn from.
#[derive(Debug, Parser)]
#[command(
    name = "mio-echo",
    version,
    max_term_width = 100,
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    verbosity: Verbosity,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 it ran and failed; 2 wrong usage, or it could not start.
Results go to standard output, logs to standard error.";

#[derive(Debug, Args)]
struct Verbosity {
    /// Log each connect and disconnect too; twice: what the libraries underneath say. Without it,
    /// RUST_LOG (off, error, warn, info, debug, trace) sets the level
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Logging")]
    verbose: u8,

    /// Log errors and warnings only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Logging"
    )]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Echo what peers send
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Send messages, or standard input, and check what comes back
    #[command(after_help = CLIENT_EXAMPLES)]
    Client(Client),
}

const SERVE_EXAMPLES: &str = "\
Signals:
  SIGINT, SIGTERM  stop accepting, echo what has been received, finish with every peer, exit 0
  a second one     exit at once, with code 130 or 143
  SIGUSR1          print the statistics so far on standard error

Examples:
  mio-echo serve
  mio-echo serve --listen '[::]:7' --idle-timeout 5m -v
  mio-echo serve --mode threads --listen 127.0.0.1:0";

const CLIENT_EXAMPLES: &str = "\
Exit codes:
  0 every byte came back; 1 the echo differed, ended early or took too long;
  2 wrong usage, or no connection.

Examples:
  mio-echo client
  mio-echo client localhost:50007 'Hello, world' '汉语/漢語 Hànyǔ'
  mio-echo client '[::1]:7' < /bin/ls | cmp - /bin/ls";

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
}

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// The server, HOST:PORT or [IPV6]:PORT; each address of a name is tried
    #[arg(default_value = DEFAULT_ENDPOINT)]
    addr: Endpoint,

    /// What to send, one after the other; without any, standard input is sent
    messages: Vec<OsString>,

    /// How long one address may take to accept the connection
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "5s")]
    connect_timeout: Duration,

    /// How long the server may keep silent while it owes something
    #[arg(long, value_name = "TIME", value_parser = positive_duration, default_value = "10s")]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeName {
    /// One thread for all connections: readiness instead of blocking
    EventLoop,
    /// A thread for each connection, for contrast
    Threads,
}

/// A size, written as people write it.
#[derive(Debug, Clone, Copy)]
struct Bytes(usize);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // bytesize puts a space between number and unit; it reads both ways, people write neither.
        let size = ByteSize(self.0 as u64).to_string();
        f.write_str(&size.replace(".0 ", "").replace(' ', ""))
    }
}

impl Cli {
    /// What was asked for. Prints the usage and exits (0 for `--help`, 2 for a mistake) if there is
    /// nothing to do.
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// The level asked for by `-v` and `-q`; none if it is left to `RUST_LOG`.
    pub(crate) fn log_level(&self) -> Option<LevelFilter> {
        match self.verbosity {
            Verbosity { quiet: true, .. } => Some(LevelFilter::Warn),
            Verbosity { verbose: 0, .. } => None,
            Verbosity { verbose: 1, .. } => Some(LevelFilter::Debug),
            Verbosity { .. } => Some(LevelFilter::Trace),
        }
    }
}

impl From<Serve> for server::Config {
    fn from(serve: Serve) -> Self {
        Self {
            mode: match serve.mode {
                ModeName::EventLoop => Mode::EventLoop,
                ModeName::Threads => Mode::Threads,
            },
            listen: serve.listen,
            v6_only: serve.v6only,
            backlog: serve.backlog,
            reuse_port: serve.reuse_port,
            read_buffer: serve.read_buffer.0,
            max_connections: serve
                .max_connections
                .unwrap_or_else(limits::connections_that_fit),
            idle_timeout: serve.idle_timeout,
            keepalive: serve.keepalive,
            nodelay: serve.nodelay,
            drain_timeout: serve.drain_timeout,
        }
    }
}

impl From<Client> for client::Request {
    fn from(client: Client) -> Self {
        Self {
            endpoint: client.addr,
            messages: client.messages.into_iter().map(bytes_of).collect(),
            connect_timeout: client.connect_timeout,
            reply_timeout: client.timeout,
        }
    }
}

/// An argument is bytes, not text.
fn bytes_of(argument: OsString) -> Vec<u8> {
    std::os::unix::ffi::OsStringExt::into_vec(argument)
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error} (as in 500ms, 10s, 5m)"))
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.is_zero() {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(duration)
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
    let size: ByteSize = text
        .parse()
        .map_err(|_| "expected a size such as 4096, 64KiB or 1MiB".to_owned())?;
    let largest = limits::LARGEST_READ_BUFFER;
    match usize::try_from(size.0) {
        Ok(bytes) if (1..=largest).contains(&bytes) => Ok(Bytes(bytes)),
        _ => Err(format!("must be from 1 byte to {}", Bytes(largest))),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for text in ["1B", "4KiB", "256KiB", "1.5MiB"] {
            assert_eq!(read_buffer(text).unwrap().to_string(), text);
        }
    }
}
