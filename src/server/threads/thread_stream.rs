//! The socket of a connection that has a thread of its own, and how that thread waits.

use super::shutdown_pipe::{self, Awaited, ReadEnd, WaitEnd};
use crate::connection::Stream;
use crate::server::kernel::{Socket, reset_on_close};
use crate::server::limits::{BLOCKING_CALL_TIMEOUT, IDLE_TICKS};
use crate::server::misbehaviour::MisbehavingSocket;
use crate::server::unread::unread_bytes;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A socket on which a thread waits: in a blocking call for a while, and then in [`wait`](Self::wait).
pub(super) trait ThreadStream: Socket {
    /// Sets the options that the thread needs, before the first call.
    ///
    /// # Errors
    ///
    /// As setsockopt(2).
    fn prepare(&self, idle_timeout: Option<Duration>) -> io::Result<()>;

    /// Blocks until a call that would have blocked is worth another try, or, if a pipe is given, until its write end is
    /// closed. A signal may end the wait too.
    ///
    /// # Errors
    ///
    /// As [`shutdown_pipe::wait`].
    fn wait(
        &self,
        awaited: Awaited,
        pipe: Option<&ReadEnd>,
        until: Option<Instant>,
    ) -> io::Result<WaitEnd>;

    /// Whether the thread waits for the peer, and not for a delay of this server.
    fn awaits_peer(&self) -> bool;
}

impl Stream for &TcpStream {
    fn send_fin(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Socket for &TcpStream {
    fn unread_bytes(&self) -> Option<u32> {
        unread_bytes(self)
    }

    fn reset_on_close(&self) {
        reset_on_close(self);
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl ThreadStream for &TcpStream {
    /// Makes the socket block, but never longer than a stop may go unnoticed. With an idle timeout, never longer than one
    /// tick either: expiry may be late by that much.
    fn prepare(&self, idle_timeout: Option<Duration>) -> io::Result<()> {
        let tick = idle_timeout.map(|timeout| timeout / IDLE_TICKS);
        let timeout = tick.map_or(BLOCKING_CALL_TIMEOUT, |tick| {
            tick.min(BLOCKING_CALL_TIMEOUT)
        });
        self.set_nonblocking(false)?;
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn wait(
        &self,
        awaited: Awaited,
        pipe: Option<&ReadEnd>,
        until: Option<Instant>,
    ) -> io::Result<WaitEnd> {
        shutdown_pipe::wait(self, awaited, pipe, until)
    }

    fn awaits_peer(&self) -> bool {
        true
    }
}

impl ThreadStream for MisbehavingSocket<&TcpStream> {
    /// The socket stays non-blocking: a thread that is blocked in a call could not send what becomes due.
    fn prepare(&self, _idle_timeout: Option<Duration>) -> io::Result<()> {
        self.inner().set_nonblocking(true)
    }

    fn wait(
        &self,
        awaited: Awaited,
        pipe: Option<&ReadEnd>,
        until: Option<Instant>,
    ) -> io::Result<WaitEnd> {
        let awaits_input = awaited == Awaited::Input && self.awaits_input();
        let on_socket = match (awaits_input, self.awaits_room()) {
            (true, true) => Awaited::InputOrRoom,
            (true, false) => Awaited::Input,
            (false, true) => Awaited::Room,
            (false, false) => Awaited::Nothing,
        };
        let earliest = until.into_iter().chain(self.wake_at()).min();
        let end = shutdown_pipe::wait(self.inner(), on_socket, pipe, earliest)?;
        // What is due is a reason to go on, and only the time given is a deadline.
        Ok(match end {
            WaitEnd::TimedOut if until != earliest => WaitEnd::Woken,
            end => end,
        })
    }

    fn awaits_peer(&self) -> bool {
        self.wake_at().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::misbehaviour::{Delay, Misbehaviour, WithProbability};
    use crate::server::threads::tests::pair;
    use socket2::SockRef;
    use std::io::Write;

    #[test]
    fn a_socket_with_delayed_bytes_does_not_block_even_if_it_did_before_the_echo() {
        let (stream, _peer) = &pair();
        stream.prepare(None).unwrap();
        let socket = MisbehavingSocket::new(stream, 1 << 10);
        socket.prepare(None).unwrap();
        assert!(SockRef::from(stream).nonblocking().unwrap());
    }

    #[test]
    fn a_wait_ends_when_delayed_bytes_are_due_and_that_is_no_deadline() {
        let (stream, _peer) = &pair();
        let mut socket = MisbehavingSocket::new(stream, 1 << 10);
        let delay = Delay {
            mean: Duration::from_millis(30),
            jitter: Duration::ZERO,
        };
        let misbehaviour = Misbehaviour {
            delay: Some(WithProbability {
                value: delay,
                probability: 1.0,
            }),
            ..Misbehaviour::default()
        };
        socket.misbehave(&misbehaviour, 1);
        assert!(socket.awaits_peer());
        socket.write_all(b"!").unwrap();
        assert!(!socket.awaits_peer());
        let wait = |until| socket.wait(Awaited::Input, None, until).unwrap();
        assert_eq!(wait(Some(Instant::now())), WaitEnd::TimedOut);
        let late = Instant::now() + Duration::from_mins(1);
        assert_eq!(wait(Some(late)), WaitEnd::Woken);
        assert_eq!(wait(None), WaitEnd::Woken);
    }

    #[test]
    fn a_call_blocks_for_as_long_as_a_stop_may_go_unnoticed_or_for_a_tick_if_that_is_shorter() {
        let (stream, _peer) = &pair();
        // The kernel counts in steps of its clock, and rounds up.
        let step = Duration::from_millis(10);
        let tick = BLOCKING_CALL_TIMEOUT / 2;
        for (idle_timeout, expected) in [
            (None, BLOCKING_CALL_TIMEOUT),
            (Some(Duration::from_hours(1)), BLOCKING_CALL_TIMEOUT),
            (Some(tick * IDLE_TICKS), tick),
        ] {
            stream.set_nonblocking(true).unwrap();
            stream.prepare(idle_timeout).unwrap();
            assert!(!SockRef::from(stream).nonblocking().unwrap());
            for timeout in [stream.read_timeout(), stream.write_timeout()] {
                let timeout = timeout.unwrap().unwrap();
                assert!(timeout >= expected && timeout <= expected + step);
            }
        }
    }
}
