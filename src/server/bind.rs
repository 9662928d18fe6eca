//! From a configuration to listening sockets.

use super::config::Config;
use super::stream_listener::StreamListener;
use super::unix_socket::listen_on_unix_socket;
use crate::text::os_error;
use mio::net::{TcpListener, UnixListener};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How many ports chosen by the system are tried until one is free in both address families.
pub(super) const PORT_ATTEMPTS: usize = 16;

/// Why a server could not start. Its text is one line that names the address or resource.
#[derive(Debug)]
pub struct StartError {
    /// What could not be done, as in `bind 127.0.0.1:7`.
    action: String,
    error: io::Error,
}

impl StartError {
    pub(super) fn new(action: impl fmt::Display, error: io::Error) -> Self {
        Self {
            action: action.to_string(),
            error,
        }
    }

    pub(super) fn is_address_in_use(&self) -> bool {
        self.error.kind() == ErrorKind::AddrInUse
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {}: {}",
            self.action,
            os_error::describe(&self.error)
        )
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Binds and listens on every address of every endpoint, or on none.
///
/// An address family that the machine lacks is skipped with a warning, as long as the name has an address in another
/// one. Any other failure is returned.
pub(super) fn listen_everywhere(config: &Config) -> Result<Vec<StreamListener>, StartError> {
    let mut listeners = Vec::new();
    for endpoint in &config.listen {
        if let Some(name) = endpoint.unix_name() {
            let (listener, file) = listen_on_unix_socket(name, config.socket_mode, config.backlog)
                .map_err(|error| StartError::new(format_args!("bind {name}"), error))?;
            let listener = UnixListener::from_std(listener);
            listeners.push(StreamListener::Unix { file, listener });
            continue;
        }
        let addresses = endpoint
            .resolve_to_listen()
            .map_err(|error| StartError::new(format_args!("resolve {endpoint}"), error))?;
        let mut config = config.clone();
        // Each family has a listener of its own, also where sockets for both do not exist.
        config.v6_only |= endpoint.is_every_address();
        let sockets = listen_on_all(&addresses, |address| listen(address, &config))
            .map_err(|(address, error)| cannot_bind(address, error, &config))?;
        listeners.extend(sockets.into_iter().map(StreamListener::Tcp));
    }
    Ok(listeners)
}

/// What could not be listened on, and why.
type ListenError = (SocketAddr, io::Error);

/// Listens on all addresses of one endpoint, on one port, even when the system chooses it: that port may be taken at one of
/// the other addresses, so another one is tried.
fn listen_on_all(
    addresses: &[SocketAddr],
    mut listen: impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> Result<Vec<TcpListener>, ListenError> {
    let mut attempts = 1;
    loop {
        match try_to_listen_on_all(addresses, &mut listen) {
            Err((address, error))
                if error.kind() == ErrorKind::AddrInUse
                    && address.port() == 0
                    && attempts < PORT_ATTEMPTS =>
            {
                attempts += 1;
            }
            done => return done,
        }
    }
}

/// Skips the families that the machine lacks, as long as one is left.
fn try_to_listen_on_all(
    addresses: &[SocketAddr],
    mut listen: impl FnMut(SocketAddr) -> io::Result<TcpListener>,
) -> Result<Vec<TcpListener>, ListenError> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut missing = Vec::new();
    let mut chosen_port = None;
    for &address in addresses {
        let mut on_one_port = address;
        on_one_port.set_port(chosen_port.unwrap_or(address.port()));
        match listen(on_one_port) {
            Ok(listener) => {
                chosen_port = listener.local_addr().map(|local| local.port()).ok();
                listeners.push(listener);
            }
            Err(error) if is_missing_family(address, &error) => missing.push((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    if listeners.is_empty()
        && let Some(missing) = missing.pop()
    {
        return Err(missing);
    }
    for (address, _) in missing {
        log::warn!(target: "mio_echo", "skipping {address}: this machine lacks its address family");
    }
    Ok(listeners)
}

/// One listening socket. Every option is set here, before listen(2): on Linux and the BSDs an accepted socket inherits
/// them, so that a connection needs no setsockopt(2) of its own.
fn listen(address: SocketAddr, config: &Config) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // A port whose last connections are in TIME-WAIT may be bound again (socket(7), SO_REUSEADDR).
    socket.set_reuse_address(true)?;
    if config.reuse_port {
        share_port(&socket)?;
    }
    if address.is_ipv6() {
        set_only_v6(&socket, config.v6_only)?;
    }
    set_options(&socket, config)?;
    socket.bind(&address.into())?;
    socket.listen(config.backlog.into())?;
    Ok(TcpListener::from_std(socket.into()))
}

/// The options that the connections of a listening socket inherit.
pub(super) fn set_options(socket: &Socket, config: &Config) -> io::Result<()> {
    socket.set_tcp_nodelay(config.nodelay)?;
    // Urgent data stays in the stream, so that it is echoed in place (RFC 1122, section 4.2.2.4; tcp(7)).
    socket.set_out_of_band_inline(true)?;
    if let Some(idle) = config.keepalive {
        socket.set_tcp_keepalive(&keepalive(idle))?;
    }
    Ok(())
}

/// Lets other processes listen on the same port, each getting its share of the connections. FreeBSD has an option of
/// its own for that (setsockopt(2), `SO_REUSEPORT_LB`): with its `SO_REUSEPORT` one process would get them all.
pub(super) fn share_port(socket: &Socket) -> io::Result<()> {
    #[cfg(target_os = "freebsd")]
    return socket.set_reuse_port_lb(true);
    #[cfg(not(target_os = "freebsd"))]
    socket.set_reuse_port(true)
}

/// OpenBSD and `DragonFly` have no dual-stack sockets: there an IPv6 socket always refuses IPv4, and saying otherwise
/// is an error (ip6(4), `IPV6_V6ONLY`).
fn set_only_v6(socket: &Socket, only_v6: bool) -> io::Result<()> {
    if cfg!(any(target_os = "openbsd", target_os = "dragonfly")) {
        return Ok(());
    }
    socket.set_only_v6(only_v6)
}

/// Probes that begin after `idle` without traffic, and end the connection after the same time again without an answer
/// (tcp(7), `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`). The system's default of 9 probes, 75 s apart, would take more
/// than 11 minutes.
fn keepalive(idle: Duration) -> TcpKeepalive {
    const PROBES: u64 = 8;
    let interval = (idle.as_secs() / PROBES).max(1);
    let probes = idle.as_secs().clamp(1, PROBES);
    let keepalive = TcpKeepalive::new().with_time(idle);
    // OpenBSD has neither option for a single socket.
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku")))]
    let keepalive = keepalive
        .with_interval(Duration::from_secs(interval))
        .with_retries(u32::try_from(probes).unwrap_or(1));
    keepalive
}

/// Whether the machine lacks this address family altogether. With IPv6 disabled, sockets can be created but `::1` does
/// not exist.
fn is_missing_family(address: SocketAddr, error: &io::Error) -> bool {
    let always_there: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into()];
    Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
        || (error.kind() == ErrorKind::AddrNotAvailable && always_there.contains(&address.ip()))
}

fn cannot_bind(address: SocketAddr, error: io::Error, config: &Config) -> StartError {
    let dual_stack = address.ip().is_unspecified() && !config.v6_only;
    if dual_stack && error.kind() == ErrorKind::AddrInUse {
        let action = format_args!("bind {address} (without --v6only, [::] takes IPv4 too)");
        return StartError::new(action, error);
    }
    StartError::new(format_args!("bind {address}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;
    use std::net::TcpStream;

    fn listener(config: &Config) -> TcpListener {
        listen("127.0.0.1:0".parse().unwrap(), config).unwrap()
    }

    /// A peer, and the socket that was accepted for it.
    fn accepted(config: &Config) -> (TcpStream, Socket) {
        let listener: std::net::TcpListener = listener(config).into();
        listener.set_nonblocking(false).unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (peer, listener.accept().unwrap().0.into())
    }

    #[test]
    fn an_accepted_socket_inherits_the_options_of_its_listener() {
        let keepalive = Duration::from_secs(77);
        let (_peer, socket) = accepted(&Config {
            nodelay: true,
            keepalive: Some(keepalive),
            ..Config::default()
        });
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.out_of_band_inline().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), keepalive);
            let probes = socket.tcp_keepalive_retries().unwrap();
            let dead_after = socket.tcp_keepalive_interval().unwrap() * probes;
            assert!(dead_after > keepalive * 9 / 10 && dead_after <= keepalive);
        }

        let (_peer, plain) = accepted(&Config {
            nodelay: false,
            keepalive: None,
            ..Config::default()
        });
        assert!(!plain.tcp_nodelay().unwrap());
        assert!(!plain.keepalive().unwrap());
    }

    /// Linux queues one connection more than it is asked for, and ignores the SYN of any other.
    #[cfg(target_os = "linux")]
    #[test]
    fn no_more_connections_wait_than_the_backlog_allows() {
        let listener = listener(&Config {
            backlog: 1,
            ..Config::default()
        });
        let address = listener.local_addr().unwrap();
        let soon = Duration::from_millis(100);
        let connect = |_| TcpStream::connect_timeout(&address, soon).ok();
        let peers: Vec<_> = (0..4).map_while(connect).collect();
        assert_eq!(peers.len(), 2);
    }

    #[test]
    fn an_ipv6_listener_takes_ipv4_unless_it_may_not() {
        for v6_only in [true, false] {
            let config = Config {
                v6_only,
                ..Config::default()
            };
            // A machine without IPv6 has nothing to show here.
            if let Ok(listener) = listen("[::]:0".parse().unwrap(), &config) {
                assert_eq!(SockRef::from(&listener).only_v6().unwrap(), v6_only);
            }
        }
    }

    #[test]
    fn a_port_in_time_wait_can_be_bound_again() {
        let listener = listener(&Config::default());
        assert!(SockRef::from(&listener).reuse_address().unwrap());
    }

    const V4: &str = "127.0.0.1:0";
    const V6: &str = "[::1]:0";

    fn addresses<const N: usize>(texts: [&str; N]) -> [SocketAddr; N] {
        texts.map(|text| text.parse().unwrap())
    }

    /// Listens on IPv4, and refuses IPv6 with each of `errors` in turn, then takes it for IPv4.
    fn listen_unless(mut errors: Vec<Errno>) -> impl FnMut(SocketAddr) -> io::Result<TcpListener> {
        move |address| match errors.pop() {
            Some(error) if address.is_ipv6() => Err(error.into()),
            error => {
                errors.extend(error);
                TcpListener::bind("127.0.0.1:0".parse().unwrap())
            }
        }
    }

    #[test]
    fn if_the_port_that_the_system_chose_is_taken_in_the_other_family_another_one_is_tried() {
        let both = addresses([V4, V6]);
        let taken = |times| listen_unless(vec![Errno::ADDRINUSE; times]);
        assert_eq!(listen_on_all(&both, taken(0)).unwrap().len(), 2);
        let with_luck = listen_on_all(&both, taken(PORT_ATTEMPTS - 1));
        assert_eq!(with_luck.unwrap().len(), 2);
        let (address, error) = listen_on_all(&both, taken(PORT_ATTEMPTS)).unwrap_err();
        assert_eq!((address, error.kind()), (both[1], ErrorKind::AddrInUse));
    }

    #[test]
    fn a_port_that_was_asked_for_and_an_address_that_is_not_permitted_are_tried_once() {
        let named = addresses(["127.0.0.1:7", "[::1]:7"]);
        let taken_once = listen_unless(vec![Errno::ADDRINUSE]);
        assert!(listen_on_all(&named, taken_once).is_err());
        let denied_once = listen_unless(vec![Errno::ACCESS]);
        assert!(listen_on_all(&addresses([V4, V6]), denied_once).is_err());
    }

    #[test]
    fn a_family_that_the_machine_lacks_is_skipped_if_another_one_is_left() {
        let lacking = || listen_unless(vec![Errno::AFNOSUPPORT; 2]);
        let left = listen_on_all(&addresses([V6, V4]), lacking());
        assert_eq!(left.unwrap().len(), 1);
        for alone in [vec![V6], vec![V6, V6]] {
            let alone: Vec<_> = alone.iter().map(|text| text.parse().unwrap()).collect();
            let (_, error) = listen_on_all(&alone, lacking()).unwrap_err();
            assert_eq!(Errno::from_io_error(&error), Some(Errno::AFNOSUPPORT));
        }
    }

    #[test]
    fn an_address_in_use_that_also_stands_for_ipv4_has_a_hint() {
        let refusal = |address: &str, error: Errno, v6_only| {
            let config = Config {
                v6_only,
                ..Config::default()
            };
            cannot_bind(address.parse().unwrap(), error.into(), &config).to_string()
        };
        let in_use = refusal("[::]:7", Errno::ADDRINUSE, false);
        assert!(
            in_use.contains("(without --v6only, [::] takes IPv4 too)"),
            "{in_use}"
        );
        for (address, error, v6_only) in [
            ("[::]:7", Errno::ADDRINUSE, true),
            ("[::]:7", Errno::ACCESS, false),
            ("[::1]:7", Errno::ADDRINUSE, false),
        ] {
            let text = refusal(address, error, v6_only);
            assert!(!text.contains("--v6only"), "{text}");
        }
    }

    #[test]
    fn the_error_of_a_start_names_its_cause() {
        let in_use = StartError::new("bind x", Errno::ADDRINUSE.into());
        let denied = StartError::new("bind x", Errno::ACCESS.into());
        assert!(in_use.is_address_in_use() && !denied.is_address_in_use());
        let source = std::error::Error::source(&denied).unwrap();
        assert!(in_use.to_string().starts_with("cannot bind x: "));
        assert!(!source.to_string().is_empty());
    }

    #[test]
    fn a_family_that_the_machine_lacks_is_told_from_other_failures() {
        let (v4, v6) = ("127.0.0.1:7".parse().unwrap(), "[::1]:7".parse().unwrap());
        let unsupported = Errno::AFNOSUPPORT.into();
        let not_here = Errno::ADDRNOTAVAIL.into();
        let taken = Errno::ADDRINUSE.into();
        assert!(is_missing_family(v6, &unsupported));
        assert!(is_missing_family(v6, &not_here));
        assert!(!is_missing_family(v4, &not_here));
        assert!(!is_missing_family(v6, &taken));
    }
}
