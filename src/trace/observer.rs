//! The observer that records a trace.

use super::header::Header;
use super::json_lines::Trace;
use super::record::{Event, Lane, PhaseName};
use super::recorder::Recorder;
use super::sink::Target;
use crate::connection::{ConnectionEvent, Phase};
use crate::readiness::{EventFlags, Readiness};
use crate::server::{
    AcceptPause, BlockingCall, ConnectionId, ConnectionSummary, DatagramEvent, LoopPhase, Observer,
    ProxyHeader, WakeSource,
};
use crate::text::address::Address;
use crate::text::os_error;
use crate::text::units::nanoseconds;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An observer that records what it observes. All clones write to the same trace, in the order of time; in
/// threads mode each thread has its own clone.
#[derive(Debug, Clone)]
pub struct Tracer {
    recorder: Arc<Mutex<Recorder>>,
    /// Whether sockets are looked at: for their descriptors or their buffers.
    observes_sockets: bool,
}

impl Tracer {
    /// A trace that begins now, with at most `limit` records; `None` means no limit. At the limit the last
    /// record is [`Event::TraceLimitReached`].
    ///
    /// # Errors
    ///
    /// The header cannot be written to the target.
    pub fn new(target: Target, header: Header, limit: Option<u64>) -> io::Result<Self> {
        let observes_sockets = header.has_buffers || matches!(target, Target::Explained(_));
        let recorder = Recorder::new(target, header, limit)?;
        Ok(Self {
            recorder: Arc::new(Mutex::new(recorder)),
            observes_sockets,
        })
    }

    /// Completes the trace when the server has ended, and returns it if it is in memory. The other clones
    /// record nothing from here on.
    ///
    /// # Errors
    ///
    /// The trace could not be written to its end, which a warning in the log has reported when it happened.
    pub fn finish(&self) -> io::Result<Option<Trace>> {
        self.recorder().finish()
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_loop(&self, event: Event) {
        self.recorder().record(Lane::Loop, event);
    }

    fn on_connection(&self, id: ConnectionId, event: Event) {
        self.recorder().record(Lane::Connection(id.0), event);
    }
}

impl Observer for Tracer {
    fn waiting(&mut self, timeout: Option<Duration>) {
        let timeout_ns = timeout.map(nanoseconds);
        let mut recorder = self.recorder();
        recorder.record(Lane::Loop, Event::Waiting { timeout_ns });
        if timeout_ns != Some(0) {
            recorder.flush();
        }
    }

    fn woke(&mut self, events: usize) {
        self.on_loop(Event::Woke { events });
    }

    fn woken_by(&mut self, source: WakeSource) {
        self.on_loop(Event::WokenBy { source });
    }

    fn phase_entered(&mut self, phase: LoopPhase) {
        self.recorder().enter(phase);
    }

    fn accepted(&mut self, id: ConnectionId, peer: &Address) {
        self.on_connection(id, Event::Accepted { peer: peer.clone() });
    }

    fn proxy_header(&mut self, id: ConnectionId, _proxy: &Address, header: ProxyHeader) {
        let event = match header {
            ProxyHeader::Peer(peer) => Event::ProxyHeader { peer: Some(peer) },
            ProxyHeader::Unknown => Event::ProxyHeader { peer: None },
            ProxyHeader::Missing(error) => Event::ProxyHeaderMissing {
                reason: error.to_string(),
            },
        };
        self.on_connection(id, event);
    }

    fn banner_sent(&mut self, id: ConnectionId, bytes: usize) {
        self.on_connection(id, Event::BannerSent { bytes });
    }

    fn observes_sockets(&self) -> bool {
        self.observes_sockets
    }

    fn socket_seen(&mut self, id: ConnectionId, socket: BorrowedFd<'_>) {
        self.recorder().socket(id.0, socket);
    }

    fn flags_reported(&mut self, id: ConnectionId, flags: EventFlags) {
        self.on_connection(id, Event::FlagsReported { flags });
    }

