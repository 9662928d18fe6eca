//! A thread for calls that sleep.

use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Jobs that may wait. One that does not fit is dropped.
const QUEUE: usize = 16;

/// A thread that makes one call for each peer, beside the loop.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: SyncSender<SocketAddr>,
}

impl Worker {
    /// Starts the thread, which ends with this value.
    pub(crate) fn new(call: fn(SocketAddr)) -> Self {
        let (jobs, queue) = sync_channel(QUEUE);
        thread::spawn(move || queue.iter().for_each(call));
        Self { jobs }
    }

    /// Lets the thread make the call. Never blocks.
    pub(crate) fn hand_over(&self, peer: SocketAddr) {
        let _dropped_if_full = self.jobs.try_send(peer);
    }
}
