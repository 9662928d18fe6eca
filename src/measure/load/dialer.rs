//! Opening connections without waiting for them, from as many source addresses as they need ports.

use super::part::LoadPart;
use super::results::Failure;
use crate::text::address::Address;
use crate::text::connect::{connect, refuse_self_connection};
use mio::net::{TcpStream, UdpSocket};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The number of long-lived connections that share a source address. An address has at most 64,512 ports to connect
/// from; the default range of Linux (`ip_local_port_range`, ip(7)) has 28,232, some of which are in use.
const LONG_LIVED_PER_SOURCE: u64 = 20_000;

/// The number of consecutive short-lived connections that share a source address. The port of a closed connection
/// stays in TIME-WAIT for a while, so the addresses are used in rotation.
const SHORT_LIVED_PER_SOURCE: u64 = 64;

/// The number of additional source addresses: 127.0.0.2 to 127.0.0.201.
const SOURCES: u64 = 200;

/// Opens the connections of a part of the load, and numbers them among those of all parts, starting at 1.
#[derive(Debug)]
pub(super) struct Dialer {
    target: Address,
    /// The addresses to connect from, in turn; none leaves the choice to the system and [`Dialer::spare_source`].
    sources: Vec<IpAddr>,
    /// The number of consecutive connections with the same source address.
    per_source: u64,
    part: LoadPart,
    /// Connections opened.
    opened: u64,
    /// The number of the latest connection.
    latest: u64,
}

/// How long each connection of a run lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    Long,
    Short,
}

impl Dialer {
    pub(super) fn new(
        target: Address,
        sources: &[IpAddr],
        lifetime: Lifetime,
        part: LoadPart,
    ) -> Self {
        Self {
            target,
            sources: sources.to_vec(),
            per_source: match lifetime {
                Lifetime::Long => LONG_LIVED_PER_SOURCE,
                Lifetime::Short => SHORT_LIVED_PER_SOURCE,
            },
            part,
            opened: 0,
            latest: 0,
        }
    }

    /// Starts to connect. Returns the number of the connection and, unless it failed at once, its socket, which
    /// becomes writable when the connection is established (connect(2), EINPROGRESS).
    pub(super) fn dial(&mut self) -> (u64, io::Result<TcpStream>) {
        self.number_next();
        (self.latest, self.connect())
    }

    fn number_next(&mut self) {
        self.latest = self.part.connection_number(self.opened);
        self.opened += 1;
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let target = match &self.target {
            Address::Inet(target) => *target,
            Address::Unix(_) => return self.connect_unix(),
        };
        let domain = Domain::for_address(target);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // An urgent byte that the server makes up must not escape the comparison (tcp(7)).
        socket.set_out_of_band_inline(true)?;
        let source = self.source();
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&target.into()) {
            Err(error) if !is_in_progress(&error) => return Err(error),
            _ => {}
        }
        // From another address, it cannot be a connection to itself, and the system call is saved.
        if source.is_none_or(|source| source == target.ip()) {
            refuse_self_connection(&socket, target)?;
        }
        Ok(TcpStream::from_std(socket.into()))
    }

    /// Connecting to a Unix socket is done at once, unless the backlog is full: then a non-blocking connect(2) fails, and
    /// nothing reports when there is room. So this one blocks, but not for long.
    fn connect_unix(&self) -> io::Result<TcpStream> {
        const LONGEST: Duration = Duration::from_millis(100);
        let socket = connect(&self.target, LONGEST)?;
        socket.set_nonblocking(true)?;
        socket.set_out_of_band_inline(true)?;
        // From here on, both families have the same system calls.
        Ok(OwnedFd::from(socket).into())
    }

    /// A socket that exchanges datagrams with the target alone (udp(7)), and its number. What does not fit into its buffer is
    /// lost, so the buffer is as large as the system allows, within reason.
    pub(super) fn dial_datagrams(&mut self) -> (u64, io::Result<UdpSocket>) {
        const BUFFER: usize = 1 << 20;
        self.number_next();
        let connected = || {
            let target = self.target.to_inet()?;
            let domain = Domain::for_address(target);
            let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_nonblocking(true)?;
            let _smaller = socket.set_recv_buffer_size(BUFFER);
            if let Some(source) = self.source() {
                socket.bind(&SocketAddr::new(source, 0).into())?;
            }
            socket.connect(&target.into())?;
            Ok(UdpSocket::from_std(socket.into()))
        };
        (self.latest, connected())
    }

    /// The address to connect from; `None` leaves the choice to the system.
    fn source(&self) -> Option<IpAddr> {
        let turn = (self.latest - 1) % self.sources.len().max(1) as u64;
        let chosen = self.sources.get(usize::try_from(turn).unwrap_or(0));
        chosen.copied().or_else(|| self.spare_source())
    }

    /// The address to connect from once the system's own choice would run out of ports. Only for IPv4 connections to
    /// the loopback interface: there, all of 127.0.0.0/8 belongs to the machine.
    fn spare_source(&self) -> Option<IpAddr> {
        let IpAddr::V4(target) = self.target.inet()?.ip() else {
            return None;
        };
        let round = (self.latest - 1) / self.per_source;
        if round == 0 || !target.is_loopback() {
            return None;
        }
        let host = u8::try_from(2 + (round - 1) % SOURCES).unwrap_or(2);
        Some(Ipv4Addr::new(127, 0, 0, host).into())
    }
}

