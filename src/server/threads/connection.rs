//! The contrast: one connection on its own thread, in blocking calls.
//!
//! Beside the event loop, [`ThreadConnection::serve`] is all there is to it: the call stack is the phase, the blocked
//! write is the write queue, and the kernel's scheduler is the run queue.
//!
//! # What a blocked thread cannot do
//!
//! A thread that is blocked in recv(2) or send(2) waits for one thing only: it cannot notice that the server is asked
//! to stop. Nothing simple makes it. shutdown(2) of the reading side does wake it, but then, once our FIN is sent, the
//! kernel answers the peer's next bytes with RST (RFC 1122, section 4.2.2.13), which is what lingering avoids. A
//! signal may arrive just before the call that it should interrupt, so it would have to be repeated until the thread
//! reacts, and its handler belongs to the whole process. Waiting for two things at once is what poll(2) was invented
//! for; but a poll before each call would be one more system call per message.
//!
//! So a blocking call times out after a moment without traffic (`SO_RCVTIMEO`, `SO_SNDTIMEO`), and only then the thread
//! [`parks`](ThreadConnection::park) in poll(2), on its socket and on the [`shutdown_pipe`]. A busy connection never
//! gets that far: a message costs it recv and send. A connection without traffic sleeps until there is a reason to
//! wake up. In between, for the length of that one timeout ([`BLOCKING_CALL_TIMEOUT`]), a stop goes unnoticed. The
//! event loop, which waits for everything at once, has no such gap.

use super::connection_table::{Shared, lock};
use super::shutdown_pipe::{self, Awaited};
use crate::connection::{ConnectionEvent, Phase, Reason};
use crate::server::limits::{BLOCKING_CALL_TIMEOUT, IDLE_TICKS};
use crate::server::observer::{BlockingCall, ConnectionId, ConnectionSummary, Observer};
use crate::server::unread::unread_bytes;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which connection it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) id: ConnectionId,
    pub(super) peer: SocketAddr,
    /// Its key in the connection table.
    pub(super) key: usize,
}

/// One connection, on its own thread.
pub(super) struct ThreadConnection<O> {
    identity: Identity,
    observer: Arc<Mutex<O>>,
    shared: Arc<Shared<O>>,
    bytes_in: u64,
    bytes_out: u64,
    /// When a blocking call first timed out since bytes last moved.
    idle_since: Option<Instant>,
    /// Whether the shutdown pipe has been noticed. It stays readable, so it is not waited on again.
    shutdown_noticed: bool,
}

impl<O: Observer> ThreadConnection<O> {
    pub(super) fn new(identity: Identity, observer: Arc<Mutex<O>>, shared: Arc<Shared<O>>) -> Self {
        Self {
            identity,
            observer,
            shared,
            bytes_in: 0,
            bytes_out: 0,
            idle_since: None,
            shutdown_noticed: false,
        }
    }

    /// The whole life of the thread.
    pub(super) fn run(mut self, stream: TcpStream) {
        let ended = make_blocking(&stream, self.shared.config.idle_timeout)
            .map_err(|error| Reason::Failed(error.kind()))
            .and_then(|()| self.serve(&stream));
        drop(stream);
        let summary = ConnectionSummary {
            id: self.identity.id,
            peer: self.identity.peer,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            reason: ended.err().unwrap_or(Reason::Finished),
        };
        self.shared.close(self.identity.key, &summary);
    }

    /// Echoes until the peer has finished or a stop is requested.
    fn serve(&mut self, stream: &TcpStream) -> Result<(), Reason> {
        let mut input = BufReader::with_capacity(self.shared.config.read_buffer, stream);
        while !self.stop_requested() {
            if self.echo(&mut input)?.is_break() {
                return Ok(());
            }
        }
        self.drain(&mut input)
    }

    /// Blocks until the peer sends something, then sends it back. Breaks at the peer's FIN.
    fn echo(&mut self, input: &mut BufReader<&TcpStream>) -> Result<ControlFlow<()>, Reason> {
        let mut stream = *input.get_ref();
        self.emit_call(BlockingCall::Read);
        let received = match input.fill_buf() {
            Ok([]) => {
                self.emit(ConnectionEvent::PeerFinished);
                return Ok(ControlFlow::Break(()));
            }
            Ok(received) => received,
            Err(error) => {
                self.wait_or_fail(stream, Awaited::Input, error.kind())?;
                return Ok(ControlFlow::Continue(()));
            }
        };
        let bytes = received.len();
        self.bytes_in += bytes as u64;
        self.emit(ConnectionEvent::Read { bytes });
        self.write_all(&mut stream, received)?;
        input.consume(bytes);
        Ok(ControlFlow::Continue(()))
    }

