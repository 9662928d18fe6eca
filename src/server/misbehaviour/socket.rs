//! A socket that misbehaves as planned, between a connection and its real socket.
//!
//! To the connection it is a socket like any other: it takes bytes or would block, and an event comes when another try is
//! worth it. The difference is that a clock may have to cause that event, at [`MisbehavingSocket::wake_at`]. Every call
//! first sends what is due. The end of the input, and our FIN, wait until the delayed bytes are out.

use super::counts::{Fault, MisbehaviourCounts};
use super::delay_line::DelayLine;
use super::pacing::{Chunks, Throttle};
use super::plan::{ConnectionPlan, Delays, Ending, Misbehaviour};
use crate::connection::Stream;
use crate::server::clock;
use crate::server::kernel::Socket;
use crate::server::proxy_header::ProxyHeader;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// A socket through which the peer gets only what the plan allows.
#[derive(Debug)]
pub(crate) struct MisbehavingSocket<S: Socket> {
    inner: S,
    plan: ConnectionPlan,
    stage: Stage,
    output: Output,
    line: DelayLine,
    /// The peer's FIN was read from `inner`, and waits for the delayed bytes.
    fin_received: bool,
    /// Bytes read from `inner` to be echoed.
    received: u64,
    /// Bytes that `inner` has taken.
    sent: u64,
    counts: MisbehaviourCounts,
    counted: CountedFaults,
}

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Echoing,
    /// Our FIN was asked for, and is sent behind the delayed bytes.
    Finishing,
    /// Our FIN is sent: what arrives is discarded until the peer's.
    Discarding,
    /// It is to be reset: the next read fails.
    Resetting,
    /// Neither reads nor writes.
    Stalled,
}

/// What sending waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// Bytes to send.
    Nothing,
    /// A time.
    Until(Instant),
    /// Room in the send buffer of `inner`.
    Room,
}

/// The faults of this connection that have been counted, as a set of bits.
#[derive(Debug, Default)]
struct CountedFaults(u8);

impl CountedFaults {
    /// Returns whether it was not in the set.
    fn insert(&mut self, fault: Fault) -> bool {
        let bit = 1 << fault as u8;
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }
}

/// Writes that one call may make before the other connections have their turns.
const WRITES_PER_CALL: usize = 16;

impl<S: Socket> MisbehavingSocket<S> {
    /// A socket that delays at most `capacity` bytes, and misbehaves once it is told its number.
    pub(crate) fn new(inner: S, capacity: usize) -> Self {
        Self {
            inner,
            plan: ConnectionPlan::default(),
            stage: Stage::Echoing,
            output: Output::Nothing,
            line: DelayLine::new(capacity),
            fin_received: false,
            received: 0,
            sent: 0,
            counts: MisbehaviourCounts::default(),
            counted: CountedFaults::default(),
        }
    }

    /// From now on it misbehaves as `misbehaviour` plans for the connection with this number.
    pub(crate) fn misbehave(&mut self, misbehaviour: &Misbehaviour, number: u64) {
        self.plan = misbehaviour.plan_for(number);
        self.counts = misbehaviour.counts.clone();
    }

