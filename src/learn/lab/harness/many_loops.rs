//! Several loops at one address, each with a poll of its own, stepped one after another. They only accept.

use super::client::TestClient;
use super::deadline::until;
use super::listener;
use super::server::TestServer;
use super::serving::{Correct, serve_with};
use super::socket_buffers::SocketBuffers;
use super::socket_probe;
use super::trace_buffer::TraceBuffer;
use super::vocabulary::{Event, Lane, LoopPhase, Trace, WakeSource, os_error};
use super::wait::Trigger;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::thread;
use std::time::Duration;

/// An address on this machine, with a port chosen by the system.
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// How long a loop waits before it counts as one that nothing wakes: the connection is in the backlog by then.
const GRACE: Duration = Duration::from_millis(20);

/// The loops, and what they did. They share the lane of the loop in the trace.
#[derive(Debug)]
pub(crate) struct ManyLoops {
    loops: Vec<(Poll, TcpListener)>,
    trace: TraceBuffer,
    /// Connections accepted so far.
    accepted: u64,
}

impl ManyLoops {
    /// A loop for each listener.
    pub(crate) fn new(listeners: Vec<TcpListener>) -> io::Result<Self> {
        let with_poll = |mut listener| {
            let poll = Poll::new()?;
            let registry = poll.registry();
            registry.register(&mut listener, Token(0), Interest::READABLE)?;
            Ok((poll, listener))
        };
        let loops: io::Result<Vec<_>> = listeners.into_iter().map(with_poll).collect();
        Ok(Self {
            loops: loops?,
            trace: TraceBuffer::new(),
            accepted: 0,
        })
    }

    /// A client whose connection is in the backlog of a listener. No loop is stepped.
    pub(crate) fn connect_to_backlog(&self) -> io::Result<TestClient> {
        let (_, listener) = self.loops.first().ok_or(ErrorKind::NotFound)?;
        let client = TestClient::connect(listener.local_addr()?, SocketBuffers::default())?;
        until("the connection is in a backlog", || {
            let mut listeners = self.loops.iter().map(|(_, listener)| listener);
            listeners.try_fold(false, |found, one| {
                Ok(found || socket_probe::is_readable(one)?)
            })
        })?;
        Ok(client)
    }

    /// Each loop waits once. Returns the loops that an event wakes.
    pub(crate) fn wait(&mut self) -> io::Result<Vec<usize>> {
        let mut awake = Vec::new();
        for (number, (poll, _)) in self.loops.iter_mut().enumerate() {
            let mut events = Events::with_capacity(1);
            self.trace.wait_started();
            poll.poll(&mut events, Some(GRACE))?;
            if !events.is_empty() {
                self.trace.woke(1);
                let source = WakeSource::Listener;
                self.trace.record(Lane::Loop, Event::WokenBy { source });
                awake.push(number);
            }
        }
        Ok(awake)
    }

    /// Loop `number` accepts. Returns whether the backlog held a connection, which is closed at once.
    pub(crate) fn accept(&mut self, number: usize) -> io::Result<bool> {
        let (_, listener) = self.loops.get(number).ok_or(ErrorKind::NotFound)?;
        let phase = LoopPhase::Admit;
        self.trace.record(Lane::Loop, Event::PhaseEntered { phase });
        match listener.accept() {
            Ok((_socket, peer)) => {
                self.accepted += 1;
                let lane = Lane::Connection(self.accepted);
                self.trace
                    .record(lane, Event::Accepted { peer: peer.into() });
                let closed = Event::Closed {
                    reason: "closed at once".to_owned(),
                    bytes_in: 0,
                    bytes_out: 0,
                };
                self.trace.record(lane, closed);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let error = os_error::describe(&error);
                self.trace.record(Lane::Loop, Event::AcceptFailed { error });
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What the loops did.
    pub(crate) fn into_trace(self) -> Trace {
        self.trace.into_trace()
    }
}

/// One socket, with a descriptor for each loop.
pub(crate) fn listener_for_all(loops: usize, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    let listener = std::net::TcpListener::from(listener::at(address, SocketBuffers::default())?);
    let copies = (0..loops).map(|_| listener.try_clone().map(TcpListener::from_std));
    copies.collect()
}

/// A socket for each loop, all at the same address.
pub(crate) fn listener_for_each(loops: usize, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    let first = listener::sharing_address(address)?;
    let address = first.local_addr()?;
    let others = (1..loops).map(|_| listener::sharing_address(address));
    [Ok(first)].into_iter().chain(others).collect()
}

/// Serves correctly until SIGINT or SIGTERM, with a thread and a loop for each listener. Calls `ready` with the address.
pub(crate) fn serve_in_loops(
    listeners: Vec<TcpListener>,
    ready: &mut dyn FnMut(SocketAddr),
) -> io::Result<()> {
    let servers = listeners
        .into_iter()
        .map(|listener| TestServer::until_signal(Trigger::Edge, listener));
    let servers: Vec<_> = servers.collect::<io::Result<_>>()?;
    let first = servers.first().ok_or(ErrorKind::NotFound)?;
    ready(first.listener.local_addr()?);
    thread::scope(|scope| {
        let serve = |server| scope.spawn(|| serve_with(Correct, server));
        let threads: Vec<_> = servers.into_iter().map(serve).collect();
        threads.into_iter().try_for_each(|thread| {
            let panicked = |_| Err(io::Error::other("a loop panicked"));
            thread.join().unwrap_or_else(panicked)
        })
    })
}
