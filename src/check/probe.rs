//! The client's end of one connection. It sends known bytes and verifies the echo as it arrives.
//!
//! Blocking calls with a timeout, and a second thread where both directions have to move at the same time.

use super::concurrent::{join, spawn};
use super::content::Content;
use super::symptom::{EndOfEcho, Symptom, bytes};
use super::time_limit::{SLICE, TimeLimit};
use crate::text::address::Address;
use crate::text::connect::connect;
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

/// This many bytes fit into the buffers of any kernel: they can be sent before the first one is read, without a
/// second thread.
const ALWAYS_FITS: u64 = 4 * 1024;

/// A connection that has taken no byte for this long is full.
const FULL_AFTER: Duration = Duration::from_millis(250);

/// What follows the last byte that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Finish,
    StayOpen,
}

/// A connection to the server under check.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    stream: Socket,
    content: Content<'a>,
    limit: TimeLimit<'a>,
}

impl<'a> Probe<'a> {
    pub(super) fn connect(
        address: &Address,
        content: Content<'a>,
        limit: TimeLimit<'a>,
    ) -> Result<Self, Symptom> {
        let timeout = limit.wait().left().max(SLICE);
        let stream = connect(address, timeout).and_then(prepared);
        Ok(Self {
            stream: stream.map_err(|error| Symptom::cannot_connect(&error))?,
            content,
            limit,
        })
    }

