//! The client as a ping: one message at a time, at fixed times, each round trip measured and verified.
//!
//! All probes use one connection. The echo of a lost probe could still arrive and be mistaken for the echo of the next one,
//! so the connection is closed, and the next probe opens another. Datagrams have no connection; for the same reason, the
//! next probe then opens another socket.

use super::connect::ConnectPlan;
use super::datagram::DatagramExchange;
use super::error::ClientError;
use super::ping_summary::PingSummary;
use super::timeout::{SHORTEST_READ_TIMEOUT, SLICE, is_timeout};
use crate::text::address::Address;
use crate::text::units;
use socket2::Socket;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What to send, how often, and to which server.
#[derive(Debug, Clone)]
pub struct PingPlan {
    /// How to connect.
    pub connect: ConnectPlan,
    /// The message of each probe. On a connection it must not be empty, for nothing would come back.
    pub message: Vec<u8>,
    /// The number of probes; `None` for as many as there are until the interrupt.
    pub count: Option<u64>,
    /// The time from one probe to the next. A probe whose time comes before the echo of the one before it is sent right
    /// after that echo.
    pub interval: Duration,
    /// How long an echo may take until the probe counts as lost.
    pub reply_timeout: Duration,
}

/// One probe and what became of it. Prints as one line.
#[derive(Debug)]
pub struct PingProbe {
    /// Its number, from 1.
    pub number: u64,
    /// The round-trip time, with the peer that sent the echo, or why there is no correct echo.
    pub result: Result<(Address, Duration), ClientError>,
}

impl fmt::Display for PingProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match &self.result {
            Ok((peer, time)) => {
                let time = units::value(time.as_secs_f64(), units::TIME);
                write!(f, "echo {number} from {peer}: {time}")
            }
            Err(error) => write!(f, "echo {number} lost: {error}"),
        }
    }
}

/// Sends the probes of `plan`, one after another, until the last one or until `interrupted` is set. `on_probe` is called
/// after each. A probe that is under way when the interrupt comes is not counted.
///
/// # Errors
///
/// The first connect failed, or `on_probe` did, which is taken for an error of the output. A probe that is lost is no
/// error.
pub fn ping(
    plan: &PingPlan,
    interrupted: &AtomicBool,
    on_probe: impl FnMut(&PingProbe) -> io::Result<()>,
) -> Result<PingSummary, ClientError> {
    probe_all::<PingConnection>(plan, interrupted, on_probe)
}

/// As [`ping`], with a datagram for each probe.
///
/// # Errors
///
/// There is no route to the server, or `on_probe` failed.
pub fn ping_datagrams(
    plan: &PingPlan,
    interrupted: &AtomicBool,
    on_probe: impl FnMut(&PingProbe) -> io::Result<()>,
) -> Result<PingSummary, ClientError> {
    probe_all::<DatagramExchange>(plan, interrupted, on_probe)
}

/// What probes go through.
trait Exchange: Sized {
    fn open(plan: &PingPlan) -> Result<Self, ClientError>;

    /// Sends the message and waits for its echo. The result means nothing after an interrupt.
    fn round_trip(
        &mut self,
        plan: &PingPlan,
        interrupted: &AtomicBool,
    ) -> Result<(Address, Duration), ClientError>;

    /// Fails if something follows the echo of the last probe.
    fn finish(&mut self, _plan: &PingPlan, _interrupted: &AtomicBool) -> Result<(), ClientError> {
        Ok(())
    }
}

fn probe_all<E: Exchange>(
    plan: &PingPlan,
    interrupted: &AtomicBool,
    mut on_probe: impl FnMut(&PingProbe) -> io::Result<()>,
) -> Result<PingSummary, ClientError> {
    let mut exchange = Some(E::open(plan)?);
    let mut summary = PingSummary::default();
    let mut due = Instant::now();
    for number in 1..=plan.count.unwrap_or(u64::MAX) {
        wait_until(due, interrupted);
        let result = match exchange.take().map_or_else(|| E::open(plan), Ok) {
            Ok(open) => {
                let open = exchange.insert(open);
                let mut result = open.round_trip(plan, interrupted);
                if plan.count == Some(number) && result.is_ok() {
                    let finished = open.finish(plan, interrupted);
                    result = finished.and(result);
                }
                result
            }
            Err(error) => Err(error),
        };
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        if result.is_err() {
            exchange = None;
        }
        let probe = PingProbe { number, result };
        let time = probe.result.as_ref().ok().map(|(_, time)| *time);
        summary.record(time);
        on_probe(&probe).map_err(ClientError::Output)?;
        due = (due + plan.interval).max(Instant::now());
    }
    Ok(summary)
}

/// Returns early after an interrupt.
fn wait_until(due: Instant, interrupted: &AtomicBool) {
    while !interrupted.load(Ordering::Relaxed) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(SLICE));
    }
}

