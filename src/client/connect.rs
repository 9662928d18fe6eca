//! From an endpoint to a connection: the first address that answers.

use super::ClientError;
use crate::text::endpoint::Endpoint;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Tries each address of `endpoint`, in the resolver's order; each may take as long as `timeout`.
pub(super) fn to_any_address_of(
    endpoint: &Endpoint,
    timeout: Duration,
) -> Result<TcpStream, ClientError> {
    let addresses = endpoint.resolve().map_err(|error| ClientError::Resolve {
        endpoint: endpoint.clone(),
        error,
    })?;
    to_any_of(&addresses, timeout)
}

fn to_any_of(addresses: &[SocketAddr], timeout: Duration) -> Result<TcpStream, ClientError> {
    let mut failures = Vec::new();
    for &address in addresses {
        match to(address, timeout) {
            Ok(stream) => {
                log::debug!(target: "mio_echo", "connected to {address}");
                return Ok(stream);
            }
            Err(error) => failures.push((address, error)),
        }
    }
    Err(ClientError::Connect(failures))
}

fn to(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    if is_its_own_peer(&stream)? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // A message must not wait for the acknowledgement of the one before it (RFC 9293, Nagle algorithm).
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A port of this machine that nobody listens on may be the very one that the system chose for us. Then
/// our SYN meets itself (RFC 9293, simultaneous open), and the socket gives back whatever it is sent: a
/// perfect echo, and no server.
fn is_its_own_peer(stream: &TcpStream) -> io::Result<bool> {
    Ok(stream.local_addr()? == stream.peer_addr()?)
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
        let silent = Silent::new();
        let addresses = [silent.address(), listener.local_addr().unwrap()];
        let stream = to_any_of(&addresses, SOON).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn every_address_is_named_when_all_refuse() {
        let silent = [Silent::new(), Silent::new()];
        let addresses = silent.each_ref().map(Silent::address);
        let error = to_any_of(&addresses, SOON).unwrap_err().to_string();
        for address in addresses {
            let reason = format!("{address} (connection refused)");
            assert!(error.contains(&reason), "{error}");
        }
    }

    #[test]
    fn a_socket_that_met_itself_is_no_connection() {
        let silent = Silent::new();
        let address = silent.address();
        silent.0.connect(&address.into()).unwrap();
        assert!(is_its_own_peer(&silent.0.into()).unwrap());
    }

    /// A port that is taken, so that nobody else gets it, but not listened on.
    struct Silent(Socket);

    impl Silent {
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
