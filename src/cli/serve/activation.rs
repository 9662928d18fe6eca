//! Socket activation: listening sockets that a service manager has opened (`sd_listen_fds(3)`, systemd.socket(5)).

use listenfd::ListenFd;
use mio_echo::server::InheritedSocket;
use mio_echo::text::os_error;
use std::io;

/// The sockets that were passed to this process (`LISTEN_FDS`, `LISTEN_PID`), in their order; their names
/// (`LISTEN_FDNAMES`) have no meaning here. They are closed on exec(2) from now on.
///
/// # Errors
///
/// One of the descriptors is neither a TCP socket nor a Unix stream socket. The error is one line.
pub(super) fn passed_sockets() -> Result<Vec<InheritedSocket>, String> {
    let mut passed = ListenFd::from_env();
    let sockets = (0..passed.len()).filter_map(|index| take(&mut passed, index).transpose());
    sockets.collect::<Result<_, _>>().map_err(|error| {
        let error = os_error::describe(&error);
        format!("cannot use the sockets that were passed (LISTEN_FDS): {error}")
    })
}

/// A descriptor that is not of the kind asked for stays where it is. What it is not is best told of TCP.
fn take(passed: &mut ListenFd, index: usize) -> io::Result<Option<InheritedSocket>> {
    if let Ok(Some(socket)) = passed.take_unix_listener(index) {
        return Ok(Some(InheritedSocket::Unix(socket)));
    }
    let socket = passed.take_tcp_listener(index)?;
    Ok(socket.map(InheritedSocket::Tcp))
}
