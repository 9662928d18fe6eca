//! From an endpoint to a connection: the first address that accepts.

use super::error::ClientError;
use crate::text::address::Address;
use crate::text::connect::connect_from;
use crate::text::endpoint::Endpoint;
use socket2::Socket;
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
            match connect_from(self.source, &address, self.timeout).and_then(prepared) {
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

/// An urgent byte that the server makes up must not escape the comparison (tcp(7)).
fn prepared(socket: Socket) -> io::Result<Socket> {
    socket.set_out_of_band_inline(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};
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
    fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = RefusingPort::new();
        let addresses = [refusing.address(), listener.local_addr().unwrap()];
        let (socket, address) = plan(AddressFamily::Any, None)
            .connect_to_any(addresses.map(Address::Inet).into())
            .unwrap();
        assert_eq!(address, Address::Inet(addresses[1]));
        assert!(socket.out_of_band_inline().unwrap());
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
