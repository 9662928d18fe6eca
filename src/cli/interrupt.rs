//! Ctrl-C as a request to end early. The default action would end this program at once and leave the servers running
//! that it started.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether SIGINT or SIGTERM has arrived.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the two signals only set this flag.
    pub(super) fn catch() -> io::Result<Self> {
        let has_arrived = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&has_arrived))?;
        }
        Ok(Self(has_arrived))
    }

    /// The flag.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Resets the flag, and returns whether it was set.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
