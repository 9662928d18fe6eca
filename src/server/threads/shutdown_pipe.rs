//! The bell: what a blocked thread can hear besides its peer.
//!
//! A pipe into which nobody ever writes. Closing its writing end makes the reading end ready for good, and
//! for however many threads wait on it: poll(2), `POLLHUP`.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, ErrorKind, PipeReader, PipeWriter};
use std::net::TcpStream;
use std::time::Instant;

/// Received by whoever waits.
#[derive(Debug)]
pub(super) struct ReadEnd(PipeReader);

/// Rings the bell when it is dropped, and there is no other way.
#[derive(Debug)]
pub(super) struct WriteEnd(#[expect(dead_code, reason = "it is there to be closed")] PipeWriter);

/// What a thread waits for its socket to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Bytes to read, or the end of the input.
    Input,
    /// Room for bytes to write.
    Room,
}

/// A bell that has not been rung.
pub(super) fn hang() -> io::Result<(ReadEnd, WriteEnd)> {
    let (reader, writer) = io::pipe()?;
    Ok((ReadEnd(reader), WriteEnd(writer)))
}

/// Parks until the socket has what is awaited, or an error to collect, or until the bell rings, for those who
/// listen to one. A signal may end the wait too.
///
/// # Errors
///
/// `TimedOut`: nothing of the kind has happened by the time given. The kernel has no memory to wait with.
pub(super) fn wait(
    socket: &TcpStream,
    awaited: Awaited,
    bell: Option<&ReadEnd>,
    until: Option<Instant>,
) -> io::Result<()> {
    let left = until.map(|at| at.saturating_duration_since(Instant::now()));
    // Longer than the kernel can count is for ever.
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    let flags = match awaited {
        Awaited::Input => PollFlags::IN,
        Awaited::Room => PollFlags::OUT,
    };
    let socket = PollFd::new(socket, flags);
    let ready = match bell {
        Some(ReadEnd(pipe)) => poll(
            &mut [socket, PollFd::new(pipe, PollFlags::IN)],
            timeout.as_ref(),
        ),
        None => poll(&mut [socket], timeout.as_ref()),
    };
    match ready {
        Ok(0) => Err(ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;
    use std::time::Duration;

    /// Both ends of a connection.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    /// Long enough for what must not happen.
    const SOON: Duration = Duration::from_millis(20);

    /// Longer than anything takes that is to happen.
    const LATE: Duration = Duration::from_secs(10);

    fn after(time: Duration) -> Option<Instant> {
        Instant::now().checked_add(time)
    }

    #[test]
    fn one_bell_wakes_all_who_wait_and_all_who_come_later() {
        let ((bell, rope), (socket, _peer)) = (hang().unwrap(), pair());
        thread::scope(|scope| {
            let wait = || wait(&socket, Awaited::Input, Some(&bell), after(LATE));
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(wait)).collect();
            drop(rope);
            for thread in waiting {
                thread.join().unwrap().unwrap();
            }
            wait().unwrap();
        });
    }

    #[test]
    fn a_bell_that_was_heard_is_not_heard_again() {
        let ((_bell, rope), (socket, _peer)) = (hang().unwrap(), pair());
        drop(rope);
        let ended = wait(&socket, Awaited::Input, None, after(SOON)).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_wait_for_the_peer_ends_with_its_bytes_and_not_before() {
        let ((bell, _rope), (socket, mut peer)) = (hang().unwrap(), pair());
        wait(&socket, Awaited::Room, Some(&bell), after(LATE)).unwrap();
        let ended = wait(&socket, Awaited::Input, Some(&bell), after(SOON)).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::TimedOut);
        peer.write_all(b"!").unwrap();
        wait(&socket, Awaited::Input, Some(&bell), after(LATE)).unwrap();
    }

    #[test]
    fn a_wait_for_room_does_not_end_with_input() {
        let ((bell, _rope), (mut socket, mut peer)) = (hang().unwrap(), pair());
        peer.write_all(b"!").unwrap();
        socket.set_nonblocking(true).unwrap();
        // What is on its way to the peer makes room a few times more, when it has arrived.
        let timed_out = (0..100).any(|_| {
            while socket.write(&[0; 8 << 10]).is_ok() {}
            wait(&socket, Awaited::Room, Some(&bell), after(SOON)).is_err()
        });
        assert!(timed_out, "there was no room");
        assert_eq!(socket.read(&mut [0; 2]).unwrap(), 1, "there was input");
    }
}
