//! The server: many connections, on an event loop or on a thread each.
//!
//! Both modes share the bound listeners, the limits, the stages of a stop and the observer. Read in this order:
//!
//! 1. `event_loop`, the loop that the rest of the program exists for;
//! 2. what it uses: `kernel`, `listener`, `reserve`, `receive_buffer`, `slot`, `idle`, `shutdown`, `walk`,
//!    and [`readiness`](crate::readiness);
//! 3. `threads`, the same server with a thread per connection;
//! 4. `datagrams`, for the peers that have no connection;
//! 5. `layers`, and the optional layers between a connection and its socket: `preamble` (PROXY header, banner) and
//!    `misbehaviour` (fault injection).
//!
//! ```no_run
//! use mio_echo::server::{Config, Server, Stats};
//!
//! let server = Server::bind(Config::default())?;
//! for address in server.local_addrs() {
//!     println!("listening on {address}");
//! }
//! let stats = server.run(Stats::default())?;
//! println!("{stats}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bind;
mod capacity;
mod clock;
mod config;
mod datagrams;
mod delivery;
mod event_loop;
mod heartbeat;
mod idle;
mod inherited;
mod kernel;
mod layers;
pub mod limits;
mod listener;
mod memory;
mod misbehaviour;
mod mode;
mod observer;
#[cfg(feature = "preamble")]
mod preamble;
mod proxy_header;
mod receive_buffer;
mod reserve;
mod send_queue;
mod shutdown;
mod slot;
mod sources;
mod stats;
mod stream_listener;
mod threads;
mod unix_socket;
mod unread;
mod walk;

pub use bind::StartError;
pub use capacity::{connections_that_fit, raise_descriptor_limit};
pub use config::{Config, DEFAULT_ENDPOINT};
pub use datagrams::event::{DatagramEvent, Refusal};
pub use datagrams::policy::DatagramPolicy;
pub use inherited::InheritedSocket;
pub use misbehaviour::{Delay, Fault, Misbehaviour, MisbehaviourCounts, WithProbability};
pub use mode::Mode;
pub use observer::{
    AcceptPause, BlockingCall, ConnectionId, ConnectionSummary, LoopPhase, Observer, WakeSource,
};
#[cfg(feature = "preamble")]
pub use preamble::{Banner, Preamble};
pub use proxy_header::{HeaderError, ProxyHeader};
#[cfg(feature = "trace")]
pub(crate) use send_queue::SendQueues;
pub use shutdown::{HangupAction, SnapshotRequester, Stopper, is_hangup_ignored};
pub use stats::{DatagramStats, Stats};
pub use unix_socket::{SocketFile, listen_on_unix_socket};
#[cfg(feature = "trace")]
pub(crate) use unread::unread_bytes;

use crate::text::address::Address;
use datagrams::Datagrams;
use datagrams::socket::DatagramSocket;
use kernel::MioPoll;
use layers::LoopParts;
use listener::Listeners;
use memory::MemoryRoom;
use mio::Poll;
use shutdown::Shutdown;
use std::io;
use std::net::SocketAddr;
use stream_listener::StreamListener;
use threads::Threads;

/// A server that listens, and serves when it is [`run`](Self::run).
#[derive(Debug)]
pub struct Server {
    config: Config,
    addresses: Vec<Address>,
    datagram_addresses: Vec<SocketAddr>,
    poll: Poll,
    listeners: Listeners,
    datagrams: Datagrams,
    shutdown: Shutdown,
    max_connections: usize,
}

