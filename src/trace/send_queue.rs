//! How many bytes a TCP connection has sent that its peer has not acknowledged: what the kernel keeps in its send queue.
//!
//! `ioctl(SIOCOUTQ)` (tcp(7)) returns this number, but no crate offers it without `unsafe`. On Linux, `sock_diag(7)` returns
//! it too: a message to a netlink socket names the connection, and one message answers. That needs no privilege. The
//! answer is in the netlink socket before send(2) returns, so nothing here blocks.
//!
//! The file uses nothing of this package, so that the integration tests can include it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

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

    /// How many bytes the peer of `socket` has not acknowledged, a FIN counted as one; `None` where the kernel does not report that. A Unix
    /// socket has no send queue: what is written to it is in its peer's receive queue at once.
    pub(crate) fn of(&self, socket: impl AsFd) -> Option<usize> {
        let local = rustix::net::getsockname(&socket).ok()?;
        let peer = rustix::net::getpeername(&socket).ok()??;
        let [local, peer] = [local, peer].map(SocketAddr::try_from);
        self.between(local.ok()?, peer.ok()?).ok()
    }

    /// How many bytes the socket at `local` has sent that its peer at `peer` has not acknowledged. It may belong to any
    /// process in this network namespace.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound): there is no such connection, or the kernel has no `tcp_diag`.
    pub(crate) fn between(&self, local: SocketAddr, peer: SocketAddr) -> io::Result<usize> {
        bytes_in(&system::ask(&self.netlink, &question(local, peer))?)
    }
}

/// Bytes of the header of each message (`struct nlmsghdr`, netlink(7)).
const HEADER: usize = 16;

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
    message.extend([family, IPPROTO_TCP, 0, 0]);
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

/// An answer: its header, and a `struct inet_diag_msg` (`sock_diag(7)`) of 72 bytes or a `struct nlmsgerr` (netlink(7)).
/// Attributes behind it are cut off.
type Answer = [u8; HEADER + 72];

/// The send queue in an answer.
fn bytes_in(answer: &Answer) -> io::Result<usize> {
    const NLMSG_ERROR: u16 = 2;
    const TCP_LISTEN: u8 = 10;
    let number = |bytes| u32::from_ne_bytes(bytes);
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    let state = answer[HEADER + 1];
    match kind {
        NLMSG_ERROR => {
            let error = number([answer[16], answer[17], answer[18], answer[19]]);
            Err(io::Error::from_raw_os_error(-error.cast_signed()))
        }
        // Without such a connection, the answer is about the listener at its local address, if there is one.
        SOCK_DIAG_BY_FAMILY if state != TCP_LISTEN => {
            let queue = number([answer[76], answer[77], answer[78], answer[79]]);
            Ok(queue as usize)
        }
        _ => Err(ErrorKind::NotFound.into()),
    }
}

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

    pub(super) fn ask(netlink: &OwnedFd, question: &[u8]) -> io::Result<Answer> {
        let mut answer = [0; size_of::<Answer>()];
        // An answer that was left behind would be taken for that to this question.
        while net::recv(netlink, &mut answer, RecvFlags::DONTWAIT).is_ok() {}
        net::send(netlink, question, SendFlags::empty())?;
        net::recv(netlink, &mut answer, RecvFlags::DONTWAIT)?;
        Ok(answer)
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

    pub(super) fn ask(_netlink: &OwnedFd, _question: &[u8]) -> io::Result<Answer> {
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

    fn queues_or_skip() -> Option<SendQueues> {
        let queues = SendQueues::open();
        let skipped = |error| eprintln!("skipped: no sock_diag here: {error}");
        queues.map_err(skipped).ok()
    }

    /// Both ends of a connection to `listener`, the first of which has sent until the buffers were full.
    fn congested(listener: &TcpListener, host: IpAddr) -> (TcpStream, TcpStream) {
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((host, port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        while server.write(&[1; 4096]).is_ok() {}
        (server, client)
    }

    #[test]
    fn what_a_peer_does_not_read_is_not_acknowledged() {
        let Some(queues) = queues_or_skip() else {
            return;
        };
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
            assert!(queues.of(&server).unwrap() > 0, "{place}");
            assert_eq!(queues.of(&client), Some(0), "{place}");
            // By the addresses as the other end sees them.
            let [local, peer] = [client.peer_addr(), client.local_addr()].map(Result::unwrap);
            assert!(queues.between(local, peer).unwrap() > 0, "{place}");
        }
    }

    #[test]
    fn a_unix_socket_and_a_connection_that_is_not_there_have_no_send_queue() {
        let Some(queues) = queues_or_skip() else {
            return;
        };
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
