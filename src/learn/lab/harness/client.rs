//! The other end of an experiment: a client that sends and receives only when it is stepped, and never blocks.

use super::socket_buffers::SocketBuffers;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A client, with everything that it has sent and received.
#[derive(Debug)]
pub(crate) struct TestClient {
    socket: TcpStream,
    /// Its address, by which the server knows it.
    pub(crate) address: SocketAddr,
    /// Bytes that the kernel has accepted from it.
    pub(crate) sent: usize,
    /// Bytes that came back.
    pub(crate) received: Vec<u8>,
    /// Whether it has sent its FIN.
    pub(crate) fin_sent: bool,
    /// How the server closed the connection, once it has.
    pub(crate) closed: Option<CloseKind>,
}

/// How a server closed its side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseKind {
    /// With a FIN: an orderly close.
    Fin,
    /// With a RST: the connection was aborted.
    Reset,
}

impl TestClient {
    /// Connects to a listener on this machine. The connection is established once it is in the listener's
    /// backlog, before the server accepts it.
    pub(crate) fn connect(server: SocketAddr, buffers: SocketBuffers) -> io::Result<Self> {
        let domain = Domain::for_address(server);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if let Some(size) = buffers.client_send {
            socket.set_send_buffer_size(size)?;
        }
        if let Some(size) = buffers.client_receive {
            // Before connect(2), so that the window never was larger (tcp(7)).
            socket.set_recv_buffer_size(size)?;
        }
        socket.connect(&server.into())?;
        let socket: TcpStream = socket.into();
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            sent: 0,
            received: Vec::new(),
            fin_sent: false,
            closed: None,
        })
    }

    /// Sends as many of `bytes` as the kernel accepts now. Returns how many.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.write(bytes) {
            Ok(accepted) => {
                self.sent += accepted;
                Ok(accepted)
            }
            Err(error) if is_temporary(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sends one byte marked as urgent (RFC 9293, section 3.8.5).
    pub(crate) fn send_urgent(&mut self, byte: u8) -> io::Result<()> {
        self.sent += SockRef::from(&self.socket).send_out_of_band(&[byte])?;
        Ok(())
    }

    /// Sends a FIN.
    pub(crate) fn send_fin(&mut self) -> io::Result<()> {
        self.fin_sent = true;
        self.socket.shutdown(Shutdown::Write)
    }

    /// Ends the connection with a RST, whatever its state.
    pub(crate) fn reset(self) -> io::Result<()> {
        SockRef::from(&self.socket).set_linger(Some(Duration::ZERO))
    }

    /// How the server has closed the connection, for the report.
    pub(crate) fn closed_with(&self) -> &'static str {
        match self.closed {
            Some(CloseKind::Reset) => "RST",
            Some(CloseKind::Fin) => "FIN",
            None => "nothing",
        }
    }

    /// Receives everything that has arrived. Returns how many bytes that was.
    pub(crate) fn receive(&mut self) -> io::Result<usize> {
        let before = self.received.len();
        // On WouldBlock, `read_to_end` keeps the bytes that it has read.
        match self.socket.read_to_end(&mut self.received) {
            Ok(_) => self.closed = Some(CloseKind::Fin),
            Err(error) if is_temporary(&error) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.closed = Some(CloseKind::Reset);
            }
            Err(error) => return Err(error),
        }
        Ok(self.received.len() - before)
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// `length` bytes, each a function of its position, so that lost, duplicated and reordered bytes show.
pub(crate) fn payload(length: usize) -> Vec<u8> {
    // The high byte of a multiple of a large odd number has no short period.
    let byte = |at: usize| {
        (at as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_be_bytes()[0]
    };
    (0..length).map(byte).collect()
}
