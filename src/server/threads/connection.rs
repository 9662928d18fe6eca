//! The contrast: one connection on its own thread, in blocking calls.
//!
//! [`ThreadConnection::serve`] does what the event loop does for a connection: the call stack is the phase, the blocked
//! write is the write queue, and the kernel's scheduler is the run queue.
//!
//! # What a blocked thread cannot do
//!
//! A thread that is blocked in recv(2) or send(2) waits for its socket and for nothing else, so it cannot notice that the
//! server is to stop. None of the simple ways to wake it works:
//!
//! - shutdown(2) of the reading side wakes it. But then, once our FIN is sent, the kernel answers the peer's next bytes
//!   with RST (RFC 1122, section 4.2.2.13), which is what lingering avoids.
//! - A signal may arrive just before the call that it should interrupt, so it would have to be repeated until the thread
//!   reacts, and its handler belongs to the whole process.
//! - poll(2) can wait for two things at once, but a poll before each call is one more system call per message.
//!
//! So a blocking call times out after [`BLOCKING_CALL_TIMEOUT`](crate::server::limits::BLOCKING_CALL_TIMEOUT) without
//! traffic (`SO_RCVTIMEO`, `SO_SNDTIMEO`), and only then the thread [`parks`](ThreadConnection::park) in poll(2), on its
//! socket and on the [`shutdown_pipe`](super::shutdown_pipe). A busy connection never gets that far: a message costs it
//! recv and send. A connection without traffic sleeps in poll(2). In between, for the length of that one timeout, a stop
//! goes unnoticed. The event loop waits for everything at once, so it has no such gap.

use super::connection_table::{Shared, lock};
use super::read_buffer::ReadBuffer;
use super::shutdown_pipe::{Awaited, WaitEnd};
use super::thread_stream::ThreadStream;
use crate::connection::{ConnectionEvent, Deadline, IoFailure, Phase, Reason};
use crate::server::delivery::LastDelivery;
use crate::server::kernel::reset_on_close;
use crate::server::limits::IDLE_TICKS;
use crate::server::misbehaviour::MisbehavingSocket;
use crate::server::observer::{BlockingCall, ConnectionId, ConnectionSummary, Observer};
use crate::text::address::Address;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which connection it is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: ConnectionId,
    pub(super) peer: Address,
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
    last_delivery: LastDelivery,
    /// Whether the shutdown pipe has been noticed. It stays readable, so it is not waited on again.
    shutdown_noticed: bool,
    buffer: ReadBuffer,
}

impl<O: Observer> ThreadConnection<O> {
    pub(super) fn new(identity: Identity, observer: Arc<Mutex<O>>, shared: Arc<Shared<O>>) -> Self {
        Self {
            identity,
            observer,
            buffer: ReadBuffer::new(shared.config.read_buffer, Arc::clone(&shared.memory)),
            shared,
            bytes_in: 0,
            bytes_out: 0,
            idle_since: None,
            last_delivery: LastDelivery::default(),
            shutdown_noticed: false,
        }
    }

    /// The whole life of the thread.
    pub(super) fn run(self, stream: &TcpStream) {
        let mut closing = CloseOnDrop {
            connection: self,
            stream,
            reason: Reason::Failed(IoFailure::Kind(ErrorKind::Other)),
        };
        let ended = closing.connection.serve_all(stream);
        closing.reason = ended.err().unwrap_or(Reason::Finished);
    }

    /// What comes before the echo, and the echo.
    fn serve_all(&mut self, stream: &TcpStream) -> Result<(), Reason> {
        let shared = Arc::clone(&self.shared);
        #[cfg(feature = "preamble")]
        if let Some(preamble) = &shared.config.preamble
            && self.begin(preamble, stream)?.is_break()
        {
            return Ok(());
        }
        match &shared.config.misbehaviour {
            None => self.serve_on(stream),
            Some(misbehaviour) => {
                let mut socket = MisbehavingSocket::new(stream, shared.config.read_buffer);
                socket.misbehave(misbehaviour, self.identity.id.0);
                self.serve_on(socket)
            }
        }
    }

    fn serve_on(&mut self, mut stream: impl ThreadStream) -> Result<(), Reason> {
        stream
            .prepare(self.shared.config.idle_timeout)
            .map_err(|error| Reason::Failed((&error).into()))?;
        self.serve(&mut stream)
    }

    /// Echoes until the peer has finished or a stop is requested.
    fn serve(&mut self, stream: &mut impl ThreadStream) -> Result<(), Reason> {
        while !self.stop_requested() {
            if self.echo(stream)?.is_break() {
                return Ok(());
            }
        }
        self.drain(stream)
    }

