//! A listening socket of either family: TCP or Unix.

use super::unix_socket::SocketFile;
use crate::text::address::Address;
use mio::net::{TcpListener, TcpStream, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// A listening socket, non-blocking.
#[derive(Debug)]
pub(super) enum StreamListener {
    Tcp(TcpListener),
    Unix {
        /// The file, if it is this server's to remove. Before the socket, so that it is dropped first.
        #[expect(dead_code, reason = "it exists to be dropped")]
        file: Option<SocketFile>,
        listener: UnixListener,
    },
}

impl StreamListener {
    /// The address that it is bound to, with the port that the system chose.
    pub(super) fn local_addr(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Inet),
            Self::Unix { listener, .. } => listener.local_addr().map(Address::from),
        }
    }

    /// Makes the poll report connections that wait.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Self::Unix { listener, .. } => registry.register(listener, token, Interest::READABLE),
        }
    }

    /// One accept(2): the connection's socket, non-blocking, and the address of its peer.
    ///
    /// From here on a `TcpStream` is a connected stream socket of either family: all that the server asks of it, recv(2),
    /// send(2), shutdown(2) and FIONREAD, is the same system call for both.
    ///
    /// # Errors
    ///
    /// As accept(2).
    pub(super) fn accept(&self) -> io::Result<(TcpStream, Address)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((stream, Address::Inet(to_canonical(peer))))
            }
            Self::Unix { listener, .. } => {
                let (stream, peer) = listener.accept()?;
                // An accepted Unix socket inherits no options. Urgent data is to stay in the stream, as with TCP; a
                // kernel without urgent data on Unix sockets ignores the option.
                let _ignored = SockRef::from(&stream).set_out_of_band_inline(true);
                Ok((OwnedFd::from(stream).into(), peer.into()))
            }
        }
    }
}

/// The peer of a dual-stack listener by its own IPv4 address, instead of the IPv4-mapped IPv6 address that the kernel
/// reports (RFC 4291, section 2.5.5.2).
fn to_canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_peer_of_a_dual_stack_listener_has_its_own_address() {
        let mapped = "[::ffff:192.0.2.1]:7".parse().unwrap();
        assert_eq!(to_canonical(mapped), "192.0.2.1:7".parse().unwrap());
        let v6 = "[2001:db8::1]:7".parse().unwrap();
        assert_eq!(to_canonical(v6), v6);
    }
}
