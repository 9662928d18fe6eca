//! What the event loop sees of the layer: a kernel that also reports when a header is due.
//!
//! The time limit is the same for all headers, so the deadlines pass in the order of the registrations. A deadline is
//! reported as an event of its connection, even if that has long begun to echo, or if its key now belongs to another
//! connection: like every event, it is a hint, and costs one unnecessary read.

use super::plan::Preamble;
use super::socket::PreambleSocket;
use crate::readiness::EventFlags;
use crate::server::clock;
use crate::server::kernel::{Accept, Kernel, Socket, layered_events};
use crate::server::sources::Source;
use crate::text::address::Address;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A kernel whose connections begin with a preamble.
#[derive(Debug)]
pub(crate) struct PreambleKernel<K> {
    inner: K,
    preamble: Arc<Preamble>,
    /// When the headers are due, and the keys of their connections; the next one first.
    deadlines: VecDeque<(Instant, usize)>,
    /// The keys of the connections whose deadlines had passed at the end of the last wait.
    due: Vec<usize>,
}

/// A listener whose connections begin with a preamble.
#[derive(Debug)]
pub(crate) struct PreambleListener<L> {
    inner: L,
    preamble: Arc<Preamble>,
}

impl<K: Kernel> PreambleKernel<K> {
    pub(crate) fn new(inner: K, preamble: Preamble) -> Self {
        Self {
            inner,
            preamble: Arc::new(preamble),
            deadlines: VecDeque::new(),
            due: Vec::new(),
        }
    }

    /// A listener for this kernel.
    pub(crate) fn listener(&self, inner: K::Listener) -> PreambleListener<K::Listener> {
        PreambleListener {
            inner,
            preamble: Arc::clone(&self.preamble),
        }
    }
}

impl<K: Kernel> Kernel for PreambleKernel<K> {
    type Socket = PreambleSocket<K::Socket>;
    type Listener = PreambleListener<K::Listener>;

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.due.clear();
        let next = self.deadlines.front();
        let left = next.map(|(at, _)| at.saturating_duration_since(clock::now()));
        let waited = self.inner.wait(timeout.into_iter().chain(left).min());
        if !self.deadlines.is_empty() {
            let now = clock::now();
            let passed = self.deadlines.partition_point(|(at, _)| *at <= now);
            let keys = self.deadlines.drain(..passed).map(|(_, key)| key);
            self.due.extend(keys);
        }
        waited
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        // A read writes the banner.
        let readable = EventFlags {
            readable: true,
            ..EventFlags::default()
        };
        layered_events(self.inner.events(), &self.due, readable)
    }

    fn register(&mut self, socket: &mut Self::Socket, source: Source) -> io::Result<()> {
        self.inner.register(socket.inner_mut(), source)?;
        let limit = self.preamble.proxy_header_within;
        if let (Source::Connection(key), Some(limit)) = (source, limit)
            && let Some(deadline) = clock::now().checked_add(limit)
        {
            self.deadlines.push_back((deadline, key));
        }
        Ok(())
    }
}

impl<L: Accept<Socket: Socket>> Accept for PreambleListener<L> {
    type Socket = PreambleSocket<L::Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (inner, peer) = self.inner.accept()?;
        let socket = PreambleSocket::new(inner, peer.clone(), Arc::clone(&self.preamble));
        Ok((socket, peer))
    }
}
