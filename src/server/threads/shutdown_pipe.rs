//! A pipe that wakes all threads at a stop. Nothing is ever written to it.
//!
//! Closing the write end makes the read end ready (poll(2), `POLLHUP`): permanently, and for any number of threads that
//! wait on it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, PipeReader, PipeWriter};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// What the threads wait on.
#[derive(Debug)]
pub(super) struct ReadEnd(PipeReader);

impl AsFd for ReadEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Wakes the threads when it is dropped.
#[derive(Debug)]
pub(super) struct WriteEnd(#[expect(dead_code, reason = "it exists to be closed")] PipeWriter);

/// What a thread waits for on its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Bytes to read, or the end of the input.
    Input,
    /// Room to write.
    Room,
    /// Either.
    InputOrRoom,
    /// Neither, nor an error: the thread waits for something else.
    Nothing,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitEnd {
    /// What was awaited has happened, or a signal has.
    Woken,
    TimedOut,
}

/// A pipe whose write end is open.
///
/// # Errors
///
/// There is no descriptor left.
pub(super) fn new() -> io::Result<(ReadEnd, WriteEnd)> {
    let (reader, writer) = io::pipe()?;
    Ok((ReadEnd(reader), WriteEnd(writer)))
}

/// Blocks until the socket has what is awaited or a pending error, or, if a pipe is given, until its write end is
/// closed. A signal may end the wait too.
///
/// # Errors
///
/// The kernel has no memory for the wait.
pub(super) fn wait(
    socket: &TcpStream,
    awaited: Awaited,
    pipe: Option<&ReadEnd>,
    until: Option<Instant>,
) -> io::Result<WaitEnd> {
    let left = until.map(|at| at.saturating_duration_since(Instant::now()));
    // A time that the kernel cannot represent is as good as no limit.
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    let flags = match awaited {
        Awaited::Input => Some(PollFlags::IN),
        Awaited::Room => Some(PollFlags::OUT),
        Awaited::InputOrRoom => Some(PollFlags::IN.union(PollFlags::OUT)),
        Awaited::Nothing => None,
    };
    let timeout = timeout.as_ref();
    let socket = flags.map(|flags| PollFd::new(socket, flags));
    let pipe = pipe.map(|ReadEnd(pipe)| PollFd::new(pipe, PollFlags::IN));
    let ready = match (socket, pipe) {
        (Some(socket), Some(pipe)) => poll(&mut [socket, pipe], timeout),
        (Some(one), None) | (None, Some(one)) => poll(&mut [one], timeout),
        (None, None) => poll(&mut [], timeout),
    };
    match ready {
        Ok(0) => Ok(WaitEnd::TimedOut),
        Ok(_) | Err(Errno::INTR) => Ok(WaitEnd::Woken),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::threads::tests::pair;
    use std::io::{Read, Write};
    use std::thread;
    use std::time::Duration;

    /// Long enough to show that something does not happen.
    const SOON: Duration = Duration::from_millis(20);

    /// Longer than anything takes that must happen.
    const LATE: Duration = Duration::from_secs(10);

    fn after(time: Duration) -> Option<Instant> {
        Instant::now().checked_add(time)
    }

    #[test]
    fn one_shutdown_wakes_every_wait_and_every_later_one() {
        let ((read_end, write_end), (socket, _peer)) = (new().unwrap(), pair());
        thread::scope(|scope| {
            let wait = || wait(&socket, Awaited::Input, Some(&read_end), after(LATE));
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(wait)).collect();
            drop(write_end);
            for thread in waiting {
                assert_eq!(thread.join().unwrap().unwrap(), WaitEnd::Woken);
            }
            assert_eq!(wait().unwrap(), WaitEnd::Woken);
        });
    }

    #[test]
    fn a_wait_without_the_pipe_is_not_ended_by_it() {
        let ((_read_end, write_end), (socket, _peer)) = (new().unwrap(), pair());
        drop(write_end);
        let end = wait(&socket, Awaited::Input, None, after(SOON)).unwrap();
        assert_eq!(end, WaitEnd::TimedOut);
    }

    #[test]
    fn a_wait_for_the_peer_ends_with_its_bytes_and_not_before() {
        let ((read_end, _write_end), (socket, mut peer)) = (new().unwrap(), pair());
        let wait_for =
            |awaited, time| wait(&socket, awaited, Some(&read_end), after(time)).unwrap();
        assert_eq!(wait_for(Awaited::Room, LATE), WaitEnd::Woken);
        assert_eq!(wait_for(Awaited::InputOrRoom, LATE), WaitEnd::Woken);
        assert_eq!(wait_for(Awaited::Input, SOON), WaitEnd::TimedOut);
        peer.write_all(b"!").unwrap();
        assert_eq!(wait_for(Awaited::Input, LATE), WaitEnd::Woken);
    }

    #[test]
    fn a_wait_for_room_does_not_end_with_input() {
        let ((read_end, _write_end), (mut socket, mut peer)) = (new().unwrap(), pair());
        peer.write_all(b"!").unwrap();
        socket.set_nonblocking(true).unwrap();
        // Bytes that arrive at the peer make room a few more times.
        let timed_out = (0..100).any(|_| {
            while socket.write(&[0; 8 << 10]).is_ok() {}
            let end = wait(&socket, Awaited::Room, Some(&read_end), after(SOON));
            end.unwrap() == WaitEnd::TimedOut
        });
        assert!(timed_out, "there was no room");
        let end = wait(&socket, Awaited::InputOrRoom, None, after(LATE));
        assert_eq!(end.unwrap(), WaitEnd::Woken, "there was input");
        assert_eq!(socket.read(&mut [0; 2]).unwrap(), 1, "there was input");
    }
}
