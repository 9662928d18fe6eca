//! One accepted connection of a server of the lab: system calls that leave records, and a write queue.

use super::socket_probe;
use super::vocabulary::{Event, EventFlags, Lane, SendQueues};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

/// A connection, with what the experiments measure about it.
#[derive(Debug)]
pub(crate) struct TestConnection {
    pub(crate) socket: TcpStream,
    pub(crate) lane: Lane,
    /// The client's address.
    pub(crate) address: SocketAddr,
    /// The flags of its latest event.
    pub(crate) flags: EventFlags,
    pub(crate) counters: Counters,
    /// When it last made progress, by the server's clock; `None` if that was in this turn.
    pub(crate) last_progress: Option<Duration>,
    /// Reads and writes that the server has not counted yet.
    pub(crate) system_calls: usize,
    /// Bytes that the kernel has refused so far. Unbounded: not bounding it is one of the mistakes.
    write_queue: VecDeque<u8>,
    /// Events that are in no trace yet.
    events: Vec<(Instant, Event)>,
    /// Whether the server considers the socket readable, and writable.
    readiness: (bool, bool),
    /// Bytes unread in the kernel, as last recorded.
    unread: usize,
    /// Bytes that the client's kernel has not acknowledged, as last recorded.
    unacknowledged: Option<usize>,
    /// The error that broke the connection.
    error: Option<ErrorKind>,
}

/// What one connection has moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Bytes read.
    pub(crate) received: usize,
    /// Bytes that the kernel has accepted for the client.
    pub(crate) written: usize,
    /// Bytes in the write queue.
    pub(crate) pending: usize,
    /// Whether a read has returned the client's FIN.
    pub(crate) fin_received: bool,
    /// Whether the server has sent its FIN and still reads.
    pub(crate) fin_sent: bool,
}

/// The result of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadResult<'a> {
    /// At least one byte.
    Bytes(&'a [u8]),
    /// `WouldBlock`, or an error, after which the server closes the connection.
    WouldBlock,
    /// The client's FIN.
    Fin,
}

/// What happens to a connection at the end of its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It stays open until the next edge.
    Park,
    /// It has more to do and goes to the back of the run queue.
    Yield,
    /// Its socket is closed.
    Close,
}

impl TestConnection {
    pub(crate) fn new(socket: TcpStream, lane: Lane, address: SocketAddr) -> Self {
        Self {
            socket,
            lane,
            address,
            flags: EventFlags::default(),
            counters: Counters::default(),
            last_progress: None,
            system_calls: 0,
            write_queue: VecDeque::new(),
            events: vec![(
                Instant::now(),
                Event::Accepted {
                    peer: address.into(),
                },
            )],
            readiness: (false, true),
            unread: 0,
            unacknowledged: None,
            error: None,
        }
    }

    /// Restarts the time that the server's [time limit](super::server::Behaviour::time_limit) gives it.
    pub(crate) fn made_progress(&mut self) {
        self.last_progress = None;
    }

    /// Records how many bytes are unread in the kernel, and how many are not acknowledged, if that has changed.
    pub(crate) fn look_at_buffers(&mut self, send_queues: Option<&SendQueues>) {
        if let Ok(bytes) = socket_probe::unread(&self.socket)
            && self.unread != bytes
        {
            self.unread = bytes;
            self.record(Event::Unread { bytes });
        }
        if let Some(queue) = send_queues.and_then(|queues| queues.of(&self.socket))
            && self.unacknowledged != Some(queue.bytes)
        {
            self.unacknowledged = Some(queue.bytes);
            self.record(Event::Unacknowledged { bytes: queue.bytes });
        }
    }