    /// The real socket.
    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    /// As [`inner`](Self::inner), to be registered.
    pub(crate) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// When it needs a call although no event of the real socket has come.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        match self.output {
            Output::Until(at) => Some(at),
            Output::Nothing | Output::Room => None,
        }
    }

    /// Whether it waits for room in the real socket's send buffer.
    pub(crate) fn awaits_room(&self) -> bool {
        self.output == Output::Room
    }

    /// Whether input of the real socket changes anything.
    pub(crate) fn awaits_input(&self) -> bool {
        !self.fin_received
            && match self.stage {
                Stage::Echoing => self.allowance() > 0,
                Stage::Finishing | Stage::Discarding => true,
                Stage::Resetting | Stage::Stalled => false,
            }
    }

    /// How many more bytes it may receive before it ends as planned.
    fn allowance(&self) -> u64 {
        let ending = self.plan.ending;
        ending.map_or(u64::MAX, |(_, at)| at.saturating_sub(self.received))
    }

    /// Sends what is due, and ends the connection if that is due.
    fn advance(&mut self) -> io::Result<()> {
        self.output = self.send_due()?;
        match (self.stage, self.plan.ending) {
            (Stage::Echoing, Some((ending, at))) if self.sent >= at => self.end(ending),
            (Stage::Finishing, _) if self.line.is_empty() => {
                self.stage = Stage::Discarding;
                self.inner.send_fin()
            }
            _ => Ok(()),
        }
    }

    fn send_due(&mut self) -> io::Result<Output> {
        let now = clock::now();
        for _ in 0..WRITES_PER_CALL {
            let due = self.line.due(now);
            if due.is_empty() {
                let next = self.line.next_due();
                return Ok(next.map_or(Output::Nothing, Output::Until));
            }
            let throttle = self.plan.throttle.as_ref();
            if let Some(at) = throttle.and_then(|throttle| throttle.not_before(now)) {
                self.count(Fault::Throttle);
                return Ok(Output::Until(at));
            }
            let chunk = self.plan.chunks.as_ref().map(Chunks::size);
            let slice = throttle.map(Throttle::size);
            let size = chunk.into_iter().chain(slice).min().unwrap_or(usize::MAX);
            match self.inner.write(due.get(..size).unwrap_or(due)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => self.wrote(bytes, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Output::Room),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Output::Until(now))
    }

    fn wrote(&mut self, bytes: usize, now: Instant) {
        self.line.advance(bytes);
        self.sent += bytes as u64;
        if let Some(throttle) = &mut self.plan.throttle {
            throttle.sent(bytes, now);
        }
        if let Some(chunks) = &mut self.plan.chunks {
            chunks.choose();
            self.count(Fault::Chunk);
        }
    }

    fn end(&mut self, ending: Ending) -> io::Result<()> {
        self.count(ending.fault());
        // No event of the real socket will come, but the connection must go on reading, or read the failure.
        self.output = Output::Until(clock::now());
        match ending {
            Ending::Close => {
                self.stage = Stage::Discarding;
                self.inner.send_fin()?;
            }
            Ending::Reset => {
                self.stage = Stage::Resetting;
                self.inner.reset_on_close();
            }
            Ending::Stall => {
                self.stage = Stage::Stalled;
                self.output = Output::Nothing;
            }
        }
        Ok(())
    }

    /// Reads what is to be echoed: no more than may be echoed before the planned end.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowance = match self.stage {
            Stage::Echoing => usize::try_from(self.allowance()).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let room = buffer.len().min(allowance);
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = self
            .inner
            .read(buffer.get_mut(..room).unwrap_or_default())?;
        self.received += bytes as u64;
        if bytes == 0 && !self.line.is_empty() {
            self.fin_received = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(bytes)
    }

    /// Reads and discards. The connection is told that the call was interrupted, so it tries again.
    fn discard(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer)? {
            0 => Ok(0),
            _ => Err(ErrorKind::Interrupted.into()),
        }
    }

    /// Puts `bytes` on the delay line, as they are to be sent.
    fn hold(&mut self, bytes: &[u8]) {
        let delay = self.plan.delays.as_mut().map(Delays::choose);
        let now = clock::now();
        let due = now.checked_add(delay.unwrap_or_default()).unwrap_or(now);
        match &mut self.plan.corruption {
            None => self.line.push(due, bytes.iter().copied()),
            Some(corruption) => {
                let changed = bytes.iter().map(|byte| corruption.apply(*byte));
                self.line.push(due, changed);
                if corruption.has_begun() {
                    self.count(Fault::Corrupt);
                }
            }
        }
        if delay.is_some() {
            self.count(Fault::Delay);
        }
    }

    fn count(&mut self, fault: Fault) {
        if self.counted.insert(fault) {
            self.counts.add(fault);
        }
    }
}

impl<S: Socket> Read for MisbehavingSocket<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance()?;
        match self.stage {
            Stage::Echoing | Stage::Finishing => self.receive(buffer),
            Stage::Discarding => self.discard(buffer),
            Stage::Resetting => Err(ErrorKind::ConnectionAborted.into()),
            Stage::Stalled => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: Socket> Write for MisbehavingSocket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.advance()?;
        let taken = bytes.len().min(self.line.room());
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.hold(bytes.get(..taken).unwrap_or_default());
        self.advance()?;
        // To the connection a short write means that an event will come.
        if taken < bytes.len() && self.output == Output::Nothing {
            self.output = Output::Until(clock::now());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Socket> Stream for MisbehavingSocket<S> {
    fn send_fin(&mut self) -> io::Result<()> {
        match self.stage {
            Stage::Echoing => {
                self.stage = Stage::Finishing;
                self.advance()
            }
            // A stop ends a stall.
            Stage::Stalled => {
                self.stage = Stage::Discarding;
                self.output = Output::Until(clock::now());
                self.inner.send_fin()
            }
            Stage::Finishing | Stage::Discarding | Stage::Resetting => Ok(()),
        }
    }
}

impl<S: Socket> Socket for MisbehavingSocket<S> {
    /// What the connection is still to read.
    fn unread_bytes(&self) -> Option<u32> {
        match self.stage {
            Stage::Echoing | Stage::Finishing => self.inner.unread_bytes(),
            Stage::Discarding | Stage::Resetting | Stage::Stalled => Some(0),
        }
    }

    fn reset_on_close(&self) {
        self.inner.reset_on_close();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }

    fn take_proxy_header(&mut self) -> Option<ProxyHeader> {
        self.inner.take_proxy_header()
    }

    fn take_banner(&mut self) -> Option<usize> {
        self.inner.take_banner()
    }
}

impl<S: Socket> Drop for MisbehavingSocket<S> {
    /// If delayed bytes are lost, the peer must not mistake a part of the echo for all of it.
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.inner.reset_on_close();
        }
    }
}

#[cfg(test)]
mod tests;
