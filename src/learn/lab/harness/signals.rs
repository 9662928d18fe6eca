//! SIGINT and SIGTERM, as an event source: the self-pipe trick.

use mio::net::UnixStream;
pub(crate) use signal_hook::consts::SIGPIPE;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a server that a second signal ends at once.
const EXIT_CODE: i32 = 1;

/// Whether one of the signals has arrived, and a socket that becomes readable when one does.
#[derive(Debug)]
pub(crate) struct StopSignals {
    arrived: Arc<AtomicBool>,
    read_end: UnixStream,
}

impl StopSignals {
    /// From now on the first signal is only noted; a second one ends the process in its handler, so that a server that
    /// is stuck ends as well.
    pub(crate) fn catch() -> io::Result<Self> {
        let arrived = Arc::new(AtomicBool::new(false));
        let (read_end, write_end) = net::UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, EXIT_CODE, Arc::clone(&arrived))?;
            flag::register(signal, Arc::clone(&arrived))?;
            low_level::pipe::register(signal, write_end.try_clone()?)?;
        }
        read_end.set_nonblocking(true)?;
        Ok(Self {
            arrived,
            read_end: UnixStream::from_std(read_end),
        })
    }

    /// Whether a signal has arrived.
    pub(crate) fn has_arrived(&self) -> bool {
        self.arrived.load(Ordering::Relaxed)
    }

    /// What to register for readability.
    pub(crate) fn source(&mut self) -> &mut UnixStream {
        &mut self.read_end
    }
}

/// Lets a signal do what it does by default. A C program starts with that for every signal; Rust's runtime ignores
/// SIGPIPE.
pub(crate) fn restore_default_action(signal: i32) {
    let always = Arc::new(AtomicBool::new(true));
    // Fails for signals that cannot be caught.
    let _infallible = flag::register_conditional_default(signal, always);
}

impl AsFd for StopSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read_end.as_fd()
    }
}
