//! From an address to a connected stream socket, of either family.

use super::address::{Address, UnixName};
use super::os_error;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Connects to `address` within `timeout`, which must not be zero. The socket is blocking, and a small write on it does not
/// wait for the acknowledgement of the one before it (RFC 9293, Nagle algorithm).
///
/// # Errors
///
/// As connect(2); `TimedOut`. A connection of a TCP socket to itself counts as refused.
pub fn connect(address: &Address, timeout: Duration) -> io::Result<Socket> {
    connect_from(None, address, timeout)
}

/// As [`connect`], from an address of this machine if one is given, which must be of the same family.
///
/// # Errors
///
/// As `connect`, and as bind(2).
pub fn connect_from(
    source: Option<IpAddr>,
    address: &Address,
    timeout: Duration,
) -> io::Result<Socket> {
    match address {
        Address::Inet(address) => connect_tcp(source, *address, timeout),
        Address::Unix(name) => connect_unix(name, timeout),
    }
}

/// With a full backlog, connect(2) on a Unix socket waits for the send timeout (unix(7), socket(7)).
fn connect_unix(name: &UnixName, timeout: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(timeout))?;
    match socket.connect(&name.to_sockaddr()?) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            return Err(ErrorKind::TimedOut.into());
        }
        connected => connected?,
    }
    socket.set_write_timeout(None)?;
    Ok(socket)
}

fn connect_tcp(
    source: Option<IpAddr>,
    address: SocketAddr,
    timeout: Duration,
) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source {
        let bound = socket.bind(&SocketAddr::new(source, 0).into());
        bound.map_err(|error| {
            let reason = format!("from {source}: {}", os_error::describe(&error));
            io::Error::new(error.kind(), reason)
        })?;
    }
    socket.connect_timeout(&address.into(), timeout)?;
    refuse_self_connection(&socket, address)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// Fails as if the connection had been refused if `socket`, which was connected to `peer`, is connected to itself.
///
/// If nothing listens on a port of this machine, the system may choose that very port for our end. Our SYN then meets
/// itself (RFC 9293, simultaneous open), and the socket receives all that it sends: a perfect echo without a server.
///
/// # Errors
///
/// As getsockname(2); `ConnectionRefused`.
pub fn refuse_self_connection(socket: &Socket, peer: SocketAddr) -> io::Result<()> {
    let local = socket.local_addr()?.as_socket();
    if local.is_some_and(|local| is_one_end(local, peer)) {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

/// Whether both addresses are of the same socket. A connection to the unspecified address is one to this machine.
fn is_one_end(local: SocketAddr, peer: SocketAddr) -> bool {
    let is_same_host = local.ip() == peer.ip() || peer.ip().is_unspecified();
    is_same_host && local.port() == peer.port()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_connection_comes_from_the_source_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().into();
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let socket = connect_from(Some(source), &address, SOON).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(local.ip(), source);
        assert!(socket.tcp_nodelay().unwrap());
        // TEST-NET-1 (RFC 5737) is no address of this machine.
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let error = connect_from(Some(elsewhere), &address, SOON).unwrap_err();
        assert!(error.to_string().starts_with("from 192.0.2.1: "), "{error}");
    }

    #[test]
    fn a_socket_connected_to_itself_counts_as_refused() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any_port.into()).unwrap();
        let address = socket.local_addr().unwrap();
        socket.connect(&address).unwrap();
        let error = refuse_self_connection(&socket, address.as_socket().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn two_addresses_are_of_one_socket_if_host_and_port_are_the_same() {
        let local = "127.0.0.1:50007".parse().unwrap();
        for (peer, is_one) in [
            ("127.0.0.1:50007", true),
            ("0.0.0.0:50007", true),
            ("127.0.0.1:50008", false),
            ("127.0.0.2:50007", false),
        ] {
            assert_eq!(is_one_end(local, peer.parse().unwrap()), is_one, "{peer}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_unix_socket_with_a_full_backlog_times_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        // listen(2) may be called again, with another backlog.
        socket2::SockRef::from(&listener).listen(0).unwrap();
        let address = Address::Unix(UnixName::Path(path.into()));
        let _waiting = connect(&address, SOON).unwrap();
        let error = connect(&address, Duration::from_millis(10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
