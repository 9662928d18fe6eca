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
    if config.datagrams == DatagramPolicy::Off {
        return Ok((listen_everywhere(config)?, Vec::new()));
    }
    until_ports_are_free(
        || listen_everywhere(config),
        |listeners| bind_beside(listeners, config),
    )
}

/// Listens, and binds beside the listeners. If one of their ports is in use there, it listens again, and the system may
/// choose another port.
fn until_ports_are_free<L, S>(
    mut listen: impl FnMut() -> Result<L, StartError>,
    mut bind: impl FnMut(&L) -> Result<S, StartError>,
) -> Result<(L, S), StartError> {
    let mut retries = 1..PORT_ATTEMPTS;
    loop {
        let listeners = listen()?;
        match bind(&listeners) {
            Err(error) if error.is_address_in_use() && retries.next().is_some() => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// Binds with one result after another. Returns whether it succeeded, and after how many attempts.
    fn attempts(results: impl IntoIterator<Item = Result<(), ErrorKind>>) -> (bool, usize) {
        let mut results = results.into_iter();
        let mut attempts = 0;
        let listen = || {
            attempts += 1;
            Ok(())
        };
        let bound = until_ports_are_free(listen, |()| {
            let result = results.next().expect("there is an end");
            result.map_err(|error| StartError::new("bind", error.into()))
        });
        (bound.is_ok(), attempts)
    }

    #[test]
    fn a_port_that_is_in_use_for_udp_leads_to_a_bounded_number_of_attempts() {
        let in_use = Err(ErrorKind::AddrInUse);
        assert_eq!(attempts([Ok(())]), (true, 1));
        assert_eq!(attempts([in_use, in_use, Ok(())]), (true, 3));
        assert_eq!(
            attempts([in_use; 2 * PORT_ATTEMPTS]),
            (false, PORT_ATTEMPTS)
        );
        assert_eq!(attempts([Err(ErrorKind::PermissionDenied)]), (false, 1));
    }

    fn error_of(config: &Config) -> Option<String> {
        bind_everywhere(config).err().map(|error| error.to_string())
    }

    #[test]
    fn datagrams_need_a_tcp_listener_unless_all_listeners_are_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("unix:{}/echo", folder.path().display());
        let mut config = Config {
            datagrams: DatagramPolicy::Guarded,
            listen: vec![path.parse().unwrap()],
            ..Config::default()
        };
        let reason = "cannot answer datagrams: a Unix socket has no port for UDP";
        assert_eq!(error_of(&config).as_deref(), Some(reason));
        config.listen.clear();
        assert_eq!(error_of(&config), None);
    }
}
