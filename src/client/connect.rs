//! From an endpoint to a connection: the first address that accepts.

use super::error::ClientError;
use crate::text::endpoint::Endpoint;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connects to the first address of `endpoint` that accepts, in the resolver's order. Each address may take up to
/// `timeout`.
pub(super) fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<TcpStream, ClientError> {
    let addresses = endpoint.resolve().map_err(|error| ClientError::Resolve {
        endpoint: endpoint.clone(),
        error,
    })?;
    connect_to_any(&addresses, timeout)
}

fn connect_to_any(addresses: &[SocketAddr], timeout: Duration) -> Result<TcpStream, ClientError> {
    let mut failures = Vec::new();
    for &address in addresses {
        match connect_to(address, timeout) {
            Ok(stream) => {
                log::debug!(target: "mio_echo", "connected to {address}");
                return Ok(stream);
            }
            Err(error) => failures.push((address, error)),
        }
    }
    Err(ClientError::Connect(failures))
}

fn connect_to(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    refuse_self_connection(&stream)?;
    // A message must not wait for the acknowledgement of the one before it (RFC 9293, Nagle algorithm).
    stream.set_nodelay(true)?;
    // An urgent byte that the server makes up must not escape the comparison (tcp(7)).
    SockRef::from(&stream).set_out_of_band_inline(true)?;
    Ok(stream)
}

/// Fails if both ends of the connection are the same socket, as if the connection had been refused.
///
/// If nothing listens on a port of this machine, the system may choose that very port for our end. Our SYN then meets
/// itself (RFC 9293, simultaneous open), and the socket receives all that it sends: a perfect echo without a server.
fn refuse_self_connection(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpListener;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn the_next_address_is_tried_when_one_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = RefusingPort::new();
        let addresses = [refusing.address(), listener.local_addr().unwrap()];
        let stream = connect_to_any(&addresses, SOON).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn every_address_is_named_when_all_refuse() {
        let refusing = [RefusingPort::new(), RefusingPort::new()];
        let addresses = refusing.each_ref().map(RefusingPort::address);
        let error = connect_to_any(&addresses, SOON).unwrap_err().to_string();
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
        let error = refuse_self_connection(&refusing.0.into()).unwrap_err();
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
