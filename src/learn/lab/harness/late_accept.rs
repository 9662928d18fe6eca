//! A client that connects to a server whose process has no descriptor for it.

use super::deadline::until;
use super::descriptors::ExhaustedDescriptors;
use super::server::Behaviour;
use super::socket_buffers::SocketBuffers;
use super::stepper::Harness;
use crate::trace::Trace;
use std::io;
use std::time::{Duration, Instant};

/// This many failures are a loop that spins.
const SPIN: usize = 1000;
/// How long a server that does not spin has no descriptors.
const WINDOW: Duration = Duration::from_millis(50);
/// The longest wait of a step.
const STEP: Duration = Duration::from_millis(10);

/// What the server did for the client.
#[derive(Debug)]
pub(crate) struct LateAccept {
    pub(crate) trace: Trace,
    /// Calls of accept(2) that failed while there was no descriptor.
    pub(crate) failures: usize,
    /// How long there was none.
    time: Duration,
    /// Whether the server accepted the client once there was one.
    is_accepted: bool,
}

impl LateAccept {
    /// By a server that counts its failed accepts.
    pub(crate) fn by<B: Behaviour>(server: B, failures: fn(&B) -> usize) -> io::Result<Self> {
        let mut harness = Harness::new(SocketBuffers::default(), server)?;
        let _client = harness.connect_to_backlog()?;
        until("the client is in the backlog", || harness.has_backlog())?;
        let exhausted = ExhaustedDescriptors::new()?;
        let start = Instant::now();
        let mut has_work = true;
        while failures(&harness.behaviour) < SPIN && (has_work || start.elapsed() < WINDOW) {
            has_work = harness.step(STEP)?;
        }
        let time = start.elapsed();
        drop(exhausted);
        let failures = failures(&harness.behaviour);
        let is_accepted = harness.accept_until_stalled(1)?;
        Ok(Self {
            trace: harness.into_trace(),
            failures,
            time,
            is_accepted,
        })
    }

    /// Whether it tried again after each pause, and accepted the client at last.
    pub(crate) fn is_paced(&self, pause: Duration) -> bool {
        let most = 1 + self.time.as_millis() / pause.as_millis().max(1);
        self.is_accepted && (1..=most).contains(&(self.failures as u128))
    }

    /// Whether it did nothing but try.
    pub(crate) fn spins(&self) -> bool {
        self.failures == SPIN && self.is_accepted
    }

    /// Whether it never tried again.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.failures == 1 && !self.is_accepted
    }

    /// Where the client is in the end.
    pub(crate) fn client(&self) -> &'static str {
        if self.is_accepted {
            "accepted"
        } else {
            "in the backlog"
        }
    }
}