    fn on_event(&mut self, id: ConnectionId, event: ConnectionEvent) {
        self.recorder().connection_event(id.0, event.into());
    }

    fn readiness_changed(&mut self, id: ConnectionId, readiness: Readiness) {
        let (readable, writable) = (readiness.is_readable(), readiness.is_writable());
        self.recorder().readiness(id.0, readable, writable);
    }

    fn phase_changed(&mut self, id: ConnectionId, phase: Phase) {
        let name = match phase {
            Phase::Open => PhaseName::Open,
            Phase::Draining { .. } => PhaseName::Draining,
            Phase::Lingering => PhaseName::Lingering,
            // Recorded by `closed`, with the reason.
            Phase::Closed(_) => return,
        };
        self.recorder().phase(id.0, name);
    }

    fn yielded(&mut self, id: ConnectionId) {
        self.on_connection(id, Event::Yielded);
    }

    fn blocking_call(&mut self, id: ConnectionId, call: BlockingCall) {
        self.recorder().blocking_call(id.0, call);
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        let closed = Event::Closed {
            reason: summary.reason.to_string(),
            bytes_in: summary.bytes_in,
            bytes_out: summary.bytes_out,
        };
        self.recorder().close(summary.id.0, closed);
    }

    fn refused(&mut self, peer: &Address, error: &io::Error) {
        let (peer, error) = (peer.clone(), os_error::describe(error));
        self.on_loop(Event::Refused { peer, error });
    }

    fn accept_failed(&mut self, error: &io::Error) {
        let error = os_error::describe(error);
        self.on_loop(Event::AcceptFailed { error });
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        let reason = match pause {
            AcceptPause::Full(limit) => format!("the limit of {limit} open connections is reached"),
            AcceptPause::Exhausted(error) => os_error::describe(error),
        };
        self.on_loop(Event::AcceptPaused { reason });
    }

    fn accept_resumed(&mut self) {
        self.on_loop(Event::AcceptResumed);
    }

    fn on_datagram(&mut self, peer: SocketAddr, event: DatagramEvent) {
        self.on_loop(match event {
            DatagramEvent::Received { bytes } => Event::DatagramReceived { peer, bytes },
            DatagramEvent::Replied { bytes } => Event::DatagramReplied { peer, bytes },
            DatagramEvent::Refused(refusal) => Event::DatagramRefused {
                peer,
                reason: refusal.to_string(),
            },
            DatagramEvent::Dropped => Event::ReplyLost {
                peer,
                reason: "the send buffer is full".to_owned(),
            },
            DatagramEvent::Failed(failure) => Event::ReplyLost {
                peer,
                reason: failure.to_string(),
            },
        });
    }

    fn waiting_for_datagrams(&mut self) {
        self.recorder().flush();
    }

    fn receive_failed(&mut self, error: &io::Error) {
        let error = os_error::describe(error);
        self.on_loop(Event::ReceiveFailed { error });
    }

    fn stopping(&mut self, open_connections: usize) {
        self.on_loop(Event::Stopping { open_connections });
    }
}

impl From<ConnectionEvent> for Event {
    fn from(event: ConnectionEvent) -> Self {
        match event {
            ConnectionEvent::Read { bytes } => Self::Read { bytes },
            ConnectionEvent::ReadWouldBlock => Self::ReadWouldBlock,
            ConnectionEvent::PeerFinished => Self::PeerFinished,
            ConnectionEvent::Wrote { bytes, offered } => Self::Wrote { bytes, offered },
            ConnectionEvent::WriteWouldBlock => Self::WriteWouldBlock,
            ConnectionEvent::Queued { bytes } => Self::Queued { bytes },
            ConnectionEvent::Discarded { bytes } => Self::Discarded { bytes },
            ConnectionEvent::FinSent => Self::FinSent,
        }
    }
}
