//! What the event loop sees of the layer: a kernel with a deadline queue.
//!
//! A socket that needs a call at a later time sends that deadline through a channel. [`Kernel::wait`] ends at the next
//! deadline at the latest. It reports each deadline that has passed as an event of its connection, in addition to the
//! events of the real kernel. Like every event, it is a hint: if the connection is gone, the event is ignored, or costs
//! another connection with the same key one unnecessary read.

use super::plan::Misbehaviour;
use super::socket::MisbehavingSocket;
use crate::connection::Stream;
use crate::readiness::EventFlags;
use crate::server::clock;
use crate::server::kernel::{Accept, Kernel, Socket, layered_events};
use crate::server::proxy_header::ProxyHeader;
use crate::server::sources::Source;
use crate::text::address::Address;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// When a connection, given by its key, is worth a turn.
type SocketDeadline = (Instant, usize);

/// A kernel whose connections misbehave.
#[derive(Debug)]
pub(crate) struct MisbehavingKernel<K> {
    inner: K,
    misbehaviour: Misbehaviour,
    /// The most bytes that are delayed for one connection.
    capacity: usize,
    /// The next deadline first.
    deadlines: BinaryHeap<Reverse<SocketDeadline>>,
    /// The keys of the connections whose deadlines had passed at the end of the last wait.
    due: Vec<usize>,
    sender: Sender<SocketDeadline>,
    receiver: Receiver<SocketDeadline>,
    /// Connections so far.
    registered: u64,
}

/// A listener whose connections will misbehave.
#[derive(Debug)]
pub(crate) struct MisbehavingListener<L> {
    inner: L,
    capacity: usize,
    sender: Sender<SocketDeadline>,
}

/// A misbehaving socket that passes on its deadlines.
#[derive(Debug)]
pub(crate) struct TimedSocket<S: Socket> {
    socket: MisbehavingSocket<S>,
    key: usize,
    sender: Sender<SocketDeadline>,
    /// The deadline that was passed on last.
    passed_on: Option<Instant>,
}

impl<K: Kernel> MisbehavingKernel<K> {
    pub(crate) fn new(inner: K, misbehaviour: Misbehaviour, capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            inner,
            misbehaviour,
            capacity,
            deadlines: BinaryHeap::new(),
            due: Vec::new(),
            sender,
            receiver,
            registered: 0,
        }
    }

    /// A listener for this kernel.
    pub(crate) fn listener(&self, inner: K::Listener) -> MisbehavingListener<K::Listener> {
        MisbehavingListener {
            inner,
            capacity: self.capacity,
            sender: self.sender.clone(),
        }
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        self.deadlines.extend(self.receiver.try_iter().map(Reverse));
        let Reverse((at, _)) = self.deadlines.peek()?;
        Some(*at)
    }
}

impl<K: Kernel> Kernel for MisbehavingKernel<K> {
    type Socket = TimedSocket<K::Socket>;
    type Listener = MisbehavingListener<K::Listener>;

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.due.clear();
        let next = self.next_deadline();
        let left = next.map(|at| at.saturating_duration_since(clock::now()));
        let waited = self.inner.wait(timeout.into_iter().chain(left).min());
        let now = clock::now();
        while let Some(Reverse((at, key))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            self.due.push(key);
        }
        waited
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        // A read sends what is delayed too.
        let both = EventFlags {
            readable: true,
            writable: true,
            ..EventFlags::default()
        };
        layered_events(self.inner.events(), &self.due, both)
    }

    fn register(&mut self, socket: &mut Self::Socket, source: Source) -> io::Result<()> {
        self.inner.register(socket.socket.inner_mut(), source)?;
        if let Source::Connection(key) = source {
            socket.key = key;
        }
        // The same number as that of the connection in the log and the trace.
        self.registered += 1;
        socket.socket.misbehave(&self.misbehaviour, self.registered);
        Ok(())
    }
}

impl<L: Accept<Socket: Socket>> Accept for MisbehavingListener<L> {
    type Socket = TimedSocket<L::Socket>;

    fn accept(&self) -> io::Result<(Self::Socket, Address)> {
        let (inner, peer) = self.inner.accept()?;
        let socket = TimedSocket {
            socket: MisbehavingSocket::new(inner, self.capacity),
            key: 0,
            sender: self.sender.clone(),
            passed_on: None,
        };
        Ok((socket, peer))
    }
}

impl<S: Socket> TimedSocket<S> {
    /// Makes a call, after which there may be a new deadline.
    fn call<T>(&mut self, call: impl FnOnce(&mut MisbehavingSocket<S>) -> T) -> T {
        let result = call(&mut self.socket);
        let deadline = self.socket.wake_at();
        let is_new = |at: &Instant| deadline != self.passed_on || *at <= clock::now();
        if let Some(at) = deadline.filter(is_new) {
            // The other end is the kernel of this loop, which outlives its sockets while they are served.
            let _kernel_is_gone = self.sender.send((at, self.key));
        }
        self.passed_on = deadline;
        result
    }
}

impl<S: Socket> Read for TimedSocket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(|socket| socket.read(buffer))
    }
}

impl<S: Socket> Write for TimedSocket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call(|socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Socket> Stream for TimedSocket<S> {
    fn send_fin(&mut self) -> io::Result<()> {
        self.call(MisbehavingSocket::send_fin)
    }
}

impl<S: Socket> Socket for TimedSocket<S> {
    /// All delayed bytes together count as one unread byte: as long as there are any, the peer waits for this server, so
    /// the connection is not idle. In a stop, that costs one unnecessary read.
    fn unread_bytes(&self) -> Option<u32> {
        let unread = self.socket.unread_bytes()?;
        let delayed = u32::from(self.socket.wake_at().is_some());
        Some(unread.saturating_add(delayed))
    }

    fn reset_on_close(&self) {
        self.socket.reset_on_close();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.socket.descriptor()
    }

    fn take_proxy_header(&mut self) -> Option<ProxyHeader> {
        self.socket.take_proxy_header()
    }

    fn take_banner(&mut self) -> Option<usize> {
        self.socket.take_banner()
    }
}

#[cfg(test)]
mod tests;
