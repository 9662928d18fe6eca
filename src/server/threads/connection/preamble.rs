//! What a thread does before it echoes: it reads the PROXY header, then writes the banner. The event loop keeps a state
//! for this; a thread makes the calls in order.

use super::ThreadConnection;
use crate::connection::{IoFailure, Reason};
use crate::server::kernel::Socket;
use crate::server::mode::Mode;
use crate::server::observer::Observer;
use crate::server::preamble::{Banner, HeaderRead, HeaderReader, Preamble};
use crate::server::proxy_header::{HeaderError, ProxyHeader};
use crate::server::threads::shutdown_pipe::Awaited;
use crate::server::threads::thread_stream::ThreadStream;
use crate::text::address::Address;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

impl<O: Observer> ThreadConnection<O> {
    /// Breaks if the connection ends before it has begun to echo.
    pub(super) fn begin(
        &mut self,
        preamble: &Preamble,
        stream: &TcpStream,
    ) -> Result<ControlFlow<()>, Reason> {
        stream
            .prepare(self.shared.config.idle_timeout)
            .map_err(|error| Reason::Failed((&error).into()))?;
        if let Some(limit) = preamble.proxy_header_within
            && self.read_header(stream, limit)?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(banner) = &preamble.banner {
            self.write_banner(stream, banner)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Blocks until the header is complete. Breaks if the peer finishes before it, or a stop is requested.
    fn read_header(
        &mut self,
        mut stream: &TcpStream,
        limit: Duration,
    ) -> Result<ControlFlow<()>, Reason> {
        let deadline = Instant::now().checked_add(limit);
        let mut reader = HeaderReader::default();
        loop {
            match reader.read(&mut stream) {
                Ok(HeaderRead::Header(header)) => return self.header_read(stream, header),
                Ok(HeaderRead::Finished) => return Ok(ControlFlow::Break(())),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock if self.stop_requested() => {
                        return self.finish(&mut stream).map(ControlFlow::Break);
                    }
                    ErrorKind::WouldBlock if deadline.is_some_and(|at| at <= Instant::now()) => {
                        let late = ProxyHeader::Missing(HeaderError::Late);
                        return self.header_read(stream, late);
                    }
                    ErrorKind::WouldBlock => self.await_header(stream, deadline)?,
                    _ => return Err(Reason::Failed((&error).into())),
                },
            }
        }
    }

    /// Sleeps until there is more of the header, a stop is requested, or the header is late.
    fn await_header(&self, stream: &TcpStream, deadline: Option<Instant>) -> Result<(), Reason> {
        let pipe = Some(&self.shared.shutdown_pipe);
        match (&stream).wait(Awaited::Input, pipe, deadline) {
            Ok(_) => Ok(()),
            Err(error) => Err(Reason::Failed((&error).into())),
        }
    }

    /// Reports the header to the observer of the server, which has also been notified of the acceptance.
    fn header_read(
        &mut self,
        stream: &TcpStream,
        header: ProxyHeader,
    ) -> Result<ControlFlow<()>, Reason> {
        let identity = &mut self.identity;
        let observer = &mut self.shared.table().observer;
        observer.proxy_header(identity.id, &identity.peer, header);
        match header {
            ProxyHeader::Peer(peer) => identity.peer = Address::Inet(peer),
            ProxyHeader::Unknown => {}
            ProxyHeader::Missing(error) => {
                stream.reset_on_close();
                return Err(Reason::Failed(IoFailure::Kind(error.kind())));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn write_banner(&mut self, mut stream: &TcpStream, banner: &Banner) -> Result<(), Reason> {
        let text = banner.render(Mode::Threads, &self.identity.peer, stream.descriptor());
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(0) => return Err(Reason::Failed(IoFailure::Kind(ErrorKind::WriteZero))),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) => self.wait_or_fail(&stream, Awaited::Room, &error)?,
            }
        }
        let observer = &mut self.shared.table().observer;
        observer.banner_sent(self.identity.id, text.len());
        Ok(())
    }
}
