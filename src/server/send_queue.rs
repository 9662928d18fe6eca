//! What the kernel knows of the bytes that a TCP connection has sent: how many its peer has not acknowledged, and how their
//! delivery goes on.
//!
//! `ioctl(SIOCOUTQ)` and `getsockopt(TCP_INFO)` (tcp(7)) return this, but no crate offers them without `unsafe`. On Linux,
//! `sock_diag(7)` returns it too: a message to a netlink socket names the connection, and one message answers. That needs
//! no privilege. The answer is in the netlink socket before send(2) returns, so nothing here blocks.
//!
//! The file uses nothing of this package, so that the integration tests can include it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// What the kernel knows of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendQueue {
    /// How many bytes the peer has not acknowledged, a FIN counted as one.
    pub(crate) bytes: usize,
    /// `None` if the kernel is older than these counters.
    pub(crate) delivery: Option<Delivery>,
}

/// How the delivery to the peer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// For this long, no data has been sent to the peer or no acknowledgement has come from it. In steps of the kernel's
    /// clock, a few milliseconds.
    pub(crate) quiet: Duration,
    /// How many bytes the peer has acknowledged, modulo 2³².
    pub(crate) acknowledged: u32,
}

/// Asks the kernel about send queues.
#[derive(Debug)]
pub(crate) struct SendQueues {
    netlink: OwnedFd,
}

impl SendQueues {
    /// # Errors
    ///
    /// The system has no `sock_diag(7)`, or a filter of system calls denies it.
    pub(crate) fn open() -> io::Result<Self> {
        let netlink = system::open()?;
        Ok(Self { netlink })
    }

    /// The send queue of `socket`; `None` where the kernel does not report it. A Unix socket has none: what is written to
    /// it is in its peer's receive queue at once.
    #[cfg(any(feature = "trace", test))]
    pub(crate) fn of(&self, socket: impl AsFd) -> Option<SendQueue> {
        let (local, peer) = Self::ends_of(socket)?;
        self.between(local, peer).ok()
    }

    /// The addresses of a connection of TCP that has both.
    pub(crate) fn ends_of(socket: impl AsFd) -> Option<(SocketAddr, SocketAddr)> {
        let local = rustix::net::getsockname(&socket).ok()?;
        let peer = rustix::net::getpeername(&socket).ok()??;
        Some((local.try_into().ok()?, peer.try_into().ok()?))
    }

    /// The send queue of the socket at `local` that is connected to `peer`. It may belong to any process in this network
    /// namespace.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound): there is no such connection, or the kernel has no `tcp_diag`.
    pub(crate) fn between(&self, local: SocketAddr, peer: SocketAddr) -> io::Result<SendQueue> {
        let mut answer = [0; size_of::<Answer>()];
        queue_in(system::ask(
            &self.netlink,
            &question(local, peer),
            &mut answer,
        )?)
    }
}

/// Bytes of the header of each message (`struct nlmsghdr`, netlink(7)).
const HEADER: usize = 16;

/// Bytes of an answer's own part (`struct inet_diag_msg`, `sock_diag(7)`), in front of its attributes.
const DIAGNOSIS: usize = 72;

/// The attribute that holds a `struct tcp_info`.
const INET_DIAG_INFO: u8 = 2;

/// The type of a message about a socket, question or answer.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// A `struct inet_diag_req_v2` (`sock_diag(7)`) about one connection, with its header. Ports and addresses are in network
/// byte order, all other numbers in that of the host.
fn question(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    const LENGTH: u32 = 72;
    const NLM_F_REQUEST: u16 = 1;
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    const IPPROTO_TCP: u8 = 6;
    // A link-local address is one of an interface.
    let (family, interface) = match local {
        SocketAddr::V4(_) => (AF_INET, 0),
        SocketAddr::V6(local) => (AF_INET6, local.scope_id()),
    };
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    // The number of the question, and the sender: 0 stands for this socket.
    message.extend([0; 8]);
    message.extend([family, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), 0]);
    // In any state.
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(local.port().to_be_bytes());
    message.extend(peer.port().to_be_bytes());
    message.extend(octets(local.ip()));
    message.extend(octets(peer.ip()));
    message.extend(interface.to_ne_bytes());
    // No cookie.
    message.extend([0xFF; 8]);
    message
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// The send queue in an answer: a header, then a `struct inet_diag_msg` with attributes. Any other message means that there
/// is no such connection.
fn queue_in(answer: &[u8]) -> io::Result<SendQueue> {
    const TCP_LISTEN: u8 = 10;
    let state = answer.get(HEADER + 1).copied();
    match short_at(answer, 4) {
        // Without such a connection, the answer is about the listener at its local address, if there is one.
        Some(SOCK_DIAG_BY_FAMILY) if state != Some(TCP_LISTEN) => {
            let bytes = word_at(answer, HEADER + 60).ok_or(ErrorKind::InvalidData)?;
            let attributes = answer.get(HEADER + DIAGNOSIS..).unwrap_or_default();
            Ok(SendQueue {
                bytes: bytes as usize,
                delivery: attribute(INET_DIAG_INFO, attributes).and_then(delivery_in),
            })
        }
        _ => Err(ErrorKind::NotFound.into()),
    }
}

