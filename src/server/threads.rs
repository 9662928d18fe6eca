//! The contrast: a thread per connection, parked by the kernel where the event loop keeps a state.
//!
//! The main thread accepts with the same listeners, limits and stages of a stop as the event loop; only
//! [`Conversation::converse`] replaces the rest of the page. Its call stack is the phase, its blocked
//! write is the write queue, and the kernel's scheduler is the run queue.
//!
//! # What a blocked thread cannot do
//!
//! A thread that is blocked in read(2) listens to one thing only. It cannot hear that the server is asked
//! to stop, and nothing portable makes it: shutdown(2) of the reading side does wake it, but the kernel
//! then answers the peer's next bytes with RST (RFC 1122, section 4.2.2.13), which is what lingering is
//! there to avoid; a signal may come just before the call it should interrupt; and waiting for two things
//! at once is what poll(2) was invented for. So each blocking call gives up after a second at the latest
//! (`SO_RCVTIMEO`, `SO_SNDTIMEO`) and the thread looks up. The event loop has no such price to pay.

use super::Config;
use super::limits::{
    ACCEPTS_PER_TURN, EVENTS_PER_WAIT, IDLE_TICKS, LONGEST_DEAFNESS, THREAD_STACK,
};
use super::listener::{Accepted, Listeners};
use super::observer::{ConnectionId, Farewell, Observer};
use super::shutdown::{Ending, Order, Shutdown};
use super::slot::received;
use super::sources::Source;
use crate::connection::{Fact, Reason};
use mio::{Events, Poll, Waker};
use slab::Slab;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown as Side, SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The main thread: it accepts, and keeps the books.
#[derive(Debug)]
pub(super) struct Threads<O> {
    poll: Poll,
    events: Events,
    listeners: Listeners,
    shutdown: Shutdown,
    next_id: ConnectionId,
    shared: Arc<Shared<O>>,
}

/// What all threads see.
#[derive(Debug)]
struct Shared<O> {
    config: Config,
    books: Mutex<Books<O>>,
    /// Set once, when a stop is requested: when the peers' time is up, if ever.
    drain_expires: OnceLock<Option<Instant>>,
    /// Whether the main thread waits for a conversation to end.
    end_awaited: AtomicBool,
    waker: Arc<Waker>,
}

/// Who is here, and what was seen.
#[derive(Debug)]
struct Books<O> {
    /// The observers of the conversations that are under way.
    open: Slab<Arc<Mutex<O>>>,
    /// What the server as a whole did, and the conversations that are over.
    observer: O,
}