    /// Blocks until the kernel has taken everything.
    fn write_all(&mut self, stream: &mut &TcpStream, mut pending: &[u8]) -> Result<(), Reason> {
        while !pending.is_empty() {
            self.emit_call(BlockingCall::Write);
            match stream.write(pending) {
                Ok(0) => return Err(Reason::Failed(ErrorKind::WriteZero)),
                Ok(bytes) => {
                    let offered = pending.len();
                    pending = pending.get(bytes..).unwrap_or_default();
                    self.emit_pending(pending);
                    self.bytes_out += bytes as u64;
                    self.emit(ConnectionEvent::Wrote { bytes, offered });
                    // A peer that reads very slowly makes progress without end, and never an error.
                    self.check_deadline()?;
                }
                Err(error) => {
                    self.emit_pending(pending);
                    self.wait_or_fail(stream, Awaited::Room, error.kind())?;
                }
            }
        }
        Ok(())
    }

    /// What is pending shows only when a blocked write has returned: until then the kernel holds the thread and its
    /// bytes together.
    fn emit_pending(&mut self, pending: &[u8]) {
        if !pending.is_empty() {
            self.emit(ConnectionEvent::Queued {
                bytes: pending.len(),
            });
        }
    }

    /// A stop is under way: echo what has been received, send our FIN, wait for the peer's.
    fn drain(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        let stream = *input.get_ref();
        let unread = unread_bytes(stream);
        self.emit_phase(Phase::Draining { unread });
        let all = self.bytes_in.saturating_add(unread.into());
        while self.bytes_in < all {
            if self.echo(input)?.is_break() {
                return Ok(());
            }
        }
        // This fails if the peer is already gone; the read below reports how.
        let _peer_is_gone = stream.shutdown(Shutdown::Write);
        self.emit(ConnectionEvent::FinSent);
        self.emit_phase(Phase::Lingering);
        self.linger(input)
    }

    /// Our FIN is sent: discard what arrives until the peer's.
    fn linger(&mut self, input: &mut BufReader<&TcpStream>) -> Result<(), Reason> {
        let stream = *input.get_ref();
        loop {
            self.emit_call(BlockingCall::Read);
            match input.fill_buf() {
                Ok([]) => {
                    self.emit(ConnectionEvent::PeerFinished);
                    return Ok(());
                }
                Ok(late) => {
                    let bytes = late.len();
                    input.consume(bytes);
                    self.emit(ConnectionEvent::Discarded { bytes });
                    self.check_deadline()?;
                }
                Err(error) => self.wait_or_fail(stream, Awaited::Input, error.kind())?,
            }
        }
    }

    /// A blocking call moved nothing: it timed out, or the connection is broken.
    fn wait_or_fail(
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
        self.idle_since.get_or_insert_with(Instant::now);
        let pipe = (!self.shutdown_noticed).then_some(&self.shared.shutdown_pipe);
        let woken = shutdown_pipe::wait(stream, awaited, pipe, self.deadline());
        self.shutdown_noticed = self.stop_requested();
        woken.map_err(|error| match error.kind() {
            ErrorKind::TimedOut => Reason::Expired,
            kind => Reason::Failed(kind),
        })
    }

    fn stop_requested(&self) -> bool {
        self.shared.drain_expires.get().is_some()
    }

    /// When the idle timeout ends, or the time that a stop may take, whichever is sooner.
    fn deadline(&self) -> Option<Instant> {
        let idle_timeout = self.shared.config.idle_timeout;
        let idle = self.idle_since.zip(idle_timeout);
        let idle = idle.and_then(|(since, timeout)| since.checked_add(timeout));
        let drained = self.shared.drain_expires.get().copied().flatten();
        idle.into_iter().chain(drained).min()
    }

    fn check_deadline(&self) -> Result<(), Reason> {
        match self.deadline() {
            Some(at) if Instant::now() >= at => Err(Reason::Expired),
            _ => Ok(()),
        }
    }

    fn emit(&mut self, event: ConnectionEvent) {
        if matches!(
            event,
            ConnectionEvent::Read { .. } | ConnectionEvent::Wrote { .. }
        ) {
            self.idle_since = None;
        }
        lock(&self.observer).on_event(self.identity.id, event);
    }

    fn emit_call(&self, call: BlockingCall) {
        lock(&self.observer).blocking_call(self.identity.id, call);
    }

    fn emit_phase(&self, phase: Phase) {
        lock(&self.observer).phase_changed(self.identity.id, phase);
    }
}

/// Makes a socket block, but never longer than the thread may go without noticing a stop. With an idle timeout, never
/// longer than one tick either: that is how late expiry may be.
fn make_blocking(stream: &TcpStream, idle_timeout: Option<Duration>) -> io::Result<()> {
    let tick = idle_timeout.map(|timeout| timeout / IDLE_TICKS);
    let timeout = tick.map_or(BLOCKING_CALL_TIMEOUT, |tick| {
        tick.min(BLOCKING_CALL_TIMEOUT)
    });
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))
}
