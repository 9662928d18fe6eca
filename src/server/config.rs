//! The configuration of a server.

use super::datagrams::policy::DatagramPolicy;
use super::limits;
use super::misbehaviour::Misbehaviour;
use super::mode::Mode;
#[cfg(feature = "preamble")]
use super::preamble::Preamble;
use super::shutdown::HangupAction;
use crate::text::endpoint::Endpoint;
use std::time::Duration;

/// Everything that can be configured. [`Config::default`] is what `mio-echo serve` uses without options.
#[derive(Debug, Clone)]
pub struct Config {
    /// The I/O model.
    pub mode: Mode,
    /// Where to listen; every address that a name resolves to is bound.
    pub listen: Vec<Endpoint>,
    /// Which datagrams are answered, if any. The UDP sockets have the addresses and ports of the listeners.
    pub datagrams: DatagramPolicy,
    /// Whether an IPv6 listener refuses IPv4 peers (`IPV6_V6ONLY`).
    pub v6_only: bool,
    /// Connections that may wait to be accepted, per listener.
    pub backlog: u16,
    /// The permissions of the file of a Unix socket, as chmod(2) takes them; `None` leaves them to the umask. A peer needs
    /// write permission to connect (unix(7)).
    pub socket_mode: Option<u32>,
    /// Whether other processes may listen on the same port (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Bytes of the read buffer, at least 1. It bounds the bytes that can be pending for one peer.
    pub read_buffer: usize,
    /// Connections that may be open at once, at least 1; `None` means as many as the system allows. More than that is
    /// reduced to it, with a warning.
    pub max_connections: Option<usize>,
    /// Close a connection on which no byte has moved for this long; `None` means never. On Linux, what the kernel still
    /// delivers to a peer that reads slowly counts as moving.
    pub idle_timeout: Option<Duration>,
    /// Probe a peer after this long without traffic (`SO_KEEPALIVE`); `None` means never.
    pub keepalive: Option<Duration>,
    /// Whether small writes are sent at once (`TCP_NODELAY`).
    pub nodelay: bool,
    /// How long a stop waits for the peers to finish.
    pub drain_timeout: Duration,
    /// What comes before the echo: a PROXY header, a banner; `None` means nothing.
    #[cfg(feature = "preamble")]
    pub preamble: Option<Preamble>,
    /// The faults to inject, for tests of clients; `None` means none.
    pub misbehaviour: Option<Misbehaviour>,
    /// The interval at which the loop reports that it still iterates ([`Observer::heartbeat`](super::Observer::heartbeat));
    /// `None` means never.
    pub heartbeat: Option<Duration>,
    /// What SIGHUP does, if signals are handled ([`Server::handle_signals`](super::Server::handle_signals)).
    pub on_hangup: HangupAction,
}

/// The default endpoint: localhost, at [`DEFAULT_PORT`](crate::text::endpoint::DEFAULT_PORT).
pub const DEFAULT_ENDPOINT: &str = "localhost:50007";

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            listen: DEFAULT_ENDPOINT.parse().into_iter().collect(),
            datagrams: DatagramPolicy::Off,
            v6_only: false,
            backlog: limits::BACKLOG,
            socket_mode: None,
            reuse_port: false,
            read_buffer: limits::READ_BUFFER,
            max_connections: None,
            idle_timeout: None,
            keepalive: None,
            nodelay: true,
            drain_timeout: limits::DRAIN_TIMEOUT,
            #[cfg(feature = "preamble")]
            preamble: None,
            misbehaviour: None,
            heartbeat: None,
            on_hangup: HangupAction::default(),
        }
    }
}
