//! What the threads of the contrast share, and the locks that it takes: the event loop, which is alone,
//! needs none of this.

use super::shutdown_pipe::ReadEnd;
use crate::server::config::Config;
use crate::server::observer::{ConnectionSummary, Observer};
use mio::Waker;
use slab::Slab;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// What all threads see.
#[derive(Debug)]
pub(super) struct Shared<O> {
    pub(super) config: Config,
    /// Set once, when a stop is requested: when the peers' time is up, if ever.
    pub(super) drain_expires: OnceLock<Option<Instant>>,
    /// Rung after that.
    pub(super) bell: ReadEnd,
    books: Mutex<ConnectionTable<O>>,
    /// Wakes the main thread.
    waker: Arc<Waker>,
}

/// Who is here, and what was seen.
#[derive(Debug)]
pub(super) struct ConnectionTable<O> {
    /// The observers of the conversations that are under way.
    pub(super) open: Slab<Arc<Mutex<O>>>,
    /// What the server as a whole did, and the conversations that are over.
    pub(super) observer: O,
    /// Whether the main thread waits for a conversation to end.
    pub(super) end_awaited: bool,
}

impl<O: Observer> Shared<O> {
    pub(super) fn new(config: Config, bell: ReadEnd, waker: Arc<Waker>, observer: O) -> Self {
        Self {
            config,
            drain_expires: OnceLock::new(),
            bell,
            books: Mutex::new(ConnectionTable {
                open: Slab::new(),
                observer,
                end_awaited: false,
            }),
            waker,
        }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, ConnectionTable<O>> {
        lock(&self.books)
    }

    /// Enters the end of a conversation, and tells the main thread if it waits for one.
    pub(super) fn close(&self, key: usize, summary: &ConnectionSummary) {
        let awaited = self.books().close(key, summary);
        if awaited {
            // A poll that cannot be woken is gone, and its owner with it.
            let _gone = self.waker.wake();
        }
    }
}

impl<O: Observer> ConnectionTable<O> {
    /// Returns whether the main thread waits for it.
    fn close(&mut self, key: usize, summary: &ConnectionSummary) -> bool {
        let seen = lock(&self.open.remove(key)).clone();
        self.observer.merge(seen);
        self.observer.closed(summary);
        self.end_awaited
    }

    /// What was seen so far, the conversations under way included.
    pub(super) fn so_far(&self) -> O {
        let mut all = self.observer.clone();
        for (_, observer) in &self.open {
            all.merge(lock(observer).clone());
        }
        all
    }
}

/// A thread that panicked while it held the lock has left what it guards as good as it was.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
