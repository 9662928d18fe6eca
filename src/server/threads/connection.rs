//! The contrast: one connection on its own thread, in blocking calls.
//!
//! Beside the page of the event loop, [`ThreadConnection::converse`] is all there is to it: the call stack is
//! the phase, the blocked write is the write queue, and the kernel's scheduler is the run queue.
//!
//! # What a blocked thread cannot do
//!
//! A thread that is blocked in recv(2) or send(2) listens to one thing only: it cannot hear that the server
//! is asked to stop. Nothing simple makes it. shutdown(2) of the reading side does wake it, but then, once
//! our FIN is out, the kernel answers the peer's next bytes with RST (RFC 1122, section 4.2.2.13), which is
//! what lingering is there to avoid. A signal may come just before the call that it should interrupt, so it
//! would have to be repeated until the thread answers, and its handler belongs to the whole process. To wait
//! for two things at once is what poll(2) was invented for; but a poll before each call would be one more
//! system call a message.
//!
//! So a blocking call gives up after a moment of quiet (`SO_RCVTIMEO`, `SO_SNDTIMEO`), and only then the
//! thread [`parks`](ThreadConnection::park) in poll(2), where it hears its socket and the [`shutdown_pipe`]
//! of a stop. A conversation in full flow never comes that far: a message costs it recv and send. One that
//! has fallen silent sleeps until there is something to wake up for. In between it is deaf, for that one
//! moment ([`LONGEST_BLOCKING_CALL`]). The event loop, which waits for everything at once, has no such moment.

use super::connection_table::{Shared, lock};
use super::shutdown_pipe::{self, Awaited};
use crate::connection::{ConnectionEvent, Phase, Reason};
use crate::server::limits::{IDLE_TICKS, LONGEST_BLOCKING_CALL};
use crate::server::observer::{BlockingCall, ConnectionId, ConnectionSummary, Observer};
use crate::server::unread::unread_bytes;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Whose conversation it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) id: ConnectionId,
    pub(super) peer: SocketAddr,
    /// Where it stands in the books.
    pub(super) key: usize,
}

/// One connection, on its own thread.
pub(super) struct ThreadConnection<O> {
    name: Name,
    observer: Arc<Mutex<O>>,
    shared: Arc<Shared<O>>,
    bytes_in: u64,
    bytes_out: u64,
    /// Since when no byte has moved, if a blocking call has given up since the last one.
    quiet_since: Option<Instant>,
    /// Whether the bell has been received. Once rung it never falls silent, so it is not listened to again.
    bell_heard: bool,
}

impl<O: Observer> ThreadConnection<O> {
    pub(super) fn new(name: Name, observer: Arc<Mutex<O>>, shared: Arc<Shared<O>>) -> Self {
        Self {
            name,
            observer,
            shared,
            bytes_in: 0,
            bytes_out: 0,
            quiet_since: None,
            bell_heard: false,
        }
    }

    /// The life of the thread.
    pub(super) fn run(mut self, stream: TcpStream) {
        let ended = block(&stream, self.shared.config.idle_timeout)
            .map_err(|error| Reason::Failed(error.kind()))
            .and_then(|()| self.converse(&stream));
        drop(stream);
        let summary = ConnectionSummary {
            id: self.name.id,
            peer: self.name.peer,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reason: ended.err().unwrap_or(Reason::Finished),
        };
        self.shared.close(self.name.key, &summary);
    }

    /// The whole of it: hear, answer, until the peer has finished or a stop is requested.
    fn converse(&mut self, stream: &TcpStream) -> Result<(), Reason> {
        let mut input = BufReader::with_capacity(self.shared.config.read_buffer, stream);
        while !self.stop_requested() {
            if self.echo(&mut input)?.is_break() {
                return Ok(());
            }
        }
        self.drain(&mut input)
    }

    /// Parks until the peer speaks, then answers. Breaks at the peer's FIN.
    fn echo(&mut self, input: &mut BufReader<&TcpStream>) -> Result<ControlFlow<()>, Reason> {
        let mut stream = *input.get_ref();
        self.tell_call(BlockingCall::Read);
        let received = match input.fill_buf() {
            Ok([]) => {
                self.tell(ConnectionEvent::PeerFinished);
                return Ok(ControlFlow::Break(()));
            }
            Ok(received) => received,
            Err(error) => {
                let gone_on = self.look_up(stream, Awaited::Input, error.kind());
                return gone_on.map(ControlFlow::Continue);
            }
        };
        let bytes = received.len();
        self.bytes_in += bytes as u64;
        self.tell(ConnectionEvent::Read { bytes });
        self.write_all(&mut stream, received)?;
        input.consume(bytes);
        Ok(ControlFlow::Continue(()))
    }