#[derive(Debug)]
struct PingConnection {
    stream: Socket,
    peer: Address,
    /// Bytes that have come back on this connection.
    returned: u64,
    /// One byte longer than the message, so that a superfluous one is seen.
    buffer: Vec<u8>,
}

impl Exchange for DatagramExchange {
    fn open(plan: &PingPlan) -> Result<Self, ClientError> {
        Self::open(&plan.connect)
    }

    fn round_trip(
        &mut self,
        plan: &PingPlan,
        interrupted: &AtomicBool,
    ) -> Result<(Address, Duration), ClientError> {
        self.round_trip(&plan.message, plan.reply_timeout, interrupted)
    }
}

impl Exchange for PingConnection {
    fn open(plan: &PingPlan) -> Result<Self, ClientError> {
        let (stream, peer) = plan.connect.connect()?;
        let timeout = plan.reply_timeout.max(SHORTEST_READ_TIMEOUT);
        let set = stream.set_write_timeout(Some(timeout));
        set.map_err(ClientError::Send)?;
        Ok(Self {
            stream,
            peer,
            returned: 0,
            buffer: vec![0; plan.message.len() + 1],
        })
    }

    fn round_trip(
        &mut self,
        plan: &PingPlan,
        interrupted: &AtomicBool,
    ) -> Result<(Address, Duration), ClientError> {
        // Before the clock starts: it takes a system call.
        self.set_read_timeout(plan.reply_timeout)?;
        let sent_at = Instant::now();
        let mut missing = plan.message.as_slice();
        let no_reply = |missing: &[u8]| ClientError::NoReply {
            after: plan.reply_timeout,
            missing: missing.len() as u64,
        };
        match self.stream.write_all(missing) {
            Ok(()) => {}
            Err(error) if is_timeout(&error) => return Err(no_reply(missing)),
            Err(error) => return Err(ClientError::Send(error)),
        }
        while !missing.is_empty() {
            match self.stream.read(&mut self.buffer) {
                Ok(count) => missing = self.verify(count, missing)?,
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {
                    let left = plan.reply_timeout.saturating_sub(sent_at.elapsed());
                    if left.is_zero() || interrupted.load(Ordering::Relaxed) {
                        return Err(no_reply(missing));
                    }
                    self.set_read_timeout(left)?;
                }
                Err(error) => return Err(ClientError::Receive(error)),
            }
        }
        let time = sent_at.elapsed();
        Ok((self.peer.clone(), time))
    }

    /// Half-closes, and reads to the peer's FIN. A peer that does not close, or resets the connection, has echoed everything
    /// all the same.
    fn finish(&mut self, plan: &PingPlan, interrupted: &AtomicBool) -> Result<(), ClientError> {
        let _already_closed = self.stream.shutdown(Shutdown::Write);
        let (start, limit) = (Instant::now(), plan.reply_timeout.min(FIN_TIMEOUT));
        while !interrupted.load(Ordering::Relaxed) {
            let left = limit.saturating_sub(start.elapsed());
            self.set_read_timeout(left)?;
            match self.stream.read(&mut self.buffer) {
                Ok(1..) => {
                    let offset = self.returned;
                    return Err(ClientError::Superfluous { offset });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {
                    if left.is_zero() {
                        break;
                    }
                }
                Ok(0) | Err(_) => break,
            }
        }
        Ok(())
    }
}

/// How long the FIN may take after the last echo: a peer that does not close delays the summary by no more.
const FIN_TIMEOUT: Duration = Duration::from_secs(1);

impl PingConnection {
    /// Compares the `count` bytes in the buffer with those that are `missing`. Returns what is still missing.
    fn verify<'m>(&mut self, count: usize, missing: &'m [u8]) -> Result<&'m [u8], ClientError> {
        if count == 0 {
            let missing = missing.len() as u64;
            return Err(ClientError::ClosedEarly { missing });
        }
        let echo = self.buffer.get(..count).unwrap_or_default();
        for (offset, (&got, &expected)) in (self.returned..).zip(echo.iter().zip(missing)) {
            if got != expected {
                return Err(ClientError::Differs {
                    offset,
                    expected,
                    got,
                });
            }
        }
        let Some(rest) = missing.get(count..) else {
            let offset = self.returned + missing.len() as u64;
            return Err(ClientError::Superfluous { offset });
        };
        self.returned += count as u64;
        Ok(rest)
    }

    fn set_read_timeout(&self, left: Duration) -> Result<(), ClientError> {
        let slice = left.clamp(SHORTEST_READ_TIMEOUT, SLICE);
        let set = self.stream.set_read_timeout(Some(slice));
        set.map_err(ClientError::Receive)
    }
}
