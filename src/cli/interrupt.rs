//! Ctrl-C as a request to end early, with a report of what was measured. The default action would end this program at
//! once, without the report, and leave the servers running that it started.

#![cfg_attr(
    not(feature = "measure"),
    allow(dead_code, reason = "the client needs only the flag")
)]

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether SIGINT, SIGTERM or SIGHUP has arrived.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    has_arrived: Arc<AtomicBool>,
    /// The last of them; 0 for none.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on the signals only set these values. A SIGHUP that is ignored at this time stays ignored (nohup(1)).
    pub(super) fn catch() -> io::Result<Self> {
        let (has_arrived, last) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let hangup = (!mio_echo::server::is_hangup_ignored()).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&last), number)?;
            flag::register(signal, Arc::clone(&has_arrived))?;
        }
        Ok(Self {
            has_arrived,
            signal: last,
        })
    }

    /// Whether one has arrived.
    pub(super) fn has_arrived(&self) -> bool {
        self.has_arrived.load(Ordering::Relaxed)
    }

    /// The flag behind [`has_arrived`](Self::has_arrived), for code that knows no signals.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.has_arrived
    }

    /// The exit code after an interrupt, that of a shell for a process that the signal killed: 129, 130 or 143. `None`
    /// if none has arrived.
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        }
    }
}
