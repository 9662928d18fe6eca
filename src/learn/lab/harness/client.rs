//! The other side of an experiment: a socket that sends and receives what it is told to, when it is told
//! to, and waits for nothing.

use super::buffers::Buffers;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// A client, with what it has sent and received.
#[derive(Debug)]
pub(crate) struct Client {
    socket: TcpStream,
    /// What the server sees it come from.
    pub(crate) address: SocketAddr,
    /// Bytes that the kernel has taken for the server.
    pub(crate) sent: usize,
    /// Bytes that came back.
    pub(crate) received: Vec<u8>,
    /// Whether our FIN is out.
    pub(crate) finished: bool,
    /// How the server's side ended, once it did.
    pub(crate) end: Option<End>,
}

/// How the server's side of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a FIN, as it should.
    Fin,
    /// With a RST: the kernel has torn the connection down.
    Reset,
}

impl Client {
    /// A connection to a listener on this machine: it is established as soon as the listener's backlog has
    /// it, whether or not it is accepted.
    pub(crate) fn connect(server: SocketAddr, buffers: Buffers) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(server),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
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
            finished: false,
            end: None,
        })
    }

    /// Sends as many of the `bytes` as the kernel takes now. Returns how many.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.socket.write(bytes) {
            Ok(taken) => {
                self.sent += taken;
                Ok(taken)
            }
            Err(error) if is_for_now(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sends one byte that is marked as urgent (RFC 9293, section 3.8.5).
    pub(crate) fn send_urgent(&mut self, byte: u8) -> io::Result<()> {
        self.sent += SockRef::from(&self.socket).send_out_of_band(&[byte])?;
        Ok(())
    }

    /// Sends our FIN.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.finished = true;
        self.socket.shutdown(Shutdown::Write)
    }

    /// Whether these bytes came back, and nothing else.
    pub(crate) fn has_back(&self, bytes: &[u8]) -> bool {
        self.received == bytes
    }

    /// Takes in all that is there. Returns how many bytes that was.
    pub(crate) fn receive(&mut self) -> io::Result<usize> {
        let before = self.received.len();
        // Reads up to WouldBlock, and keeps what came before it.
        match self.socket.read_to_end(&mut self.received) {
            Ok(_) => self.end = Some(End::Fin),
            Err(error) if is_for_now(&error) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.end = Some(End::Reset),
            Err(error) => return Err(error),
        }
        Ok(self.received.len() - before)
    }
}

fn is_for_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// `length` bytes, each depending on its place: what is lost, doubled or swapped shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    // A multiple of a large odd number: its high byte has no short period.
    let byte = |at: usize| {
        (at as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_be_bytes()[0]
    };
    (0..length).map(byte).collect()
}
