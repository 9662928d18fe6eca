//! Ctrl-C: the first one asks for an end, the second one is the end.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody has asked for an end (SIGINT, SIGTERM).
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on a first signal is only noted here; a second one ends the process at once, with exit
    /// code 130 or 143.
    pub(super) fn catch() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag that the first signal sets must not be seen by its own handler.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// From now on signals are noted here, and nothing else: for whoever has processes to end before it ends
    /// itself.
    pub(super) fn note() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// Whether a signal has come.
    pub(super) fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether one has come since this was asked the last time.
    pub(super) fn has_come_again(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
