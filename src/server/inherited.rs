//! Listening sockets that another process has opened and passed to this one.
//!
//! Such a socket is shared: it outlives this process, and connections that have not been accepted wait in its backlog for
//! the next process. So at a stop it is closed but not drained ([`super::listener`]), and the file of a Unix socket stays.

use super::bind::{StartError, set_options};
use super::config::Config;
use super::stream_listener::StreamListener;
use mio::net::{TcpListener, UnixListener};
use socket2::SockRef;
use std::io;
use std::os::unix::net;

/// A listening socket of another process.
#[derive(Debug)]
pub enum InheritedSocket {
    /// Of TCP.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(net::UnixListener),
}

/// Gives `sockets` the options that the server sets on its own. The address and the backlog are up to the process that
/// opened them.
///
/// The options apply to future connections. A connection that already waits in the backlog has the options that the socket
/// had when it was established; after a restart of the server they are the same.
pub(super) fn adopt(
    sockets: Vec<InheritedSocket>,
    config: &Config,
) -> Result<Vec<StreamListener>, StartError> {
    let adopted = sockets.into_iter().map(|socket| {
        prepare(socket, config)
            .map_err(|error| StartError::new("use the socket that was passed", error))
    });
    adopted.collect()
}

fn prepare(socket: InheritedSocket, config: &Config) -> io::Result<StreamListener> {
    match socket {
        InheritedSocket::Tcp(socket) => {
            check(&SockRef::from(&socket))?;
            socket.set_nonblocking(true)?;
            set_options(&SockRef::from(&socket), config)?;
            Ok(StreamListener::Tcp(TcpListener::from_std(socket)))
        }
        InheritedSocket::Unix(socket) => {
            check(&SockRef::from(&socket))?;
            socket.set_nonblocking(true)?;
            let listener = UnixListener::from_std(socket);
            Ok(StreamListener::Unix {
                file: None,
                listener,
            })
        }
    }
}

/// # Errors
///
/// `InvalidInput`: it does not listen.
fn check(socket: &SockRef<'_>) -> io::Result<()> {
    if is_listener(socket)? {
        return Ok(());
    }
    let reason = "it does not listen";
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn is_listener(socket: &SockRef<'_>) -> io::Result<bool> {
    socket.is_listener()
}

/// Here it cannot be asked, and the first accept fails instead.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn is_listener(_socket: &SockRef<'_>) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};

    #[test]
    fn a_socket_that_was_passed_is_used_if_it_listens_and_refused_if_not() {
        let config = Config::default();
        let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(adopt(vec![InheritedSocket::Tcp(listens)], &config).is_ok());
        let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let error = adopt(vec![InheritedSocket::Tcp(silent.into())], &config).unwrap_err();
        assert!(error.to_string().ends_with("it does not listen"), "{error}");
    }
}