/// Why a connection could not be opened. [`io::ErrorKind`] has no name for a lack of descriptors.
impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE) => Self::NoDescriptor,
            _ => error.kind().into(),
        }
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INPROGRESS)
        || error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_or_ports_has_a_name_of_its_own() {
        let failure = |errno: Errno| Failure::from(&io::Error::from(errno));
        assert_eq!(failure(Errno::MFILE), Failure::NoDescriptor);
        assert_eq!(failure(Errno::NFILE), Failure::NoDescriptor);
        assert_eq!(failure(Errno::ADDRNOTAVAIL), Failure::NoPort);
        assert_eq!(failure(Errno::CONNREFUSED), Failure::Refused);
        assert_eq!(failure(Errno::PERM), Failure::Other);
    }

    /// The source addresses of the connections with these numbers.
    fn sources(target: &str, lifetime: Lifetime, numbers: &[u64]) -> Vec<Option<String>> {
        let mut dialer = Dialer::new(target.parse().unwrap(), &[], lifetime, LoadPart::WHOLE);
        let mut source = |number: &u64| {
            dialer.latest = *number;
            dialer.source().map(|source| source.to_string())
        };
        numbers.iter().map(&mut source).collect()
    }

    #[test]
    fn given_addresses_are_used_in_turn_and_no_others() {
        let given = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse().unwrap());
        let target = "127.0.0.1:7".parse().unwrap();
        let mut dialer = Dialer::new(target, &given, Lifetime::Long, LoadPart::WHOLE);
        for (number, index) in [(1, 0), (2, 1), (3, 0), (100_000, 1)] {
            dialer.latest = number;
            assert_eq!(dialer.source(), Some(given[index]), "{number}");
        }
    }

    #[test]
    fn the_system_chooses_the_source_of_the_first_connections() {
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Long, &[1, 20_000]),
            [None, None]
        );
    }

    #[test]
    fn more_connections_than_an_address_has_ports_use_several_addresses() {
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Long, &[20_001, 40_001]),
            [Some("127.0.0.2".into()), Some("127.0.0.3".into())]
        );
    }

    #[test]
    fn short_lived_connections_rotate_among_two_hundred_addresses() {
        let last = 64 * 200 + 64;
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Short, &[65, last, last + 1]),
            ["127.0.0.2", "127.0.0.201", "127.0.0.2"].map(|it| Some(it.into()))
        );
    }

    #[test]
    fn other_addresses_keep_the_choice_of_the_system() {
        for target in ["192.0.2.1:7", "[::1]:7"] {
            assert_eq!(sources(target, Lifetime::Short, &[100_000]), [None]);
        }
    }
}