    /// Parks until the kernel has taken everything.
    fn write_all(&mut self, stream: &mut &TcpStream, mut pending: &[u8]) -> Result<(), Reason> {
        while !pending.is_empty() {
            self.tell_call(BlockingCall::Write);
            match stream.write(pending) {
                Ok(0) => return Err(Reason::Failed(ErrorKind::WriteZero)),
                Ok(bytes) => {
                    let offered = pending.len();
                    pending = pending.get(bytes..).unwrap_or_default();
                    self.tell_owed(pending);
                    self.bytes_out += bytes as u64;
                    self.tell(ConnectionEvent::Wrote { bytes, offered });
                    // A peer that reads ever so slowly makes progress without end, and never an error.
                    self.check_deadline()?;
                }
                Err(error) => {
                    self.tell_owed(pending);
                    self.look_up(stream, Awaited::Room, error.kind())?;
                }
            }
        }
        Ok(())
    }

    /// What the peer is pending shows only when a blocked write has given up: the kernel keeps the thread and
    /// its debt together.
    fn tell_owed(&mut self, pending: &[u8]) {
        if !pending.is_empty() {
            self.tell(ConnectionEvent::Queued {
                bytes: pending.len(),
            });
        }
    }

    /// A stop is under way: echo what has been received, say our FIN, wait for the peer's.
    fn drain(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        let stream = *input.get_ref();
        let unread = unread_bytes(stream);
        self.tell_phase(Phase::Draining { unread });
        let all = self.bytes_in.saturating_add(unread.into());
        while self.bytes_in < all {
            if self.echo(input)?.is_break() {
                return Ok(());
            }
        }
        // A peer that is already gone makes this fail; the read below tells what became of it.
        let _gone = stream.shutdown(Shutdown::Write);
        self.tell(ConnectionEvent::FinSent);
        self.tell_phase(Phase::Lingering);
        self.linger(input)
    }

    /// Our FIN is out: discard what comes until the peer's.
    fn linger(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        let stream = *input.get_ref();
        loop {
            self.tell_call(BlockingCall::Read);
            match input.fill_buf() {
                Ok([]) => {
                    self.tell(ConnectionEvent::PeerFinished);
                    return Ok(());
                }
                Ok(late) => {
                    let bytes = late.len();
                    input.consume(bytes);
                    self.tell(ConnectionEvent::Discarded { bytes });
                    self.check_deadline()?;
                }
                Err(error) => self.look_up(stream, Awaited::Input, error.kind())?,
            }
        }
    }

    /// A blocking call did not do what it was called for: nothing came of it for a moment, or the
    /// connection is broken.
    fn look_up(
        &mut self,
        stream: &TcpStream,
        awaited: Awaited,
        kind: ErrorKind,
    ) -> Result<(), Reason> {
        match kind {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.park(stream, awaited),
            ErrorKind::Interrupted => Ok(()),
            kind => Err(Reason::Failed(kind)),
        }
    }

    /// Sleeps until the call is worth another try, a stop is requested, or a deadline has passed.
    fn park(&mut self, stream: &TcpStream, awaited: Awaited) -> Result<(), Reason> {
        self.quiet_since.get_or_insert_with(Instant::now);
        let bell = (!self.bell_heard).then_some(&self.shared.bell);
        let woken = shutdown_pipe::wait(stream, awaited, bell, self.deadline());
        self.bell_heard = self.stop_requested();
        woken.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Reason::Expired,
            kind => Reason::Failed(kind),
        })
    }

    fn stop_requested(&self) -> bool {
        self.shared.drain_expires.get().is_some()
    }

    /// When the peer has been quiet for too long, or the time that a stop may take is up.
    fn deadline(&self) -> Option<Instant> {
        let idle_timeout = self.shared.config.idle_timeout;
        let quiet = self.quiet_since.zip(idle_timeout);
        let idle = quiet.and_then(|(since, timeout)| since.checked_add(timeout));
        let drained = self.shared.drain_expires.get().copied().flatten();
        idle.into_iter().chain(drained).min()
    }

    fn check_deadline(&self) -> Result<(), Reason> {
        match self.deadline() {
            Some(at) if Instant::now() >= at => Err(Reason::Expired),
            _ => Ok(()),
        }
    }

    fn tell(&mut self, fact: ConnectionEvent) {
        if matches!(
            fact,
            ConnectionEvent::Read { .. } | ConnectionEvent::Wrote { .. }
        ) {
            self.quiet_since = None;
        }
        lock(&self.observer).on_event(self.name.id, fact);
    }

    fn tell_call(&self, call: BlockingCall) {
        lock(&self.observer).blocking_call(self.name.id, call);
    }

    fn tell_phase(&self, phase: Phase) {
        lock(&self.observer).phase_changed(self.name.id, phase);
    }
}

/// Makes a socket block, but no longer at a time than its thread may be deaf. The moment is part of an
/// idle timeout's lateness, which is one tick at most.
fn block(stream: &TcpStream, idle_timeout: Option<Duration>) -> io::Result<()> {
    let tick = idle_timeout.map(|timeout| timeout / IDLE_TICKS);
    let deafness = tick.map_or(LONGEST_BLOCKING_CALL, |tick| {
        tick.min(LONGEST_BLOCKING_CALL)
    });
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(deafness))?;
    stream.set_write_timeout(Some(deafness))
}
