//! Waiting for a condition, but not forever.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take to hold: far longer than any of them takes on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// How long to sleep before a condition is checked again.
const INTERVAL: Duration = Duration::from_millis(1);

/// The time by which a condition must hold.
#[derive(Debug)]
pub(crate) struct WaitLimit<'a> {
    what: &'a str,
    at: Instant,
}

impl<'a> WaitLimit<'a> {
    /// `what` has [`TIMEOUT`] from now.
    pub(crate) fn new(what: &'a str) -> Self {
        let at = Instant::now() + TIMEOUT;
        Self { what, at }
    }

    /// Fails once the time is over.
    pub(crate) fn check(&self) -> io::Result<()> {
        if Instant::now() < self.at {
            return Ok(());
        }
        let text = format!("waited {TIMEOUT:?} until {}", self.what);
        Err(io::Error::new(ErrorKind::TimedOut, text))
    }
}

/// Waits for a condition that raises no event.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = WaitLimit::new(what);
    while !condition()? {
        deadline.check()?;
        thread::sleep(INTERVAL);
    }
    Ok(())
}
