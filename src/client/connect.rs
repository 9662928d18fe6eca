//! From an endpoint to a connection: the first address that accepts.

use super::error::ClientError;
use crate::text::address::{Address, UnixName};
use crate::text::endpoint::Endpoint;
use crate::text::os_error;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Which addresses of a name are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// All, in the resolver's order.
    #[default]
    Any,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
}

/// How to connect to a server.
#[derive(Debug, Clone)]
pub struct ConnectPlan {
    /// The server. Each address of a name is tried.
    pub endpoint: Endpoint,
    /// Which addresses of the name are tried.
    pub family: AddressFamily,
    /// The address of this machine to connect from; only addresses of its family are tried. `None` lets the system
    /// choose.
    pub source: Option<IpAddr>,
    /// How long one address may take to accept the connection. Must not be zero.
    pub timeout: Duration,
}

impl ConnectPlan {
    /// Connects to the first address that accepts.
    pub(super) fn connect(&self) -> Result<(Socket, Address), ClientError> {
        self.connect_to_any(self.addresses()?)
    }

    /// The addresses to try, at least one.
    fn addresses(&self) -> Result<Vec<Address>, ClientError> {
        if let Some(name) = self.endpoint.unix_name() {
            let asks_for_ip = self.family != AddressFamily::Any || self.source.is_some();
            let address = (!asks_for_ip).then(|| Address::Unix(name.clone()));
            return self.at_least_one(address.into_iter().collect());
        }
        let addresses = self.ip_addresses()?;
        Ok(addresses.into_iter().map(Address::Inet).collect())
    }

    /// The IP addresses to try, at least one.
    pub(super) fn ip_addresses(&self) -> Result<Vec<SocketAddr>, ClientError> {
        let resolved = self.endpoint.resolve();
        let mut addresses = resolved.map_err(|error| self.cannot_resolve(error))?;
        addresses.retain(|address| self.admits(*address));
        self.at_least_one(addresses)
    }

    fn at_least_one<A>(&self, addresses: Vec<A>) -> Result<Vec<A>, ClientError> {
        if addresses.is_empty() {
            let reason = "no address of the family asked for";
            let error = io::Error::new(io::ErrorKind::NotFound, reason);
            return Err(self.cannot_resolve(error));
        }
        Ok(addresses)
    }

    fn cannot_resolve(&self, error: io::Error) -> ClientError {
        ClientError::Resolve {
            endpoint: self.endpoint.clone(),
            error,
        }
    }

    fn admits(&self, address: SocketAddr) -> bool {
        let family = match self.family {
            AddressFamily::Any => true,
            AddressFamily::Ipv4 => address.is_ipv4(),
            AddressFamily::Ipv6 => address.is_ipv6(),
        };
        let source = self.source.map(|source| source.is_ipv4());
        family && source.is_none_or(|is_ipv4| is_ipv4 == address.is_ipv4())
    }

    fn connect_to_any(&self, addresses: Vec<Address>) -> Result<(Socket, Address), ClientError> {
        let mut failures = Vec::new();
        for address in addresses {
            let connected = match &address {
                Address::Inet(address) => connect_tcp(*address, self.source, self.timeout),
                Address::Unix(name) => connect_unix(name, self.timeout),
            };
            match connected {
                Ok(socket) => {
                    log::debug!(target: "mio_echo", "connected to {address}");
                    return Ok((socket, address));
                }
                Err(error) => failures.push((address, error)),
            }
        }
        Err(ClientError::Connect(failures))
    }
}

/// With a full backlog, connect(2) on a Unix socket waits for the send timeout (unix(7), socket(7)).
fn connect_unix(name: &UnixName, timeout: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(timeout))?;
    match socket.connect(&name.to_sockaddr()?) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(io::ErrorKind::TimedOut.into());
        }
        connected => connected?,
    }
    socket.set_write_timeout(None)?;
    // As for TCP, below.
    socket.set_out_of_band_inline(true)?;
    Ok(socket)
}