    /// Blocks until the peer sends something, then sends it back. Breaks at the peer's FIN.
    fn echo(&mut self, stream: &mut impl ThreadStream) -> Result<ControlFlow<()>, Reason> {
        self.emit_call(stream, BlockingCall::Read);
        match self.buffer.room().and_then(|room| stream.read(room)) {
            Ok(0) => {
                self.emit(ConnectionEvent::PeerFinished);
                return Ok(ControlFlow::Break(()));
            }
            Ok(bytes) => {
                self.bytes_in += bytes as u64;
                self.emit(ConnectionEvent::Read { bytes });
                self.write_all(stream, bytes)?;
                self.buffer.adapt(bytes);
            }
            Err(error) => self.wait_or_fail(stream, Awaited::Input, &error)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Blocks until the kernel has taken all `bytes` of the buffer.
    fn write_all(&mut self, stream: &mut impl ThreadStream, bytes: usize) -> Result<(), Reason> {
        let mut written = 0;
        while written < bytes {
            self.emit_call(stream, BlockingCall::Write);
            let offered = bytes - written;
            match stream.write(self.buffer.received(written..bytes)) {
                Ok(0) => return Err(Reason::Failed(IoFailure::Kind(ErrorKind::WriteZero))),
                Ok(taken) => {
                    written += taken;
                    self.bytes_out += taken as u64;
                    self.emit_pending(bytes - written);
                    self.emit(ConnectionEvent::Wrote {
                        bytes: taken,
                        offered,
                    });
                    // With a peer that reads very slowly, each write makes progress, and none returns an error.
                    self.check_deadline(stream)?;
                }
                Err(error) => {
                    self.emit_pending(offered);
                    self.wait_or_fail(stream, Awaited::Room, &error)?;
                }
            }
        }
        Ok(())
    }

    /// Pending bytes can be reported only when a blocked write has returned: until then, the thread sleeps in the call.
    fn emit_pending(&mut self, bytes: usize) {
        if bytes > 0 {
            self.emit(ConnectionEvent::Queued { bytes });
        }
    }

    /// A stop is under way: echo what has been received, send our FIN, wait for the peer's.
    fn drain(&mut self, stream: &mut impl ThreadStream) -> Result<(), Reason> {
        // If the kernel cannot report the number, assume more than there can be: drain until nothing comes.
        let unread = stream.unread_bytes().unwrap_or(u32::MAX);
        self.emit_phase(Phase::Draining { unread });
        let all = self.bytes_in.saturating_add(unread.into());
        while self.bytes_in < all {
            if self.echo(stream)?.is_break() {
                return Ok(());
            }
        }
        self.finish(stream)
    }

    /// Sends our FIN, then waits for the peer's.
    fn finish(&mut self, stream: &mut impl ThreadStream) -> Result<(), Reason> {
        // This fails if the peer is already gone; the read below reports how.
        let _peer_is_gone = stream.send_fin();
        self.emit(ConnectionEvent::FinSent);
        self.emit_phase(Phase::Lingering);
        self.linger(stream)
    }

    /// Our FIN is sent: discard what arrives until the peer's.
    fn linger(&mut self, stream: &mut impl ThreadStream) -> Result<(), Reason> {
        loop {
            self.emit_call(stream, BlockingCall::Read);
            match self.buffer.room().and_then(|room| stream.read(room)) {
                Ok(0) => {
                    self.emit(ConnectionEvent::PeerFinished);
                    return Ok(());
                }
                Ok(bytes) => {
                    self.emit(ConnectionEvent::Discarded { bytes });
                    self.check_deadline(stream)?;
                }
                Err(error) => self.wait_or_fail(stream, Awaited::Input, &error)?,
            }
        }
    }

    /// A blocking call moved nothing: it timed out, or the connection is broken.
    fn wait_or_fail(
        &mut self,
        stream: &impl ThreadStream,
        awaited: Awaited,
        error: &io::Error,
    ) -> Result<(), Reason> {
        match error.kind() {
            ErrorKind::WouldBlock => self.park(stream, awaited),
            // The process may have been stopped (signal(7), SIGSTOP), and only another try shows what the peer has done
            // meanwhile.
            ErrorKind::Interrupted => Ok(()),
            _ => Err(Reason::Failed(error.into())),
        }
    }

    /// Sleeps until the call is worth another try, a stop is requested, or a deadline has passed.
    ///
    /// A write is worth another try at each tick of the idle timeout: poll(2) reports room only when a good part of the
    /// send buffer is free, but send(2) uses any room, so the attempt shows that a slow reader makes progress.
    fn park(&mut self, stream: &impl ThreadStream, awaited: Awaited) -> Result<(), Reason> {
        if stream.awaits_peer() {
            self.idle_since.get_or_insert_with(Instant::now);
        } else {
            self.idle_since = None;
        }
        let deadline = self.deadline().map(|(at, _)| at);
        let until = match awaited {
            Awaited::Room => deadline.into_iter().chain(self.next_tick()).min(),
            Awaited::Input | Awaited::InputOrRoom | Awaited::Nothing => {
                self.buffer.shrink();
                deadline
            }
        };
        let pipe = (!self.shutdown_noticed).then_some(&self.shared.shutdown_pipe);
        let woken = stream.wait(awaited, pipe, until);
        self.shutdown_noticed = self.stop_requested();
        match woken {
            Ok(WaitEnd::TimedOut) if until == deadline => self.check_deadline(stream),
            Ok(WaitEnd::TimedOut | WaitEnd::Woken) => Ok(()),
            Err(error) => Err(Reason::Failed((&error).into())),
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        let timeout = self.shared.config.idle_timeout?;
        Instant::now().checked_add(timeout / IDLE_TICKS)
    }

    fn stop_requested(&self) -> bool {
        self.shared.drain_expires.get().is_some()
    }

    /// When the idle timeout or the drain timeout ends, whichever is sooner.
    fn deadline(&self) -> Option<(Instant, Deadline)> {
        let idle_timeout = self.shared.config.idle_timeout;
        let idle = self.idle_since.zip(idle_timeout);
        let idle = idle.and_then(|(since, timeout)| since.checked_add(timeout));
        let drain = self.shared.drain_expires.get().copied().flatten();
        let idle = idle.map(|at| (at, Deadline::Idle));
        let drain = drain.map(|at| (at, Deadline::Drain));
        idle.into_iter().chain(drain).min_by_key(|(at, _)| *at)
    }

    fn check_deadline(&mut self, stream: &impl ThreadStream) -> Result<(), Reason> {
        match self.deadline() {
            Some((at, _)) if Instant::now() < at => Ok(()),
            Some((_, Deadline::Idle)) if self.note_delivery(stream) => self.check_deadline(stream),
            Some((_, deadline)) => Err(Reason::TimedOut(deadline)),
            None => Ok(()),
        }
    }

    /// If the kernel has delivered within the idle timeout, the connection is idle only since then. Returns whether it has.
    fn note_delivery(&mut self, stream: &impl ThreadStream) -> bool {
        let timeout = self.shared.config.idle_timeout.unwrap_or(Duration::MAX);
        let delivery = stream.delivery(&mut lock(&self.shared.deliveries));
        let quiet = self.last_delivery.quiet_within(timeout, delivery);
        self.idle_since = quiet
            .and_then(|quiet| Instant::now().checked_sub(quiet))
            .or(self.idle_since);
        quiet.is_some()
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

    /// Takes the lock only if the call is observed: only a trace needs these two locks per message.
    fn emit_call(&self, stream: &impl ThreadStream, call: BlockingCall) {
        if O::OBSERVES_CALLS {
            let mut observer = lock(&self.observer);
            if observer.observes_sockets()
                && let Some(socket) = stream.descriptor()
            {
                observer.socket_seen(self.identity.id, socket);
            }
            observer.blocking_call(self.identity.id, call);
        }
    }

    fn emit_phase(&self, phase: Phase) {
        lock(&self.observer).phase_changed(self.identity.id, phase);
    }
}

/// The end of a connection, even if its thread panics: with bytes pending it is a reset, and its entry in the table is
/// always removed.
struct CloseOnDrop<'a, O: Observer> {
    connection: ThreadConnection<O>,
    stream: &'a TcpStream,
    reason: Reason,
}

impl<O: Observer> Drop for CloseOnDrop<'_, O> {
    fn drop(&mut self) {
        let connection = &self.connection;
        if connection.bytes_in != connection.bytes_out {
            reset_on_close(self.stream);
        }
        let summary = ConnectionSummary {
            id: connection.identity.id,
            peer: connection.identity.peer.clone(),
            bytes_in: connection.bytes_in,
            bytes_out: connection.bytes_out,
            reason: self.reason,
        };
        connection.shared.close(connection.identity.key, &summary);
    }
}

#[cfg(feature = "preamble")]
mod preamble;
#[cfg(test)]
mod tests;