    /// Sends the bytes of the content at `range`.
    pub(super) fn send(&self, range: Range<u64>) -> Result<(), Symptom> {
        let wait = self.limit.wait_to_the_end();
        let mut left = range;
        while !left.is_empty() {
            match self.send_some(&left)? {
                Some(count) => left.start += count,
                None if wait.is_over() => {
                    let taken = bytes(left.start);
                    return Err(Symptom::of(format!("takes no more bytes, after {taken}")));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Receives the echo of the bytes at `range`.
    pub(super) fn expect_echo(&self, range: Range<u64>) -> Result<(), Symptom> {
        let mut left = range.clone();
        let mut buffer = vec![0; self.content.chunk(&range).len()];
        while !left.is_empty() {
            let sent = self.content.chunk(&left);
            let room = buffer.get_mut(..sent.len()).unwrap_or_default();
            let count = self
                .receive(room)
                .map_err(|end| Symptom::incomplete(&end, left.start, range.end))?;
            let room = room.get(..count).unwrap_or_default();
            let sent = sent.get(..count).unwrap_or_default();
            if let Some(symptom) = Symptom::of_difference(left.start, sent, room) {
                let more = [room, &self.what_follows()].concat();
                let with_more = Symptom::of_difference(left.start, sent, &more);
                return Err(with_more.unwrap_or(symptom));
            }
            left.start += count as u64;
        }
        Ok(())
    }

    /// What came after a wrong byte: the rest of a greeting or an error message.
    fn what_follows(&self) -> Vec<u8> {
        let mut more = vec![0; 128];
        let count = (&self.stream).read(&mut more).unwrap_or_default();
        more.truncate(count);
        more
    }

    /// Sends the bytes at `range` and receives their echo at the same time.
    pub(super) fn exchange(&self, range: Range<u64>) -> Result<(), Symptom> {
        self.exchange_then(range, Then::StayOpen)
    }

    /// Sends the first `length` bytes and a FIN, and receives their echo and the server's FIN.
    pub(super) fn exchange_all(&self, length: u64) -> Result<(), Symptom> {
        self.exchange_then(0..length, Then::Finish)?;
        self.expect_end(length)
    }

    /// As [`exchange`](Self::exchange), but nothing is read for the first `delay`.
    pub(super) fn exchange_and_read_late(
        &self,
        range: Range<u64>,
        delay: Duration,
    ) -> Result<(), Symptom> {
        self.concurrently(range.clone(), Then::StayOpen, || {
            self.limit.pause(delay);
            self.expect_echo(range)
        })
    }

    /// As [`exchange_all`](Self::exchange_all), but nothing is read for the first `delay`.
    pub(super) fn exchange_all_and_read_late(
        &self,
        length: u64,
        delay: Duration,
    ) -> Result<(), Symptom> {
        self.concurrently(0..length, Then::Finish, || {
            self.limit.pause(delay);
            self.expect_echo(0..length)
        })?;
        self.expect_end(length)
    }

    /// Sends a FIN. The connection can still be read.
    pub(super) fn finish(&self) {
        // It fails if the server has reset the connection, which the next read reports.
        let _reported_by_the_next_read = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends the bytes at `range` and a FIN in one segment, where the system can be told to (tcp(7),
    /// `TCP_CORK`).
    pub(super) fn send_with_fin(&self, range: Range<u64>) -> Result<(), Symptom> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_tcp() {
            let corked = self.stream.set_tcp_cork(true);
            corked.map_err(|error| Symptom::cannot_send(&error))?;
        }
        self.send(range)?;
        self.finish();
        Ok(())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn is_tcp(&self) -> bool {
        let address = self.stream.local_addr();
        address.is_ok_and(|address| !address.is_unix())
    }

    /// Sends one byte as urgent data (RFC 9293, section 3.8.5).
    pub(super) fn send_urgent(&self, byte: u8) -> Result<(), Symptom> {
        match self.stream.send_out_of_band(&[byte]) {
            Ok(_one) => Ok(()),
            Err(error) => Err(Symptom::cannot_send(&error)),
        }
    }

    /// Waits for any bytes.
    pub(super) fn receive_anything(&self) -> Result<(), EndOfEcho> {
        self.receive(&mut [0; 1024]).map(drop)
    }

    /// Sends a FIN and reads what comes within a moment. A connection that is closed with unread bytes ends with a RST
    /// (tcp(7)), which would test the server already.
    pub(super) fn leave(self) {
        self.finish();
        let wait = self.limit.wait_at_most(4 * SLICE);
        while !wait.is_over() && matches!((&self.stream).read(&mut [0; 1024]), Ok(1..)) {}
    }

    /// Expects the server's FIN, after `received` bytes.
    pub(super) fn expect_end(&self, received: u64) -> Result<(), Symptom> {
        match self.receive(&mut [0]) {
            Ok(_) => Err(Symptom::superfluous(received)),
            Err(EndOfEcho::Closed) => Ok(()),
            Err(end) => Err(Symptom::not_closed(&end, received)),
        }
    }

    /// Sends a FIN and expects no byte after the `received` ones. Whether the server closes does not matter.
    pub(super) fn expect_no_more(&self, received: u64) -> Result<(), Symptom> {
        self.finish();
        match (&self.stream).read(&mut [0]) {
            Ok(1..) => Err(Symptom::superfluous(received)),
            _ => Ok(()),
        }
    }

    /// Expects the connection to be open, with nothing to read after the `received` bytes.
    pub(super) fn expect_open(&self, received: u64) -> Result<(), Symptom> {
        match self.receive_now() {
            Ok(0) => Err(Symptom::of("the server closed an idle connection")),
            Ok(_) => Err(Symptom::superfluous(received)),
            Err(error) if is_temporary(&error) => Ok(()),
            Err(error) => Err(Symptom::incomplete(
                &EndOfEcho::Failed(error),
                received,
                received,
            )),
        }
    }

    /// Sends without reading anything, until the connection takes no more bytes or `most` are sent. Returns
    /// how many were.
    pub(super) fn fill(&self, most: u64) -> Result<u64, Symptom> {
        let wait = self.limit.wait_to_the_end();
        let mut left = 0..most;
        let mut last_progress = Instant::now();
        while !left.is_empty() && last_progress.elapsed() < FULL_AFTER && !wait.is_over() {
            if let Some(count) = self.send_some(&left)? {
                left.start += count;
                last_progress = Instant::now();
            }
        }
        Ok(left.start)
    }

    /// Ends the connection with a RST.
    pub(super) fn reset(self) {
        // If this fails, the connection is closed with a FIN, which tests less. On a Unix socket it has no effect; there
        // bytes that are unread at the close are an error at the other end.
        let _tests_less = self.stream.set_linger(Some(Duration::ZERO));
    }

    fn exchange_then(&self, range: Range<u64>, then: Then) -> Result<(), Symptom> {
        if range.end - range.start <= ALWAYS_FITS {
            self.send_then(range.clone(), then)?;
            return self.expect_echo(range);
        }
        self.concurrently(range.clone(), then, || self.expect_echo(range))
    }

    /// Sends on a thread of its own while `receive` runs. What `receive` reports comes first: if the server
    /// closes early, the error of the sender is a consequence.
    fn concurrently(
        &self,
        range: Range<u64>,
        then: Then,
        receive: impl FnOnce() -> Result<(), Symptom>,
    ) -> Result<(), Symptom> {
        thread::scope(|scope| {
            let sender = spawn(scope, || self.send_then(range, then))?;
            let received = receive();
            if received.is_err() {
                // Nothing else ends a send to a server that does not read.
                let _already_closed = self.stream.shutdown(Shutdown::Both);
            }
            let sent = join(sender);
            received.and(sent)
        })
    }

    fn send_then(&self, range: Range<u64>, then: Then) -> Result<(), Symptom> {
        self.send(range)?;
        if then == Then::Finish {
            self.finish();
        }
        Ok(())
    }

    /// Sends as many bytes as the connection takes at once; `None` if it takes none for a while.
    fn send_some(&self, range: &Range<u64>) -> Result<Option<u64>, Symptom> {
        match (&self.stream).write(self.content.chunk(range)) {
            Ok(count) => Ok(Some(count as u64)),
            Err(error) if is_temporary(&error) => Ok(None),
            Err(error) => Err(Symptom::cannot_send(&error)),
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<usize, EndOfEcho> {
        let wait = self.limit.wait();
        loop {
            match (&self.stream).read(buffer) {
                Ok(0) => return Err(EndOfEcho::Closed),
                Ok(count) => return Ok(count),
                Err(error) if !is_temporary(&error) => return Err(EndOfEcho::Failed(error)),
                Err(_) if wait.is_over() => return Err(EndOfEcho::Nothing(wait.end())),
                Err(_) => {}
            }
        }
    }

    fn receive_now(&self) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let received = self.stream.peek(&mut [MaybeUninit::uninit()]);
        self.stream.set_nonblocking(false)?;
        received
    }
}

/// No call on the stream blocks for longer than a slice.
fn prepared(stream: Socket) -> io::Result<Socket> {
    stream.set_read_timeout(Some(SLICE))?;
    stream.set_write_timeout(Some(SLICE))?;
    Ok(stream)
}

/// Whether the call may succeed if it is repeated.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
