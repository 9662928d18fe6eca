//! Two servers of datagrams on one port number, and what passes between them; and one of them on its own.

use super::deadline::TIMEOUT;
use super::listener;
use super::server::TestServer;
use super::serving::{Correct, serve_with};
use super::socket_buffers::SocketBuffers;
use super::trace_buffer::TraceBuffer;
use super::vocabulary::{Event, Lane, LoopPhase, Trace, WakeSource};
use super::wait::Trigger;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// How often a port is looked for that is free in both places.
const PORT_ATTEMPTS: u32 = 20;

/// Two servers at 127.0.0.1 and 127.0.0.2, both with the same port, stepped in turn.
#[derive(Debug)]
pub(crate) struct DatagramServers {
    sockets: [UdpSocket; 2],
    /// The port of both.
    pub(crate) port: u16,
    trace: TraceBuffer,
    /// Datagrams that the servers have sent to each other.
    pub(crate) sent: usize,
    /// Datagrams that they did not answer.
    pub(crate) refused: usize,
}

impl DatagramServers {
    /// Both are bound, and nothing is sent yet.
    pub(crate) fn new() -> io::Result<Self> {
        let sockets = on_one_port(|| {
            let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = first.local_addr()?.port();
            Ok([first, UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), port))?])
        })?;
        for socket in &sockets {
            socket.set_read_timeout(Some(TIMEOUT))?;
        }
        let [first, _] = &sockets;
        Ok(Self {
            port: first.local_addr()?.port(),
            sockets,
            trace: TraceBuffer::new(),
            sent: 0,
            refused: 0,
        })
    }

    /// The first server sends `message` to the second one, as if it answered a datagram with the address of the second one
    /// as its source. (To forge such a datagram takes a raw socket, and privileges.)
    pub(crate) fn answer_forged(&mut self, message: &[u8]) -> io::Result<()> {
        let [first, second] = &self.sockets;
        first.send_to(message, second.local_addr()?)?;
        self.sent += 1;
        Ok(())
    }

    /// Each datagram that is under way is received, and sent back if `is_answered` says so of its source, until none is
    /// left or `most` have been sent.
    pub(crate) fn exchange(
        &mut self,
        most: usize,
        is_answered: impl Fn(SocketAddr) -> bool,
    ) -> io::Result<()> {
        let mut buffer = [0; 64];
        let [first, second] = &self.sockets;
        for server in [second, first].into_iter().cycle() {
            self.trace.wait_started();
            let (bytes, peer) = server.recv_from(&mut buffer)?;
            self.trace.woke(1);
            let mut record = |event| self.trace.record(Lane::Loop, event);
            let source = WakeSource::Datagrams;
            record(Event::WokenBy { source });
            let phase = LoopPhase::Datagrams;
            record(Event::PhaseEntered { phase });
            record(Event::DatagramReceived { peer, bytes });
            if !is_answered(peer) {
                let reason = "source port is our own".to_owned();
                record(Event::DatagramRefused { peer, reason });
                self.refused += 1;
                return Ok(());
            }
            if self.sent == most {
                return Ok(());
            }
            server.send_to(buffer.get(..bytes).unwrap_or_default(), peer)?;
            record(Event::DatagramReplied { peer, bytes });
            self.sent += 1;
        }
        Ok(())
    }

    /// What both did.
    pub(crate) fn into_trace(self) -> Trace {
        self.trace.into_trace()
    }
}

/// Serves datagrams, and connections correctly, until SIGINT or SIGTERM. `is_answered` is asked about the source of each
/// datagram, with the port of the server. Calls `ready` with the address.
pub(crate) fn serve_datagrams(
    address: SocketAddr,
    is_answered: impl Fn(SocketAddr, u16) -> bool + Send + 'static,
    ready: &mut dyn FnMut(SocketAddr),
) -> io::Result<()> {
    let (listener, socket) = on_one_port(|| {
        let listener = listener::at(address, SocketBuffers::default())?;
        let socket = UdpSocket::bind(listener.local_addr()?)?;
        Ok((listener, socket))
    })?;
    let server = TestServer::until_signal(Trigger::Edge, listener)?;
    let address = socket.local_addr()?;
    // It ends with the process.
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Ok((bytes, peer)) = socket.recv_from(&mut buffer)
                && is_answered(peer, address.port())
            {
                let reply = buffer.get(..bytes).unwrap_or_default();
                // A reply that cannot be sent is lost, as any datagram may be.
                let _lost = socket.send_to(reply, peer);
            }
        }
    });
    ready(address);
    serve_with(Correct, server)
}

/// What `bind` binds: the port that the system chooses for the first socket may be in use for the second.
fn on_one_port<T>(mut bind: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut attempts = 1;
    loop {
        match bind() {
            Err(error) if error.kind() == ErrorKind::AddrInUse && attempts < PORT_ATTEMPTS => {
                attempts += 1;
            }
            bound => return bound,
        }
    }
}