fn connect_tcp(
    address: SocketAddr,
    source: Option<IpAddr>,
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
    refuse_self_connection(&socket)?;
    // A message must not wait for the acknowledgement of the one before it (RFC 9293, Nagle algorithm).
    socket.set_tcp_nodelay(true)?;
    // An urgent byte that the server makes up must not escape the comparison (tcp(7)).
    socket.set_out_of_band_inline(true)?;
    Ok(socket)
}

/// Fails if both ends of the connection are the same socket, as if the connection had been refused.
///
/// If nothing listens on a port of this machine, the system may choose that very port for our end. Our SYN then meets
/// itself (RFC 9293, simultaneous open), and the socket receives all that it sends: a perfect echo without a server.
fn refuse_self_connection(socket: &Socket) -> io::Result<()> {
    if socket.local_addr()?.as_socket() == socket.peer_addr()?.as_socket() {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const SOON: Duration = Duration::from_secs(10);

    fn plan(family: AddressFamily, source: Option<&str>) -> ConnectPlan {
        ConnectPlan {
            endpoint: "127.0.0.1:7".parse().unwrap(),
            family,
            source: source.map(|source| source.parse().unwrap()),
            timeout: SOON,
        }
    }

    #[test]
    fn only_addresses_of_the_family_asked_for_and_of_the_source_are_tried() {
        let (v4, v6) = ("127.0.0.1:7".parse().unwrap(), "[::1]:7".parse().unwrap());
        for (family, source, admitted) in [
            (AddressFamily::Any, None, [true, true]),
            (AddressFamily::Ipv4, None, [true, false]),
            (AddressFamily::Ipv6, None, [false, true]),
            (AddressFamily::Any, Some("127.0.0.2"), [true, false]),
            (AddressFamily::Any, Some("::1"), [false, true]),
            (AddressFamily::Ipv4, Some("::1"), [false, false]),
        ] {
            let plan = plan(family, source);
            assert_eq!([v4, v6].map(|address| plan.admits(address)), admitted);
        }
        let error = plan(AddressFamily::Ipv6, None).connect().unwrap_err();
        assert!(
            error.to_string().ends_with("of the family asked for"),
            "{error}"
        );
    }

    #[test]
    fn the_connection_comes_from_the_source_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let source: IpAddr = "127.0.0.2".parse().unwrap();
        let socket = connect_tcp(address, Some(source), SOON).unwrap();
        let local = socket.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(local.ip(), source);
        // TEST-NET-1 (RFC 5737) is no address of this machine.
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let error = connect_tcp(address, Some(elsewhere), SOON).unwrap_err();
        assert!(error.to_string().starts_with("from 192.0.2.1: "), "{error}");
    }

    #[test]
    fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = RefusingPort::new();
        let addresses = [refusing.address(), listener.local_addr().unwrap()];
        let (socket, address) = plan(AddressFamily::Any, None)
            .connect_to_any(addresses.map(Address::Inet).into())
            .unwrap();
        assert_eq!(address, Address::Inet(addresses[1]));
        assert!(socket.tcp_nodelay().unwrap());
    }

    #[test]
    fn every_address_is_named_when_all_refuse() {
        let refusing = [RefusingPort::new(), RefusingPort::new()];
        let addresses = refusing.each_ref().map(RefusingPort::address);
        let plan = plan(AddressFamily::Any, None);
        let error = plan
            .connect_to_any(addresses.map(Address::Inet).into())
            .unwrap_err()
            .to_string();
        for address in addresses {
            let reason = format!("{address} (connection refused)");
            assert!(error.contains(&reason), "{error}");
        }
    }

    #[test]
    fn a_socket_connected_to_itself_counts_as_refused() {
        let refusing = RefusingPort::new();
        let address = refusing.address();
        refusing.0.connect(&address.into()).unwrap();
        let error = refuse_self_connection(&refusing.0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    /// A port that is bound, so that no other process gets it, but does not listen.
    struct RefusingPort(Socket);

    impl RefusingPort {
        fn new() -> Self {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
            socket.bind(&any_port.into()).unwrap();
            Self(socket)
        }

        fn address(&self) -> SocketAddr {
            self.0.local_addr().unwrap().as_socket().unwrap()
        }
    }
}
