//! The monotonic clock of the server, which a simulation can set.

/// The time now.
#[cfg(not(test))]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
pub(super) use simulated::now;

/// In tests each thread has a clock of its own: the real one, until it is set.
#[cfg(test)]
pub(super) mod simulated {
    use std::cell::Cell;
    use std::time::Instant;

    thread_local! {
        static SET: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    /// The time that was set last, or the real one.
    pub(crate) fn now() -> Instant {
        SET.get().unwrap_or_else(Instant::now)
    }

    /// Sets the clock of this thread. It stands still until it is set again.
    pub(crate) fn set(now: Instant) {
        SET.set(Some(now));
    }
}
