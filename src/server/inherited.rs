//! Listening sockets that another process has opened and passed to this one.
//!
//! Such a socket is shared: it outlives this process, and connections that have not been accepted wait in its backlog for
//! the next one. So at a stop it is only closed, not drained ([`super::listener`]).

use super::bind::{StartError, set_options};
use super::config::Config;
use mio::net::TcpListener;
use socket2::SockRef;
use std::io;

/// Makes `sockets` what the server would have bound itself, except for the address and the backlog, which are up to the
/// process that opened them.
///
/// The options are for connections to come. One that waits in the backlog already has those that the socket had when it
/// was established; after a restart they are the same.
pub(super) fn adopt(
    sockets: Vec<std::net::TcpListener>,
    config: &Config,
) -> Result<Vec<TcpListener>, StartError> {
    let adopted = sockets.into_iter().map(|socket| {
        prepare(&socket, config)
            .map_err(|error| StartError::new("use the socket that was passed", error))?;
        Ok(TcpListener::from_std(socket))
    });
    adopted.collect()
}

fn prepare(socket: &std::net::TcpListener, config: &Config) -> io::Result<()> {
    let socket = SockRef::from(socket);
    // Elsewhere this cannot be asked, and the first accept fails instead.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    if !socket.is_listener()? {
        let reason = "it does not listen";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    socket.set_nonblocking(true)?;
    set_options(&socket, config)
}