impl Server {
    /// Binds and listens on every address, or on none.
    ///
    /// # Errors
    ///
    /// A name is unknown, an address is in use or not permitted, descriptors have run out, a limit is zero, or, in threads
    /// mode, the limits on memory leave no room for a thread.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        Self::bind_beside(config, Vec::new())
    }

    /// As [`bind`](Self::bind), and also serves `inherited`: sockets that are already listening, and that another process
    /// keeps open, as a service manager does (`sd_listen_fds(3)`). At a stop they are closed at once; connections that wait
    /// in their backlog are left to the next server.
    ///
    /// # Errors
    ///
    /// As `bind`, or one of the sockets does not listen.
    pub fn bind_beside(
        config: Config,
        inherited: Vec<InheritedSocket>,
    ) -> Result<Self, StartError> {
        if config.read_buffer == 0 || config.max_connections == Some(0) {
            let zero = io::Error::new(io::ErrorKind::InvalidInput, "a limit is zero");
            return Err(StartError::new("serve", zero));
        }
        if config.mode == Mode::Threads {
            MemoryRoom::check().map_err(|error| {
                StartError::new("start a thread within the limits on memory", error)
            })?;
        }
        let inherited = inherited::adopt(inherited, &config)?;
        let (bound, datagrams) = datagrams::bind::bind_everywhere(&config)?;
        let max_connections = max_connections(&config);
        Self::assemble(config, inherited, bound, datagrams, max_connections)
            .map_err(|error| StartError::new("start the poll", error))
    }

    fn assemble(
        config: Config,
        inherited: Vec<StreamListener>,
        bound: Vec<StreamListener>,
        datagrams: Vec<DatagramSocket>,
        max_connections: usize,
    ) -> io::Result<Self> {
        let sockets = inherited.iter().chain(&bound);
        let addresses = sockets.map(StreamListener::local_addr);
        let addresses = addresses.collect::<io::Result<_>>()?;
        let poll = Poll::new()?;
        let datagram_addresses = datagrams::bind::addresses(&datagrams)?;
        let mut datagrams = Datagrams::new(datagrams, config.datagrams)?;
        if config.mode == Mode::EventLoop {
            datagrams.register(poll.registry())?;
        }
        Ok(Self {
            addresses,
            datagram_addresses,
            datagrams,
            listeners: Listeners::new(inherited, bound, config.backlog, poll.registry())?,
            shutdown: Shutdown::new(poll.registry(), config.drain_timeout)?,
            poll,
            max_connections,
            config,
        })
    }

    /// The addresses of the listeners, with the ports that the system chose.
    pub fn local_addrs(&self) -> &[Address] {
        &self.addresses
    }

    /// The addresses of the UDP sockets, if datagrams are answered.
    pub fn datagram_addrs(&self) -> &[SocketAddr] {
        &self.datagram_addresses
    }

    /// How many connections may be open at once.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// From now on SIGINT and SIGTERM stop the server, SIGUSR1 requests a report from the observer, and SIGHUP does what
    /// [`Config::on_hangup`] says.
    ///
    /// A signal that requests a stop a second or more after the first one ends the process at once, with exit code 130,
    /// 143 or 129. The signal handler does this itself, but only after the server has noticed the first signal, so nothing
    /// that may block should come between this call and [`run`](Self::run). After the end of `run`, a signal ends the
    /// process at once, unless it comes within that second; so a process can have one such server.
    ///
    /// # Errors
    ///
    /// The handlers could not be installed.
    pub fn handle_signals(&mut self) -> Result<(), StartError> {
        self.shutdown
            .handle_signals(self.poll.registry(), self.config.on_hangup)
            .map_err(|error| StartError::new("handle signals", error))
    }

    /// A handle that stops the server from another thread.
    pub fn stopper(&self) -> Stopper {
        self.shutdown.stopper()
    }

    /// A handle that requests the statistics from another thread.
    pub fn snapshot_requester(&self) -> SnapshotRequester {
        self.shutdown.snapshot_requester()
    }

    /// Serves until it is stopped, and returns the observer.
    ///
    /// # Errors
    ///
    /// The poll or a listener is broken; in threads mode, there is no descriptor left for the shutdown pipe. An error
    /// of one peer is never among them.
    pub fn run<O: Observer>(self, observer: O) -> io::Result<O> {
        let Self {
            poll,
            listeners,
            datagrams,
            shutdown,
            max_connections,
            config,
            ..
        } = self;
        match config.mode {
            Mode::EventLoop => {
                let parts = LoopParts {
                    datagrams,
                    shutdown,
                    config,
                    max_connections,
                };
                layers::run(MioPoll::new(poll), listeners, parts, observer)
            }
            Mode::Threads => {
                let threads =
                    Threads::new(poll, listeners, shutdown, config, max_connections, observer)?;
                threads.run(datagrams)
            }
        }
    }
}

/// The limit that is configured, or what the system allows if that is less.
fn max_connections(config: &Config) -> usize {
    let fit = connections_that_fit(config.mode);
    match config.max_connections {
        Some(configured) if configured > fit => {
            log::warn!(target: "mio_echo", "--max-connections {configured} is reduced to {fit}, which is what the system allows");
            fit
        }
        configured => configured.unwrap_or(fit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_starts_with_a_limit_of_zero() {
        let no_buffer = Config {
            read_buffer: 0,
            ..Config::default()
        };
        let no_connections = Config {
            max_connections: Some(0),
            ..Config::default()
        };
        for config in [no_buffer, no_connections] {
            let error = Server::bind(config).unwrap_err();
            assert!(error.to_string().ends_with("a limit is zero"), "{error}");
        }
    }

    #[test]
    fn the_limit_on_connections_is_the_configured_one_or_what_the_system_allows_if_that_is_less() {
        let fit = connections_that_fit(Mode::EventLoop);
        for (configured, limit) in [
            (None, fit),
            (Some(3), 3),
            (Some(fit), fit),
            (Some(fit + 1), fit),
        ] {
            let config = Config {
                listen: vec!["127.0.0.1:0".parse().unwrap()],
                max_connections: configured,
                ..Config::default()
            };
            assert_eq!(Server::bind(config).unwrap().max_connections(), limit);
        }
    }
}
