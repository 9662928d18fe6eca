//! One wait for many sockets: edge-triggered by mio, or level-triggered by poll(2), which reports a condition for as long
//! as it holds, as epoll does without `EPOLLET`.

use super::vocabulary::EventFlags;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// How the kernel reports readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// Each change, once: mio.
    Edge,
    /// Each condition, for as long as it holds: poll(2).
    Level,
}

/// One event about one socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketEvent {
    pub(crate) token: Token,
    pub(crate) flags: EventFlags,
}

/// A socket, its name, and what to wait for.
pub(crate) type Watched<'fd> = (Token, BorrowedFd<'fd>, Interest);

/// Waits until the readiness of a registered socket changes, for at most `timeout`. Returns no event after it, or after
/// a signal.
pub(crate) fn for_edges(
    poll: &mut Poll,
    events: &mut Events,
    timeout: Duration,
) -> io::Result<Vec<SocketEvent>> {
    match poll.poll(events, Some(timeout)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Vec::new()),
        result => result?,
    }
    let events = events.iter().map(|event| SocketEvent {
        token: event.token(),
        flags: EventFlags::from(event),
    });
    Ok(events.collect())
}

/// Waits until one of the sockets is ready, for at most `timeout`. Returns no event after it, or after a signal.
pub(crate) fn for_levels(
    watched: &[Watched<'_>],
    timeout: Duration,
) -> io::Result<Vec<SocketEvent>> {
    let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
    let asked = watched
        .iter()
        .map(|(_, socket, interest)| PollFd::from_borrowed_fd(*socket, flags_for(*interest)));
    let mut sockets: Vec<_> = asked.collect();
    match poll(&mut sockets, Some(&timeout)) {
        Ok(_ready) => {}
        Err(Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let pairs = watched.iter().zip(&sockets);
    let ready = pairs.filter(|(_, socket)| !socket.revents().is_empty());
    let events = ready.map(|((token, ..), socket)| SocketEvent {
        token: *token,
        flags: event_flags(socket.revents()),
    });
    Ok(events.collect())
}

fn flags_for(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.is_readable());
    flags.set(PollFlags::OUT, interest.is_writable());
    flags
}

fn event_flags(ready: PollFlags) -> EventFlags {
    EventFlags {
        // A read returns the error, or the end of the input.
        readable: ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        writable: ready.contains(PollFlags::OUT),
        read_closed: ready.contains(PollFlags::HUP),
        error: ready.contains(PollFlags::ERR),
        ..EventFlags::default()
    }
}