    /// One read(2).
    pub(crate) fn read<'a>(&mut self, buffer: &'a mut [u8]) -> ReadResult<'a> {
        self.system_calls += 1;
        match retry_interrupted(|| self.socket.read(buffer)) {
            Ok(0) => {
                self.counters.fin_received = true;
                self.record(Event::PeerFinished);
                ReadResult::Fin
            }
            Ok(bytes) => {
                self.counters.received += bytes;
                self.record(Event::Read { bytes });
                ReadResult::Bytes(buffer.get(..bytes).unwrap_or_default())
            }
            Err(error) => {
                self.on_error(&error, Event::ReadWouldBlock);
                ReadResult::WouldBlock
            }
        }
    }

    /// One write(2). Returns how many of `bytes` the kernel accepted.
    ///
    /// It is not the write of std, which is a send(2) with `MSG_NOSIGNAL`: to a peer that is gone, write(2) raises
    /// SIGPIPE, which a Rust program ignores unless it asks for something else.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let offered = bytes.len();
        self.system_calls += 1;
        match retry_interrupted(|| Ok(rustix::io::write(&self.socket, bytes)?)) {
            Ok(bytes) => {
                self.counters.written += bytes;
                self.record(Event::Wrote { bytes, offered });
                bytes
            }
            Err(error) => {
                self.on_error(&error, Event::WriteWouldBlock);
                0
            }
        }
    }

    /// Appends `bytes` to the write queue.
    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.write_queue.extend(bytes);
        self.counters.pending = self.write_queue.len();
        self.record(Event::Queued {
            bytes: self.write_queue.len(),
        });
    }

    /// Writes from the write queue until it is empty or the kernel refuses.
    pub(crate) fn flush(&mut self) {
        let mut queue = mem::take(&mut self.write_queue);
        while let (front @ [_, ..], _) = queue.as_slices() {
            let offered = front.len();
            let written = self.write(front);
            queue.drain(..written);
            if written < offered {
                break;
            }
        }
        self.counters.pending = queue.len();
        self.write_queue = queue;
    }

    /// Echoes `bytes` correctly: straight through, or behind the pending bytes; what the kernel refuses is
    /// queued.
    pub(crate) fn echo(&mut self, bytes: &[u8]) {
        let written = if self.has_pending() {
            0
        } else {
            self.write(bytes)
        };
        if self.error.is_none() {
            self.queue(bytes.get(written..).unwrap_or_default());
        }
    }

    /// A correct turn: echoes until nothing is left to read, or the kernel refuses.
    pub(crate) fn echo_all(&mut self) -> Flow {
        self.flush();
        let mut buffer = [0; 16 * 1024];
        while !self.has_pending() && self.error.is_none() {
            match self.read(&mut buffer) {
                ReadResult::Bytes(_late) if self.counters.fin_sent => {}
                ReadResult::Bytes(bytes) => self.echo(bytes),
                ReadResult::WouldBlock => return Flow::Park,
                ReadResult::Fin => return Flow::Close,
            }
        }
        Flow::Park
    }

    /// Whether the write queue holds bytes.
    pub(crate) fn has_pending(&self) -> bool {
        !self.write_queue.is_empty()
    }

    /// Sends a FIN and leaves the connection open for reading (shutdown(2), `SHUT_WR`).
    pub(crate) fn send_fin(&mut self) {
        match self.socket.shutdown(Shutdown::Write) {
            Ok(()) => {
                self.counters.fin_sent = true;
                self.record(Event::FinSent);
            }
            Err(error) => self.error = Some(error.kind()),
        }
    }

    /// Records what the server now considers the socket ready for.
    pub(crate) fn set_readiness(&mut self, readable: bool, writable: bool) {
        if self.readiness != (readable, writable) {
            self.readiness = (readable, writable);
            self.record(Event::ReadinessChanged { readable, writable });
        }
    }

    /// The event that records its close.
    pub(crate) fn closed(&self, reason: &str) -> Event {
        Event::Closed {
            reason: reason.to_owned(),
            bytes_in: self.counters.received as u64,
            bytes_out: self.counters.written as u64,
        }
    }

    /// The error that broke the connection, if one did.
    pub(crate) fn error(&self) -> Option<ErrorKind> {
        self.error
    }

    /// The events since the last call.
    pub(crate) fn take_events(&mut self) -> Vec<(Instant, Event)> {
        mem::take(&mut self.events)
    }

    fn record(&mut self, event: Event) {
        self.events.push((Instant::now(), event));
    }

    fn on_error(&mut self, error: &io::Error, would_block: Event) {
        match error.kind() {
            ErrorKind::WouldBlock => self.record(would_block),
            kind => self.error = Some(kind),
        }
    }
}

fn retry_interrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
