//! The state of a socket, asked from the kernel without the event loop. These answers prove that a loop that
//! waits has nothing left to wake it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Bytes received and not yet read (tcp(7), `FIONREAD`).
pub(crate) fn unread(socket: impl AsFd) -> io::Result<usize> {
    let bytes = rustix::io::ioctl_fionread(socket)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Whether a read would return at once; for a listener, whether its backlog holds a connection.
pub(crate) fn is_readable(socket: impl AsFd) -> io::Result<bool> {
    wait_for(socket, PollFlags::IN, Duration::ZERO)
}

/// Whether a write would find room.
pub(crate) fn is_writable(socket: impl AsFd) -> io::Result<bool> {
    wait_for(socket, PollFlags::OUT, Duration::ZERO)
}

/// Whether the peer's FIN has arrived, even if unread bytes precede it. Systems without `POLLRDHUP` cannot tell;
/// there it counts as arrived, because loopback delivers it without delay.
pub(crate) fn has_fin(socket: impl AsFd) -> io::Result<bool> {
    match PEER_FINISHED {
        Some(flag) => wait_for(socket, flag, Duration::ZERO),
        None => Ok(true),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const PEER_FINISHED: Option<PollFlags> = Some(PollFlags::RDHUP);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const PEER_FINISHED: Option<PollFlags> = None;

/// One level-triggered wait: returns when the socket is ready for any of `interest`, or after `timeout`. The
/// result says whether it is ready.
///
/// poll(2) reports a condition for as long as it holds, as epoll does without `EPOLLET`.
pub(crate) fn wait_for(
    socket: impl AsFd,
    interest: PollFlags,
    timeout: Duration,
) -> io::Result<bool> {
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    let mut sockets = [PollFd::new(&socket, interest)];
    loop {
        match poll(&mut sockets, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