impl<O: Observer> Threads<O> {
    pub(super) fn new(
        poll: Poll,
        listeners: Listeners,
        shutdown: Shutdown,
        config: Config,
        observer: O,
    ) -> Self {
        let shared = Shared {
            config,
            books: Mutex::new(Books {
                open: Slab::new(),
                observer,
            }),
            drain_expires: OnceLock::new(),
            end_awaited: AtomicBool::new(false),
            waker: shutdown.waker(),
        };
        Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            listeners,
            shutdown,
            next_id: ConnectionId(1),
            shared: Arc::new(shared),
        }
    }

    /// Serves until a stop has been requested and carried out.
    pub(super) fn run(mut self) -> io::Result<(Ending, O)> {
        loop {
            self.wait()?;
            self.note();
            self.admit()?;
            if let Some(ending) = self.ending() {
                let observer = self.shared.books().observer.clone();
                return Ok((ending, observer));
            }
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.listeners.are_ready() && self.has_room() {
            Some(Duration::ZERO)
        } else {
            let deadlines = [self.listeners.deadline(), self.shutdown.deadline()];
            let next = deadlines.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    /// Whether one more may come in. If not, the next conversation to end wakes the main thread.
    fn has_room(&self) -> bool {
        let books = self.shared.books();
        let room = books.open.len() < self.shared.config.max_connections;
        let awaited = !room || self.shutdown.is_under_way();
        self.shared.end_awaited.store(awaited, Ordering::Release);
        room
    }

    fn note(&mut self) {
        for event in &self.events {
            match event.token().into() {
                Source::Listener(number) => self.listeners.note(number),
                Source::Signals => self.shutdown.note_signals(),
                Source::Waker | Source::Connection(_) => {}
            }
        }
        while let Some(order) = self.shutdown.next_order() {
            self.note_order(order);
        }
        if self.listeners.deadline().is_some() {
            self.listeners.note_time(Instant::now());
        }
    }

    fn note_order(&mut self, order: Order) {
        match order {
            Order::Report => self.shared.books().so_far().report(),
            Order::Drain => {
                let mut books = self.shared.books();
                let open = books.open.len();
                books.observer.stopping(open);
                let _first = self.shared.drain_expires.set(self.shutdown.deadline());
                self.listeners.call_last(self.shared.config.backlog.into());
            }
            // The threads look at the clock themselves.
            Order::Expire => self.listeners.close(),
        }
    }

    fn admit(&mut self) -> io::Result<()> {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.has_room() {
                let limit = self.shared.config.max_connections;
                let mut books = self.shared.books();
                self.listeners.wait_for_room(limit, &mut books.observer);
                break;
            }
            let accepted = self.listeners.accept(&mut self.shared.books().observer)?;
            match accepted {
                Accepted::Peer(stream, peer) => self.start(stream.into(), peer),
                Accepted::Gone => {}
                Accepted::Nobody => break,
            }
        }
        Ok(())
    }

    /// Gives the connection a thread of its own. If there is none to be had, this one peer is refused.
    fn start(&mut self, stream: TcpStream, peer: SocketAddr) {
        let id = self.next_id;
        self.next_id = id.next();
        let (key, observer) = self.shared.books().open(id, peer);
        let conversation = Conversation {
            id,
            peer,
            observer,
            shared: Arc::clone(&self.shared),
            bytes_in: 0,
            bytes_out: 0,
            quiet_since: None,
        };
        let thread = thread::Builder::new()
            .name(id.to_string())
            .stack_size(THREAD_STACK)
            .spawn(move || conversation.run(stream, key));
        if let Err(error) = thread {
            let mut books = self.shared.books();
            books.open.remove(key);
            books.observer.refused(peer, &error);
        }
    }

    fn ending(&self) -> Option<Ending> {
        let all_gone = self.shared.books().open.is_empty() && self.listeners.are_closed();
        self.shutdown.ending(all_gone)
    }
}

impl<O: Observer> Books<O> {
    fn open(&mut self, id: ConnectionId, peer: SocketAddr) -> (usize, Arc<Mutex<O>>) {
        self.observer.accepted(id, peer);
        let observer = Arc::new(Mutex::new(self.observer.fork()));
        (self.open.insert(Arc::clone(&observer)), observer)
    }

    fn close(&mut self, key: usize, farewell: &Farewell) {
        let seen = lock(&self.open.remove(key)).clone();
        self.observer.merge(seen);
        self.observer.closed(farewell);
    }

    /// What was seen so far, the conversations under way included.
    fn so_far(&self) -> O {
        let mut all = self.observer.clone();
        for (_, observer) in &self.open {
            all.merge(lock(observer).clone());
        }
        all
    }
}

impl<O> Shared<O> {
    fn books(&self) -> MutexGuard<'_, Books<O>> {
        lock(&self.books)
    }

    /// How long a blocking call may last before the thread looks up.
    fn deafness(&self) -> Duration {
        let tick = self.config.idle_timeout.map(|timeout| timeout / IDLE_TICKS);
        tick.map_or(LONGEST_DEAFNESS, |tick| tick.min(LONGEST_DEAFNESS))
    }
}

/// A thread that panicked while it held the lock has left the books as good as they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, on its own thread.
struct Conversation<O> {
    id: ConnectionId,
    peer: SocketAddr,
    observer: Arc<Mutex<O>>,
    shared: Arc<Shared<O>>,
    bytes_in: u64,
    bytes_out: u64,
    /// Since when no byte has moved, if a blocking call has given up since the last one.
    quiet_since: Option<Instant>,
}

impl<O: Observer> Conversation<O> {
    fn run(mut self, stream: TcpStream, key: usize) {
        let ended = block(&stream, self.shared.deafness())
            .map_err(|error| Reason::Failed(error.kind()))
            .and_then(|()| self.converse(&stream));
        drop(stream);
        let farewell = Farewell {
            id: self.id,
            peer: self.peer,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reason: ended.err().unwrap_or(Reason::Finished),
        };
        self.shared.books().close(key, &farewell);
        if self.shared.end_awaited.load(Ordering::Acquire) {
            // A poll that cannot be woken is gone, and its owner with it.
            let _gone = self.shared.waker.wake();
        }
    }

