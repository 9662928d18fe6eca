//! What the kernel itself says about a socket, asked past the event loop: the proof that a loop which
//! sleeps has no reason to wake, or has lost one.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Bytes that were received and that nobody has read (tcp(7), `FIONREAD`).
pub(crate) fn unread(socket: impl AsFd) -> io::Result<usize> {
    let bytes = rustix::io::ioctl_fionread(socket)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Whether a read would find something; of a listener, whether somebody waits to be accepted.
pub(crate) fn is_readable(socket: impl AsFd) -> io::Result<bool> {
    level(socket, PollFlags::IN, Duration::ZERO)
}

/// Whether a write would find room.
pub(crate) fn is_writable(socket: impl AsFd) -> io::Result<bool> {
    level(socket, PollFlags::OUT, Duration::ZERO)
}

/// Whether the peer's FIN has arrived, whatever stands unread before it. Where poll(2) cannot tell, it is
/// taken for granted: loopback does not keep one waiting.
pub(crate) fn has_fin(socket: impl AsFd) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return level(socket, PollFlags::RDHUP, Duration::ZERO);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return Ok(true);
}

/// One level-triggered wait: sleeps until the socket is ready for any of `wanted`, or the time is up.
/// Returns whether it is ready.
///
/// poll(2) reports a state for as long as it lasts, as epoll does without `EPOLLET`.
pub(crate) fn level(socket: impl AsFd, wanted: PollFlags, timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    let mut asked = [PollFd::new(&socket, wanted)];
    loop {
        match poll(&mut asked, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
