//! A socket that begins with a header and a banner, between a connection and its real socket.
//!
//! To the connection it is a socket like any other that has nothing to read yet, until the header is read and the banner
//! is written.

use super::header::{HeaderRead, HeaderReader};
use super::plan::Preamble;
use crate::connection::{Stream, WriteQueue};
use crate::server::clock;
use crate::server::kernel::Socket;
use crate::server::mode::Mode;
use crate::server::proxy_header::{HeaderError, ProxyHeader};
use crate::text::address::Address;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

/// A socket of the event loop, before and after it has begun to echo.
#[derive(Debug)]
pub(crate) struct PreambleSocket<S> {
    inner: S,
    stage: PreambleStage,
    /// A header that is yet to be taken.
    header: Option<ProxyHeader>,
    /// Bytes of a banner that is written, yet to be taken.
    banner: Option<usize>,
    preamble: Arc<Preamble>,
    /// The peer's address, as far as it is known.
    peer: Address,
}

/// How far the socket has come.
#[derive(Debug)]
enum PreambleStage {
    /// It reads a header, until the given time.
    Header(HeaderReader, Option<Instant>),
    /// It writes the banner, of this many bytes.
    Banner(WriteQueue, usize),
    /// It is like the real socket.
    Echo,
}

impl<S: Socket> PreambleSocket<S> {
    pub(crate) fn new(inner: S, peer: Address, preamble: Arc<Preamble>) -> Self {
        let mut socket = Self {
            inner,
            stage: PreambleStage::Echo,
            header: None,
            banner: None,
            preamble,
            peer,
        };
        socket.stage = match socket.preamble.proxy_header_within {
            Some(limit) => {
                let deadline = clock::now().checked_add(limit);
                PreambleStage::Header(HeaderReader::default(), deadline)
            }
            None => socket.banner(),
        };
        socket
    }

    /// The real socket, to be registered.
    pub(super) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The stage in which the banner is written, if there is one.
    fn banner(&self) -> PreambleStage {
        let Some(banner) = &self.preamble.banner else {
            return PreambleStage::Echo;
        };
        let mut queue = WriteQueue::default();
        let text = banner.render(Mode::EventLoop, &self.peer, self.inner.descriptor());
        match queue.fill(&text) {
            Ok(()) => PreambleStage::Banner(queue, text.len()),
            // If there is no memory for the banner, it is left out.
            Err(_) => PreambleStage::Echo,
        }
    }

    fn header_read(&mut self, header: ProxyHeader) -> io::Result<()> {
        self.header = Some(header);
        match header {
            ProxyHeader::Peer(peer) => self.peer = Address::Inet(peer),
            ProxyHeader::Unknown => {}
            ProxyHeader::Missing(error) => {
                self.inner.reset_on_close();
                return Err(error.kind().into());
            }
        }
        self.stage = self.banner();
        Ok(())
    }
}

impl<S: Socket> Read for PreambleSocket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.stage {
                PreambleStage::Echo => return self.inner.read(buffer),
                PreambleStage::Banner(queue, bytes) => match self.inner.write(queue.pending())? {
                    0 => return Err(ErrorKind::WriteZero.into()),
                    written => {
                        queue.advance(written);
                        if queue.is_empty() {
                            self.banner = Some(*bytes);
                            self.stage = PreambleStage::Echo;
                        }
                    }
                },
                PreambleStage::Header(reader, deadline) => {
                    let is_late = deadline.is_some_and(|at| at <= clock::now());
                    match reader.read(&mut self.inner) {
                        Ok(HeaderRead::Header(header)) => self.header_read(header)?,
                        Ok(HeaderRead::Finished) => return Ok(0),
                        Err(error) if error.kind() == ErrorKind::WouldBlock && is_late => {
                            self.header_read(ProxyHeader::Missing(HeaderError::Late))?;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

impl<S: Socket> Write for PreambleSocket<S> {
    /// A connection writes what it has read, so the preamble is over.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Socket> Stream for PreambleSocket<S> {
    /// A stop ends the preamble; what arrives from now on is discarded.
    fn send_fin(&mut self) -> io::Result<()> {
        self.stage = PreambleStage::Echo;
        self.inner.send_fin()
    }
}

impl<S: Socket> Socket for PreambleSocket<S> {
    /// Bytes of a header are not to be echoed.
    fn unread_bytes(&self) -> Option<u32> {
        match &self.stage {
            PreambleStage::Header(reader, _) => reader.unread_behind(&self.inner),
            PreambleStage::Banner(..) | PreambleStage::Echo => self.inner.unread_bytes(),
        }
    }

    fn reset_on_close(&self) {
        self.inner.reset_on_close();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }

    fn take_proxy_header(&mut self) -> Option<ProxyHeader> {
        self.header.take()
    }

    fn take_banner(&mut self) -> Option<usize> {
        self.banner.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::TcpStream;
    use std::net::{self, Ipv4Addr};
    use std::time::Duration;

    /// A socket that greets its peer, and the peer.
    fn greeting() -> (PreambleSocket<TcpStream>, net::TcpStream) {
        let listener = net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let (stream, address) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let preamble = Preamble {
            banner: Some("hello".parse().unwrap()),
            ..Preamble::default()
        };
        let stream = TcpStream::from_std(stream);
        let socket = PreambleSocket::new(stream, address.into(), Arc::new(preamble));
        (socket, peer)
    }

    #[test]
    fn a_banner_is_reported_once_it_is_written() {
        let (mut socket, mut peer) = greeting();
        assert_eq!(socket.take_banner(), None);
        let error = socket.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(socket.take_banner(), Some(5));
        assert_eq!(socket.take_banner(), None);
        let mut banner = [0; 5];
        peer.read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"hello");
    }

    #[test]
    fn a_stop_sends_our_fin_instead_of_the_banner() {
        let (mut socket, mut peer) = greeting();
        socket.send_fin().unwrap();
        let error = socket.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(peer.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}
