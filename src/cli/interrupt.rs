//! Ctrl-C: a request to come to an end.
//!
//! It does not end the program by itself: servers that were started for a measurement would be left behind.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody has asked for an end (SIGINT, SIGTERM).
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on signals are noted here, and do nothing else.
    pub(super) fn note() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// Whether one has come since this was asked the last time.
    pub(super) fn has_come(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