/// The value of the attribute `wanted` (netlink(7), `struct nlattr`).
fn attribute(wanted: u8, mut attributes: &[u8]) -> Option<&[u8]> {
    const LENGTH_AND_TYPE: usize = 4;
    loop {
        let length = usize::from(short_at(attributes, 0)?);
        let value = attributes.get(LENGTH_AND_TYPE..length)?;
        if short_at(attributes, 2)? == u16::from(wanted) {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

/// The delivery in a `struct tcp_info`. Of the times since data was sent and since an acknowledgement came, the longer one
/// counts: the first alone would count retransmissions to a peer that is gone, the second alone the answers to probes of a
/// peer that does not read.
fn delivery_in(tcp_info: &[u8]) -> Option<Delivery> {
    const LAST_DATA_SENT: usize = 44;
    const LAST_ACK_RECEIVED: usize = 56;
    const BYTES_ACKNOWLEDGED: usize = 120;
    let sent = word_at(tcp_info, LAST_DATA_SENT)?;
    let received = word_at(tcp_info, LAST_ACK_RECEIVED)?;
    let acknowledged = tcp_info.get(BYTES_ACKNOWLEDGED..)?.first_chunk()?;
    let [a, b, c, d, ..] = u64::from_ne_bytes(*acknowledged).to_le_bytes();
    Some(Delivery {
        quiet: Duration::from_millis(sent.max(received).into()),
        acknowledged: u32::from_le_bytes([a, b, c, d]),
    })
}

fn short_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn word_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

/// Room for an answer. Attributes that do not fit are cut off; the one that is asked for has less than 300 bytes.
type Answer = [u8; 1 << 10];

#[cfg(target_os = "linux")]
mod system {
    use super::Answer;
    use rustix::net::{self, RecvFlags, SendFlags, netlink};
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    use std::io;
    use std::os::fd::OwnedFd;

    pub(super) fn open() -> io::Result<OwnedFd> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        let protocol = Some(netlink::SOCK_DIAG);
        Ok(net::socket_with(
            family,
            kind,
            SocketFlags::CLOEXEC,
            protocol,
        )?)
    }

    pub(super) fn ask<'answer>(
        netlink: &OwnedFd,
        question: &[u8],
        answer: &'answer mut Answer,
    ) -> io::Result<&'answer [u8]> {
        // An answer that was left behind would be taken for that to this question.
        while net::recv(netlink, &mut *answer, RecvFlags::DONTWAIT).is_ok() {}
        net::send(netlink, question, SendFlags::empty())?;
        let (length, _) = net::recv(netlink, &mut *answer, RecvFlags::DONTWAIT)?;
        Ok(answer.get(..length).unwrap_or_default())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Answer;
    use std::io::{self, ErrorKind};
    use std::os::fd::OwnedFd;

    pub(super) fn open() -> io::Result<OwnedFd> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(super) fn ask<'answer>(
        _netlink: &OwnedFd,
        _question: &[u8],
        _answer: &'answer mut Answer,
    ) -> io::Result<&'answer [u8]> {
        Err(ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv6Addr, TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    /// Both ends of a connection to `listener`, the first of which has sent until the buffers were full.
    fn congested(listener: &TcpListener, host: IpAddr) -> (TcpStream, TcpStream) {
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((host, port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        while server.write(&[1; 4096]).is_ok() {}
        (server, client)
    }

    /// A netlink attribute, padded.
    fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_connection_is_quiet_if_nothing_is_sent_or_nothing_is_acknowledged() {
        for (sent, received, quiet) in [(7, 900, 900), (900, 7, 900), (7, 8, 8)] {
            let mut info = [0; 128];
            info[44..48].copy_from_slice(&u32::to_ne_bytes(sent));
            info[56..60].copy_from_slice(&u32::to_ne_bytes(received));
            info[120..].copy_from_slice(&u64::to_ne_bytes((1 << 32) + 5));
            let delivery = Delivery {
                quiet: Duration::from_millis(quiet),
                acknowledged: 5,
            };
            assert_eq!(delivery_in(&info), Some(delivery));
            assert_eq!(delivery_in(&info[..127]), None, "an older kernel");
        }
    }

    #[test]
    fn an_attribute_is_found_behind_others_and_only_if_it_is_whole() {
        let attributes = [attribute_of(8, &[1]), attribute_of(2, b"info")].concat();
        assert_eq!(attribute(2, &attributes), Some(&b"info"[..]));
        assert_eq!(attribute(3, &attributes), None);
        for length in 0..attributes.len() {
            assert_eq!(attribute(2, &attributes[..length]), None);
        }
        assert_eq!(attribute(2, &[0; 8]), None, "a length that is too short");
    }

    #[test]
    fn what_a_peer_does_not_read_is_not_acknowledged() {
        let queues = SendQueues::open().unwrap();
        if TcpListener::bind("[::1]:0").is_err() {
            eprintln!("skipped: this machine has no IPv6");
            return;
        }
        // On the second listener, the IPv4 peer has an address of IPv6: ::ffff:127.0.0.1.
        let listeners = ["127.0.0.1:0", "[::]:0"].map(|at| TcpListener::bind(at).unwrap());
        let [ipv4, ipv6] = [[127, 0, 0, 1].into(), IpAddr::from(Ipv6Addr::LOCALHOST)];
        for (listener, host) in [(0, ipv4), (1, ipv4), (1, ipv6)] {
            let (server, client) = congested(&listeners[listener], host);
            let place = format!("{host} at {:?}", listeners[listener]);
            let queue = queues.of(&server).unwrap();
            assert!(queue.bytes > 0 && queue.delivery.is_some(), "{place}");
            assert_eq!(queues.of(&client).unwrap().bytes, 0, "{place}");
            // By the addresses as the other end sees them.
            let [local, peer] = [client.peer_addr(), client.local_addr()].map(Result::unwrap);
            assert!(queues.between(local, peer).unwrap().bytes > 0, "{place}");
        }
    }

    #[test]
    fn a_unix_socket_and_a_connection_that_is_not_there_have_no_send_queue() {
        let queues = SendQueues::open().unwrap();
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(queues.of(&one), None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9));
        for at in [local, SocketAddr::from(([127, 0, 0, 9], 9))] {
            let error = queues.between(at, elsewhere).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{at}");
        }
    }
}
