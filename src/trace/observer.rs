//! The observer that traces.

use super::header::Header;
use super::json_lines::Trace;
use super::record::{Event, Lane, PhaseName};
use super::recorder::Recorder;
use super::sink::Target;
use crate::connection::{ConnectionEvent, Phase};
use crate::readiness::{EventFlags, Readiness};
use crate::server::{
    AcceptPause, BlockingCall, ConnectionId, ConnectionSummary, LoopPhase, Observer, WakeSource,
};
use crate::text::os_error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An observer that records what it sees. All clones write into the same trace, in the order of time;
/// in threads mode each thread has one.
#[derive(Debug, Clone)]
pub struct Tracer {
    recorder: Arc<Mutex<Recorder>>,
}

impl Tracer {
    /// A trace that begins now, with at most so many records; the last one of them says that there were
    /// more.
    ///
    /// # Errors
    ///
    /// The header cannot be written.
    pub fn new(target: Target, header: Header, limit: Option<u64>) -> io::Result<Self> {
        let recorder = Recorder::new(target, header, limit)?;
        Ok(Self {
            recorder: Arc::new(Mutex::new(recorder)),
        })
    }

    /// The server has ended: completes the trace, and returns it if it is in memory. Whoever still
    /// observes is not heard any more.
    ///
    /// A page that cannot be written is lost, with a warning in the log, as any other trace is.
    pub fn finish(&self) -> Option<Trace> {
        self.recorder().finish()
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_loop(&self, event: Event) {
        self.recorder().record(Lane::Loop, event);
    }
}

impl Observer for Tracer {
    fn waiting(&mut self, timeout: Option<Duration>) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let timeout = timeout.map(nanos);
        let mut recorder = self.recorder();
        recorder.record(Lane::Loop, Event::Waits { timeout });
        if timeout != Some(0) {
            recorder.flush();
        }
    }

    fn woke(&mut self, events: usize) {
        self.on_loop(Event::Woke { events });
    }

    fn woken_by(&mut self, by: WakeSource) {
        self.on_loop(Event::Called { by });
    }

    fn phase_entered(&mut self, phase: LoopPhase) {
        self.recorder().enter(phase);
    }

    fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        let lane = Lane::Connection(id.0);
        self.recorder().record(lane, Event::Accepted { peer });
    }

    fn flags_reported(&mut self, id: ConnectionId, edge: EventFlags) {
        let lane = Lane::Connection(id.0);
        self.recorder().record(lane, Event::Hinted(edge));
    }

    fn on_event(&mut self, id: ConnectionId, fact: ConnectionEvent) {
        self.recorder().happen(id.0, fact.into());
    }

    fn readiness_changed(&mut self, id: ConnectionId, readiness: Readiness) {
        let (readable, writable) = (readiness.is_readable(), readiness.is_writable());
        self.recorder().believe(id.0, readable, writable);
    }

    fn phase_changed(&mut self, id: ConnectionId, phase: Phase) {
        let name = match phase {
            Phase::Open => PhaseName::Open,
            Phase::Draining { .. } => PhaseName::Draining,
            Phase::Lingering => PhaseName::Lingering,
            // Told by `closed`, with its reason.
            Phase::Closed(_) => return,
        };
        self.recorder().stand(id.0, name);
    }

    fn yielded(&mut self, id: ConnectionId) {
        let lane = Lane::Connection(id.0);
        self.recorder().record(lane, Event::Yielded);
    }

    fn blocking_call(&mut self, id: ConnectionId, call: BlockingCall) {
        self.recorder().call(id.0, call);
    }

    fn closed(&mut self, farewell: &ConnectionSummary) {
        let closed = Event::Closed {
            reason: farewell.reason.to_string(),
            bytes_in: farewell.bytes_in,
            bytes_out: farewell.bytes_out,
        };
        self.recorder().close(farewell.id.0, closed);
    }

    fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        let error = os_error::in_words(error);
        self.on_loop(Event::Refused { peer, error });
    }

    fn accept_failed(&mut self, error: &io::Error) {
        let error = os_error::in_words(error);
        self.on_loop(Event::AcceptFailed { error });
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        let reason = match pause {
            AcceptPause::Full(limit) => format!("{limit} connections are open, the limit"),
            AcceptPause::Exhausted(error) => os_error::in_words(error),
        };
        self.on_loop(Event::AcceptPaused { reason });
    }

    fn accept_resumed(&mut self) {
        self.on_loop(Event::AcceptResumed);
    }

    fn stopping(&mut self, open: usize) {
        self.on_loop(Event::Stopping { open });
    }
}

impl From<ConnectionEvent> for Event {
    fn from(fact: ConnectionEvent) -> Self {
        match fact {
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