    /// The whole of it: hear, answer, until the peer has finished or a stop is requested.
    fn converse(&mut self, stream: &TcpStream) -> Result<(), Reason> {
        let mut input = BufReader::with_capacity(self.shared.config.read_buffer, stream);
        loop {
            if self.echo(&mut input)?.is_break() {
                return Ok(());
            }
            if self.shared.drain_expires.get().is_some() {
                return self.drain(&mut input);
            }
        }
    }

    /// Parks until the peer speaks, then answers. Breaks at the peer's FIN.
    fn echo(&mut self, input: &mut BufReader<&TcpStream>) -> Result<ControlFlow<()>, Reason> {
        let mut stream = *input.get_ref();
        let heard = match input.fill_buf() {
            Ok([]) => {
                self.tell(Fact::PeerFinished);
                return Ok(ControlFlow::Break(()));
            }
            Ok(heard) => heard,
            Err(error) => return self.look_up(error.kind()).map(ControlFlow::Continue),
        };
        let bytes = heard.len();
        self.bytes_in += bytes as u64;
        self.tell(Fact::Read { bytes });
        self.write_all(&mut stream, heard)?;
        input.consume(bytes);
        Ok(ControlFlow::Continue(()))
    }

    /// Parks until the kernel has taken everything.
    fn write_all(&mut self, stream: &mut &TcpStream, mut owed: &[u8]) -> Result<(), Reason> {
        while !owed.is_empty() {
            match stream.write(owed) {
                Ok(0) => return Err(Reason::Failed(ErrorKind::WriteZero)),
                Ok(bytes) => {
                    let offered = owed.len();
                    owed = owed.get(bytes..).unwrap_or_default();
                    self.bytes_out += bytes as u64;
                    self.tell(Fact::Wrote { bytes, offered });
                }
                Err(error) => self.look_up(error.kind())?,
            }
        }
        Ok(())
    }

    /// A stop is under way: echo what has been received, say our FIN, wait for the peer's.
    fn drain(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        let stream = *input.get_ref();
        let all = self.bytes_in.saturating_add(received(stream));
        while self.bytes_in < all {
            if self.echo(input)?.is_break() {
                return Ok(());
            }
        }
        // A peer that is already gone makes this fail; the read below tells what became of it.
        let _gone = stream.shutdown(Side::Write);
        self.tell(Fact::FinSent);
        self.linger(input)
    }

    /// Our FIN is out: discard what comes until the peer's.
    fn linger(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        loop {
            match input.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(late) => {
                    let bytes = late.len();
                    input.consume(bytes);
                    self.tell(Fact::Discarded { bytes });
                    self.check_deadlines()?;
                }
                Err(error) => self.look_up(error.kind())?,
            }
        }
    }

    /// A blocking call did not do what it was called for: the time was up, or the connection is broken.
    fn look_up(&mut self, kind: ErrorKind) -> Result<(), Reason> {
        match kind {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                self.quiet_since.get_or_insert_with(Instant::now);
                self.check_deadlines()
            }
            ErrorKind::Interrupted => Ok(()),
            kind => Err(Reason::Failed(kind)),
        }
    }

    fn check_deadlines(&self) -> Result<(), Reason> {
        let idle = self.shared.config.idle_timeout;
        let is_idle = idle.is_some_and(|timeout| {
            self.quiet_since
                .is_some_and(|since| since.elapsed() >= timeout)
        });
        let expires = self.shared.drain_expires.get().copied().flatten();
        if is_idle || expires.is_some_and(|at| Instant::now() >= at) {
            return Err(Reason::Expired);
        }
        Ok(())
    }

    fn tell(&mut self, fact: Fact) {
        if matches!(fact, Fact::Read { .. } | Fact::Wrote { .. }) {
            self.quiet_since = None;
        }
        lock(&self.observer).happened(self.id, fact);
    }
}

/// Makes a socket block, for so long at a time.
fn block(stream: &TcpStream, deafness: Duration) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(deafness))?;
    stream.set_write_timeout(Some(deafness))
}
