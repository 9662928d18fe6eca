//! The listener of a server of the lab.

use super::socket_buffers::SocketBuffers;
use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listener on loopback, on a port chosen by the system.
pub(crate) fn on_loopback(buffers: SocketBuffers) -> io::Result<TcpListener> {
    at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), buffers)
}

/// A listener at `address`. Accepted sockets inherit its options.
pub(crate) fn at(address: SocketAddr, buffers: SocketBuffers) -> io::Result<TcpListener> {
    listen(socket(address, buffers)?, address)
}

/// A listener at `address`, at which others may listen as well (socket(7), `SO_REUSEPORT`).
pub(crate) fn sharing_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, SocketBuffers::default())?;
    socket.set_reuse_port(true)?;
    listen(socket, address)
}

fn socket(address: SocketAddr, buffers: SocketBuffers) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_out_of_band_inline(true)?;
    if let Some(size) = buffers.server_send {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = buffers.server_receive {
        socket.set_recv_buffer_size(size)?;
    }
    Ok(socket)
}

fn listen(socket: Socket, address: SocketAddr) -> io::Result<TcpListener> {
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
