//! What the threads share, and the locks for it. The event loop has one thread and needs none of this.

use super::shutdown_pipe::ReadEnd;
use crate::server::config::Config;
use crate::server::delivery::Deliveries;
use crate::server::memory::MemoryRoom;
use crate::server::observer::{ConnectionSummary, Observer};
use mio::Waker;
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// What every thread can reach.
#[derive(Debug)]
pub(super) struct Shared<O> {
    pub(super) config: Config,
    /// Set once, when a stop is requested: when the drain timeout is over, if there is one.
    pub(super) drain_expires: OnceLock<Option<Instant>>,
    /// Becomes readable after that.
    pub(super) shutdown_pipe: ReadEnd,
    /// Asked about a connection that is about to be closed as idle.
    pub(super) deliveries: Mutex<Deliveries>,
    pub(super) memory: Arc<MemoryRoom>,
    table: Mutex<ConnectionTable<O>>,
    /// Wakes the main thread.
    waker: Arc<Waker>,
}

/// The open connections, and what was observed.
#[derive(Debug)]
pub(super) struct ConnectionTable<O> {
    /// The observers of the open connections.
    pub(super) open: Slab<Arc<Mutex<O>>>,
    /// The observer of the server as a whole and of the connections that are over.
    pub(super) observer: O,
    /// Whether the main thread is to be woken when a connection ends.
    pub(super) wake_on_close: bool,
}

impl<O: Observer> Shared<O> {
    pub(super) fn new(
        config: Config,
        shutdown_pipe: ReadEnd,
        waker: Arc<Waker>,
        observer: O,
    ) -> Self {
        Self {
            config,
            drain_expires: OnceLock::new(),
            shutdown_pipe,
            deliveries: Mutex::default(),
            memory: MemoryRoom::new(),
            table: Mutex::new(ConnectionTable {
                open: Slab::new(),
                observer,
                wake_on_close: false,
            }),
            waker,
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, ConnectionTable<O>> {
        lock(&self.table)
    }

    /// Removes a connection that is over, and wakes the main thread if it is waiting for that.
    pub(super) fn close(&self, key: usize, summary: &ConnectionSummary) {
        let mut table = self.table();
        let observed = lock(&table.open.remove(key)).clone();
        table.observer.merge(observed);
        table.observer.closed(summary);
        let wake = table.wake_on_close;
        drop(table);
        if wake {
            // This fails only if the poll is gone, and with it the main thread.
            let _server_is_gone = self.waker.wake();
        }
    }
}

impl<O: Observer> ConnectionTable<O> {
    /// Everything observed so far, the open connections included.
    pub(super) fn observed_so_far(&self) -> O {
        let mut all = self.observer.clone();
        for (_, observer) in &self.open {
            all.merge(lock(observer).clone());
        }
        all
    }
}

/// Locks `mutex`, even after a thread has panicked while holding it: the guarded data is valid at every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
