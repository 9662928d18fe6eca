//! Stopping: who may ask for it, and what is to be done when.
//!
//! A stop is a conversation of its own: echo what has been received, say our FIN, wait for the peer's.
//! This file keeps its clock and turns its stages into [`StopAction`]s; the two modes carry them out.

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

/// Asks a server to stop, from any thread.
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

/// Something to carry out on all connections at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopAction {
    /// Show the statistics so far.
    Report,
    /// Stop accepting; echo what has been received, then finish.
    Drain,
    /// Let go of whoever is still there.
    Expire,
}

/// Where a stop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Until the given time; without one, for as long as it takes.
    Draining(Option<Instant>),
    Expired,
}

/// Listens for requests to stop and knows what follows from them.
pub(super) struct Shutdown {
    requested: Arc<AtomicBool>,
    waker: Arc<Waker>,
    signals: Option<Signals>,
    /// Set by the first signal that requests a stop; the second one then ends the process.
    signalled: Arc<AtomicBool>,
    stage: Stage,
    /// How long the peers have, from the request to the end.
    timeout: Duration,
    report_requested: bool,
}

impl Shutdown {
    pub(super) fn new(registry: &Registry, timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            requested: Arc::default(),
            waker: Arc::new(Waker::new(registry, Source::Waker.into())?),
            signals: None,
            signalled: Arc::default(),
            stage: Stage::Serving,
            timeout,
            report_requested: false,
        })
    }

    /// From now on SIGINT and SIGTERM request a stop, and SIGUSR1 a report.
    ///
    /// A second request ends the process in the signal's own handler: whatever the server hangs on, be it
    /// a log that nobody reads, must not matter then.
    pub(super) fn handle_signals(&mut self, registry: &Registry) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            // The order counts: at the first signal the flag is looked at before it is set. The code is
            // the one with which a shell reports a process that died of the signal.
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

    /// The waker, for whoever else has news for the loop.
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Takes the signals that have come.
    pub(super) fn note_signals(&mut self, observer: &mut impl Observer) {
        observer.woken_by(WakeSource::Signals);
        for signal in self.signals.iter_mut().flat_map(Signals::pending) {
            match signal {
                SIGUSR1 => self.report_requested = true,
                _ => self.requested.store(true, Ordering::Release),
            }
        }
    }

    /// The next thing to carry out, if its time has come. Ask until there is none.
    pub(super) fn next_action(&mut self) -> Option<StopAction> {
        if std::mem::take(&mut self.report_requested) {
            return Some(StopAction::Report);
        }
        let (stage, order) = match self.stage {
            Stage::Serving if self.requested.load(Ordering::Acquire) => {
                let expires = Instant::now().checked_add(self.timeout);
                (Stage::Draining(expires), StopAction::Drain)
            }
            Stage::Draining(Some(expires)) if Instant::now() >= expires => {
                (Stage::Expired, StopAction::Expire)
            }
            Stage::Serving | Stage::Draining(_) | Stage::Expired => return None,
        };
        self.stage = stage;
        Some(order)
    }

    /// When the peers' time is up, if a stop is under way.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Draining(expires) => expires,
            Stage::Serving | Stage::Expired => None,
        }
    }

    /// Whether a stop is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.stage != Stage::Serving
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("stage", &self.stage)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
