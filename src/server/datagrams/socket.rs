//! One UDP socket: many datagrams in one system call, each with the address that it was sent to.

use super::message::Message;
use crate::server::bind::share_port;
use crate::server::config::Config;
use crate::server::limits::DATAGRAM_BUFFER;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes of the largest message: a UDP datagram has a length field of 16 bits (RFC 768), and the kernel joins no more
/// than that.
const LARGEST_MESSAGE: usize = u16::MAX as usize;

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl DatagramSocket {
    /// A socket on the address of a TCP listener, which takes IPv4 peers if the listener does.
    ///
    /// # Errors
    ///
    /// The port is in use for UDP, or not permitted, or descriptors have run out.
    pub(crate) fn bind_beside(
        listener: impl AsFd,
        address: SocketAddr,
        config: &Config,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if config.reuse_port {
            share_port(&socket)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(SockRef::from(&listener).only_v6()?)?;
        }
        // As far as the system allows: what does not fit into the buffer is lost without notice.
        let _smaller = socket.set_recv_buffer_size(DATAGRAM_BUFFER);
        let state = UdpSocketState::new((&socket).into())?;
        allow_fragments(&socket, address)?;
        socket.bind(&address.into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into()),
            state,
        })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many messages of the smallest size the receive buffer holds at most.
    pub(super) fn messages_held(&self) -> usize {
        /// Bytes that the kernel counts for an empty datagram, or fewer.
        const LEAST: usize = 256;
        let buffer = SockRef::from(&self.socket).recv_buffer_size();
        buffer.unwrap_or(DATAGRAM_BUFFER) / LEAST
    }

    /// Receives as many messages as are there and fit. Returns their number, at least 1.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: there is none. Otherwise as recvmmsg(2).
    pub(super) fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        let mut room = batch.bytes.chunks_mut(LARGEST_MESSAGE);
        let mut room = [(); BATCH_SIZE].map(|()| IoSliceMut::new(room.next().unwrap_or_default()));
        self.state
            .recv((&self.socket).into(), &mut room, &mut batch.meta)
    }

    /// How many datagrams to one peer the kernel takes at once.
    pub(super) fn send_limit(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends the datagrams of the message back, from the address that they were sent to.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: the send buffer is full. Otherwise as sendmsg(2).
    pub(super) fn send_back(&self, message: &Message<'_>) -> io::Result<()> {
        let transmit = Transmit {
            destination: message.source,
            ecn: None,
            contents: message.bytes,
            segment_size: Some(message.size),
            src_ip: message.destination,
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// An echo has to be as large as the datagram that was received, in fragments if necessary. quinn-udp is made for QUIC,
/// which finds the largest size by itself, so it forbids fragments (ip(7), `IP_MTU_DISCOVER`; RFC 3542, section 11.2). On
/// systems where that cannot be undone, the echo of a datagram that came in fragments fails, and is counted.
#[cfg(target_os = "linux")]
fn allow_fragments(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt::Ipv6DontFrag};
    use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};

    sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT)?;
        setsockopt(socket, Ipv6DontFrag, &false)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn allow_fragments(_socket: &Socket, _address: SocketAddr) -> io::Result<()> {
    Ok(())
}

/// Room for the messages of one receive. The system allocates the memory page by page, as datagrams use it.
pub(super) struct Batch {
    bytes: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
}

impl Batch {
    /// How many messages fit.
    pub(super) const ROOM: usize = BATCH_SIZE;

    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; LARGEST_MESSAGE * BATCH_SIZE],
            meta: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// The first `count` messages of the last receive.
    pub(super) fn messages(&self, count: usize) -> impl Iterator<Item = Message<'_>> {
        let messages = self.bytes.chunks(LARGEST_MESSAGE).zip(&self.meta);
        messages.take(count).map(|(bytes, meta)| Message {
            source: meta.addr,
            destination: meta.dst_ip,
            bytes: bytes.get(..meta.len).unwrap_or(bytes),
            size: meta.stride,
        })
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};
    use std::{iter, net};

    /// Linux counts the memory of a datagram, and not only its bytes.
    #[test]
    fn a_stop_may_receive_as_many_datagrams_as_wait_and_never_without_end() {
        let any_port = "127.0.0.1:0".parse().unwrap();
        let listener = net::TcpListener::bind(any_port).unwrap();
        let socket = DatagramSocket::bind_beside(&listener, any_port, &Config::default()).unwrap();
        let most = socket.messages_held();
        let buffer = SockRef::from(&socket).recv_buffer_size().unwrap();
        assert!((2..buffer).contains(&most), "{most} of {buffer} bytes");
        let peer = net::UdpSocket::bind(any_port).unwrap();
        peer.connect(socket.local_addr().unwrap()).unwrap();
        for _ in 0..=most {
            peer.send(b"").unwrap();
        }
        let mut batch = Batch::new();
        let (mut received, deadline) = (0, Instant::now() + Duration::from_secs(30));
        while received < 2 && Instant::now() < deadline {
            received += iter::from_fn(|| socket.receive(&mut batch).ok()).sum::<usize>();
        }
        assert!((2..=most).contains(&received), "{received} of {most}");
    }
}
