//! Stopping: what may request it, and what is to be done when.
//!
//! A stop takes three steps: echo what has been received, send our FIN, wait for the peer's. This file keeps the
//! clock of a stop and turns its stages into [`StopAction`]s; the two modes carry them out.

use super::observer::{Observer, WakeSource};
use super::sources::Source;
use mio::{Interest, Registry, Waker};
use signal_hook::consts::signal::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook_mio::v1_0::Signals;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Requests a stop of a server, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stopper {
    /// Stops accepting, echoes what has been received, then ends the server as SIGTERM would.
    ///
    /// # Errors
    ///
    /// The server could not be woken.
    pub fn stop(&self) -> io::Result<()> {
        self.requested.store(true, Ordering::Release);
        self.waker.wake()
    }
}

/// A step of a stop, to be carried out on all connections at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopAction {
    /// Stop accepting; echo what has been received, then finish.
    Drain,
    /// Close every connection that is still open.
    Expire,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopStage {
    Serving,
    /// Until the given time; without one, for as long as it takes.
    Draining(Option<Instant>),
    Expired,
}

/// Receives requests to stop and decides what follows from them.
pub(super) struct Shutdown {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
    signals: Option<Signals>,
    /// Set by the first signal that requests a stop; the second one then ends the process.
    signalled: Arc<AtomicBool>,
    stage: StopStage,
    /// How long the peers have to finish, from the request on.
    drain_timeout: Duration,
    report_requested: bool,
}

impl Shutdown {
    pub(super) fn new(registry: &Registry, drain_timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            requested: Arc::default(),
            waker: Arc::new(Waker::new(registry, Source::Waker.into())?),
            signals: None,
            signalled: Arc::default(),
            stage: StopStage::Serving,
            drain_timeout,
            report_requested: false,
        })
    }

    /// From now on SIGINT and SIGTERM request a stop, and SIGUSR1 a report.
    ///
    /// A second request ends the process in the signal handler itself: it must work whatever the server is blocked
    /// on.
    pub(super) fn handle_signals(&mut self, registry: &Registry) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal tests the flag before it sets it. The exit code is the one that a
            // shell reports for a process killed by the signal.
            let code = 128 + signal;
            flag::register_conditional_shutdown(signal, code, Arc::clone(&self.signalled))?;
            flag::register(signal, Arc::clone(&self.signalled))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        registry.register(&mut signals, Source::Signals.into(), Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    pub(super) fn stopper(&self) -> Stopper {
        Stopper {
            requested: Arc::clone(&self.requested),
            waker: Arc::clone(&self.waker),
        }
    }

    /// The waker, for other threads that have work for the loop.
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Takes the signals that have arrived.
    pub(super) fn note_signals(&mut self, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Signals);
        for signal in self.signals.iter_mut().flat_map(Signals::pending) {
            match signal {
                SIGUSR1 => self.report_requested = true,
                _ => self.requested.store(true, Ordering::Release),
            }
        }
    }

    /// Whether a report was requested since this was last called.
    pub(super) fn take_report_request(&mut self) -> bool {
        std::mem::take(&mut self.report_requested)
    }

    /// The next action, if its time has come. Call it until there is none.
    pub(super) fn next_action(&mut self) -> Option<StopAction> {
        let (stage, action) = match self.stage {
            StopStage::Serving if self.requested.load(Ordering::Acquire) => {
                let expires = Instant::now().checked_add(self.drain_timeout);
                (StopStage::Draining(expires), StopAction::Drain)
            }
            StopStage::Draining(Some(expires)) if Instant::now() >= expires => {
                (StopStage::Expired, StopAction::Expire)
            }
            StopStage::Serving | StopStage::Draining(_) | StopStage::Expired => return None,
        };
        self.stage = stage;
        Some(action)
    }

    /// When the time of the peers is up, if a stop is under way and limited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            StopStage::Draining(expires) => expires,
            StopStage::Serving | StopStage::Expired => None,
        }
    }

    /// Whether a stop is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.stage != StopStage::Serving
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("stage", &self.stage)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}
