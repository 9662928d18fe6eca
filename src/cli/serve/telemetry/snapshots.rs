//! Copies of the statistics of the running server, for the threads of the telemetry.

use mio_echo::server::{SnapshotRequester, Stats};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the threads get their copies, one thread at a time.
#[derive(Debug)]
pub(super) struct Snapshots {
    requester: SnapshotRequester,
    /// Requested copies; its sender is in the statistics of the server.
    copies: Mutex<Receiver<Stats>>,
}

impl Snapshots {
    pub(super) fn new(requester: SnapshotRequester, copies: Receiver<Stats>) -> Self {
        Self {
            requester,
            copies: Mutex::new(copies),
        }
    }

    /// The statistics as they are now. `None` if the server does not send them within `timeout`: it has ended, or
    /// hangs.
    pub(super) fn take(&self, timeout: Duration) -> Option<Stats> {
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        // One that came too late for the thread that had requested it.
        while copies.try_recv().is_ok() {}
        self.requester.request().ok()?;
        copies.recv_timeout(timeout).ok()
    }
}
