//! From a plan to sockets that connect, without waiting for them.

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections that share a source address. One address has at most 64,512 ports to connect from, and the
/// default range of Linux (`ip_local_port_range`, ip(7)) has 28,232, of which some are taken.
const PER_SOURCE: u64 = 20_000;

/// Short-lived connections that share a source address before the next one has its turn: a port rests for
/// a while after its connection (TIME-WAIT), so the addresses take turns.
const SHORT_LIVED_PER_SOURCE: u64 = 64;

/// Source addresses that take turns: 127.0.0.2 to 127.0.0.201.
const SOURCES: u64 = 200;

/// Makes connections, counted from 1.
#[derive(Debug)]
pub(super) struct Dialer {
    target: SocketAddr,
    /// How many connections in a row have the same source address.
    per_source: u64,
    made: u64,
}

/// How long the connections of a load live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    Long,
    Short,
}

impl Dialer {
    pub(super) fn new(target: SocketAddr, lives: Lifetime) -> Self {
        Self {
            target,
            per_source: match lives {
                Lifetime::Long => PER_SOURCE,
                Lifetime::Short => SHORT_LIVED_PER_SOURCE,
            },
            made: 0,
        }
    }

    /// Begins to connect. Returns the connection's number and, unless it failed at once, its socket,
    /// which becomes writable when it is connected (connect(2), EINPROGRESS).
    pub(super) fn dial(&mut self) -> (u64, io::Result<TcpStream>) {
        self.made += 1;
        (self.made, self.connect())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(
            Domain::for_address(self.target),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = self.source() {
            socket.bind(&source.into())?;
        }
        match socket.connect(&self.target.into()) {
            Err(error) if !is_in_progress(&error) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }

    /// The address to connect from, where the system's own choice would run out of ports: on the IPv4
    /// loopback network the machine owns sixteen million of them.
    fn source(&self) -> Option<SocketAddr> {
        let IpAddr::V4(target) = self.target.ip() else {
            return None;
        };
        let round = (self.made - 1) / self.per_source;
        if round == 0 || !target.is_loopback() {
            return None;
        }
        let host = u8::try_from(2 + (round - 1) % SOURCES).unwrap_or(2);
        Some((Ipv4Addr::new(127, 0, 0, host), 0).into())
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    let in_progress = rustix::io::Errno::INPROGRESS.raw_os_error();
    error.raw_os_error() == Some(in_progress) || error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(target: &str, lives: Lifetime, made: &[u64]) -> Vec<Option<String>> {
        let mut dialer = Dialer::new(target.parse().unwrap(), lives);
        let at = |dialer: &mut Dialer, made| {
            dialer.made = made;
            dialer.source().map(|source| source.ip().to_string())
        };
        made.iter().map(|made| at(&mut dialer, *made)).collect()
    }

    #[test]
    fn a_few_connections_come_from_where_the_system_likes() {
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Long, &[1, 20_000]),
            [None, None]
        );
    }

    #[test]
    fn more_than_one_address_has_ports_for_come_from_several() {
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Long, &[20_001, 40_001]),
            [Some("127.0.0.2".into()), Some("127.0.0.3".into())]
        );
    }

    #[test]
    fn short_lives_take_turns_among_two_hundred_addresses() {
        let last = 64 * 200 + 64;
        assert_eq!(
            sources("127.0.0.1:7", Lifetime::Short, &[65, last, last + 1]),
            ["127.0.0.2", "127.0.0.201", "127.0.0.2"].map(|it| Some(it.into()))
        );
    }

    #[test]
    fn only_the_loopback_network_offers_that() {
        for target in ["192.0.2.1:7", "[::1]:7"] {
            assert_eq!(sources(target, Lifetime::Short, &[100_000]), [None]);
        }
    }
}
