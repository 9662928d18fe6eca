//! UDP sockets on the addresses of the listeners.

use super::policy::DatagramPolicy;
use super::socket::DatagramSocket;
use crate::server::bind::{PORT_ATTEMPTS, StartError, listen_everywhere};
use crate::server::config::Config;
use crate::server::stream_listener::StreamListener;
use mio::net::TcpListener;
use std::io;

/// Listens on every address of every endpoint and, if datagrams are to be answered, binds a UDP socket beside each
/// TCP listener, on the same port.
///
/// If a port that the system has chosen for TCP is in use for UDP, it chooses again.
pub(crate) fn bind_everywhere(
    config: &Config,
) -> Result<(Vec<StreamListener>, Vec<DatagramSocket>), StartError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let listeners = listen_everywhere(config)?;
        if config.datagrams == DatagramPolicy::Off {
            return Ok((listeners, Vec::new()));
        }
        match bind_beside(&listeners, config) {
            Err(error) if error.is_address_in_use() && attempts < PORT_ATTEMPTS => {}
            sockets => return Ok((listeners, sockets?)),
        }
    }
}

fn bind_beside(
    listeners: &[StreamListener],
    config: &Config,
) -> Result<Vec<DatagramSocket>, StartError> {
    let bind = |listener: &TcpListener| {
        let address = listener
            .local_addr()
            .map_err(|error| StartError::new("bind a UDP socket", error))?;
        DatagramSocket::bind_beside(listener, address, config)
            .map_err(|error| StartError::new(format_args!("bind {address} for UDP"), error))
    };
    let listeners_of_tcp = listeners.iter().filter_map(|listener| match listener {
        StreamListener::Tcp(listener) => Some(listener),
        StreamListener::Unix { .. } => None,
    });
    let sockets: Vec<_> = listeners_of_tcp.map(bind).collect::<Result<_, _>>()?;
    if sockets.is_empty() && !listeners.is_empty() {
        let error = io::Error::other("a Unix socket has no port for UDP");
        return Err(StartError::new("answer datagrams", error));
    }
    Ok(sockets)
}

/// The addresses of the sockets.
///
/// # Errors
///
/// A socket is not bound.
pub(crate) fn addresses(sockets: &[DatagramSocket]) -> io::Result<Vec<std::net::SocketAddr>> {
    sockets.iter().map(DatagramSocket::local_addr).collect()
}
