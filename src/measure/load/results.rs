//! The results of a run.

use super::client_connection::ConnectionError;
use super::latency::Latency;
use super::verify::Mismatch;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

/// The results of a run. Unless stated otherwise, they exclude the connection phase and the warm-up.
#[derive(Debug, Clone)]
pub struct LoadResults {
    /// The warm-up before the measurement.
    pub warm_up: WarmUp,
    /// How long the measurement took.
    pub elapsed: Duration,
    /// Messages echoed in this time; for [`LoadPattern::Churn`](super::LoadPattern::Churn), connections.
    pub messages: u64,
    /// Bytes of these messages.
    pub bytes: u64,
    /// Connections established, including those of the connection phase and the warm-up.
    pub connected: u64,
    /// Connections that received no echo during the measurement, and had a message waiting for one throughout its second
    /// half, or its last second if that is shorter. A wait of less than 100 ms does not count: some connection has to be
    /// the last to be served.
    pub starved: usize,
    /// Service times: from sending a message, for churn from connect(2), to its complete echo.
    pub service: Latency,
    /// The first part of the response times: from the time at which a message was due until it was sent. It contains what
    /// the generator is late, and the wait for a free place on the connection. `None` in the closed loop.
    pub wait: Option<Latency>,
    /// Response times: from the time at which a message was due to its complete echo. `None` in the closed loop.
    pub response: Option<Latency>,
    /// Messages that were in flight or due during the measurement and never echoed: not within the timeout, or not
    /// before their connection failed. They are in the histograms with their age.
    pub unanswered: u64,
    /// Only over UDP: what became of the datagrams.
    pub datagrams: Option<DatagramCounts>,
    /// The longest time in nanoseconds in which no connection received an echo although a message was in flight.
    pub longest_gap: u64,
    /// Failed connections, from the first connection attempt to the end.
    pub failures: Failures,
    /// The first wrong byte.
    pub first_mismatch: Option<Mismatch>,
    /// The first connection that timed out.
    pub first_timeout: Option<TimedOut>,
    /// What the generator itself needed.
    pub generator: GeneratorCost,
    /// Whether the run ended before its stop condition: the observer ended it, or the connections failed.
    pub ended_early: bool,
}

impl LoadResults {
    /// Nothing measured yet.
    pub(crate) fn empty() -> Self {
        Self {
            warm_up: WarmUp::default(),
            elapsed: Duration::ZERO,
            messages: 0,
            bytes: 0,
            connected: 0,
            starved: 0,
            service: Latency::new(),
            wait: None,
            response: None,
            unanswered: 0,
            datagrams: None,
            longest_gap: 0,
            failures: Failures::default(),
            first_mismatch: None,
            first_timeout: None,
            generator: GeneratorCost::default(),
            ended_early: false,
        }
    }

    /// Adds the results of another thread, which has measured other connections in the same time.
    pub(super) fn merge(&mut self, other: &Self) {
        self.elapsed = self.elapsed.max(other.elapsed);
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.connected += other.connected;
        self.starved += other.starved;
        self.service.merge(&other.service);
        merge_latencies(&mut self.wait, other.wait.as_ref());
        merge_latencies(&mut self.response, other.response.as_ref());
        self.unanswered += other.unanswered;
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.failures.merge(&other.failures);
        self.first_mismatch = self.first_mismatch.or(other.first_mismatch);
        self.first_timeout = self.first_timeout.or(other.first_timeout);
        self.generator.merge(&other.generator);
        self.ended_early |= other.ended_early;
    }

    /// Echoed messages per second.
    pub fn messages_per_second(&self) -> f64 {
        per_second(self.messages, self.elapsed)
    }

    /// Echoed bytes per second, in one direction.
    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.bytes, self.elapsed)
    }
}

fn merge_latencies(one: &mut Option<Latency>, other: Option<&Latency>) {
    if let Some(other) = other {
        one.get_or_insert_default().merge(other);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        return 0.0;
    }
    count as f64 / elapsed.as_secs_f64()
}

/// The load before the measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WarmUp {
    /// How long it lasted.
    pub lasted: Duration,
    /// Why it ended.
    pub end: WarmUpEnd,
}

/// Why a warm-up ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmUpEnd {
    /// Its length was fixed.
    #[default]
    Fixed,
    /// The observer found the server warm.
    Warm,
    /// The observer had not found the server warm after the longest time.
    NotWarm,
}

/// What became of the datagrams that were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatagramCounts {
    /// Datagrams that came back or were lost.
    pub sent: u64,
    /// Those that had no echo within the timeout. Whether they were lost on the way there, in a full buffer, by the server or
    /// on the way back, a client cannot tell.
    pub lost: u64,
    /// Echoes that came after the timeout. Their datagrams are among the lost ones.
    pub late: u64,
    /// Echoes that arrived after the echo of a datagram that was sent later from the same socket (RFC 4737, section 3.3).
    pub reordered: u64,
    /// Second and further echoes of a datagram.
    pub duplicated: u64,
}

/// The number of failed connections, by kind. Each connection fails at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// See [`Failure::Refused`].
    pub refused: u64,
    /// See [`Failure::Reset`].
    pub reset: u64,
    /// See [`Failure::ClosedEarly`].
    pub closed_early: u64,
    /// See [`Failure::TimedOut`].
    pub timed_out: u64,
    /// See [`Failure::Corrupted`].
    pub corrupted: u64,
    /// See [`Failure::NoDescriptor`].
    #[serde(default)]
    pub no_descriptor: u64,
    /// See [`Failure::NoPort`].
    #[serde(default)]
    pub no_port: u64,
    /// See [`Failure::Other`].
    pub other: u64,
}

impl Failures {
    /// The number of all failures.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }

    /// Each kind with its count.
    pub fn by_kind(&self) -> [(Failure, u64); 8] {
        [
            (Failure::Refused, self.refused),
            (Failure::Reset, self.reset),
            (Failure::ClosedEarly, self.closed_early),
            (Failure::TimedOut, self.timed_out),
            (Failure::Corrupted, self.corrupted),
            (Failure::NoDescriptor, self.no_descriptor),
            (Failure::NoPort, self.no_port),
            (Failure::Other, self.other),
        ]
    }

    pub(super) fn count(&mut self, failure: Failure) {
        self.add(failure, 1);
    }

    fn merge(&mut self, other: &Self) {
        for (failure, count) in other.by_kind() {
            self.add(failure, count);
        }
    }

    fn add(&mut self, failure: Failure, count: u64) {
        *match failure {
            Failure::Refused => &mut self.refused,
            Failure::Reset => &mut self.reset,
            Failure::ClosedEarly => &mut self.closed_early,
            Failure::TimedOut => &mut self.timed_out,
            Failure::Corrupted => &mut self.corrupted,
            Failure::NoDescriptor => &mut self.no_descriptor,
            Failure::NoPort => &mut self.no_port,
            Failure::Other => &mut self.other,
        } += count;
    }
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No socket listened at the address.
    Refused,
    /// The peer sent RST, or had already closed the connection that was written to.
    Reset,
    /// The peer sent FIN before all that it had received was echoed.
    ClosedEarly,
    /// The connection was not established, or a message not echoed, within the timeout.
    TimedOut,
    /// A wrong byte came back.
    Corrupted,
    /// The generator, or the system, had no descriptor left for it (socket(2), EMFILE and ENFILE).
    NoDescriptor,
    /// The generator had no port left for it (connect(2), EADDRNOTAVAIL).
    NoPort,
    /// Another error.
    Other,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed early",
            Self::TimedOut => "timed out",
            Self::Corrupted => "corrupted",
            Self::NoDescriptor => "without a descriptor",
            Self::NoPort => "without a port",
            Self::Other => "other",
        })
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::AddrNotAvailable => Self::NoPort,
            _ => Self::Other,
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::PeerFinished => Self::ClosedEarly,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::Io(kind) => kind.into(),
            ConnectionError::Corrupted(_) => Self::Corrupted,
        }
    }
}

/// A connection that timed out, and how many bytes it had transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedOut {
    /// The connection, numbered from 1 in the order of connecting.
    pub connection: u64,
    /// Bytes sent on it.
    pub sent: u64,
    /// Bytes received on it.
    pub received: u64,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            sent,
            received,
        } = self;
        write!(
            f,
            "connection {connection}: of {sent} bytes sent, {received} came back"
        )
    }
}

/// What the generator itself needed during the measurement.
#[derive(Debug, Clone, Default)]
pub struct GeneratorCost {
    /// Its threads, each of which loads the server. The times below are the sums of theirs.
    pub threads: usize,
    /// Processor time.
    pub cpu: Duration,
    /// How long it had nothing to do: asleep, or polling without an event until a message was due.
    pub waited: Duration,
    /// How long it was ready to run and waited for a core; `None` where the kernel does not report it.
    pub run_queue_delay: Option<Duration>,
    /// The generator's own part of the response time of each message, in both directions. Sending: from the time at which
    /// the message was due, or if its connection had no free place then, from the time at which the generator was informed
    /// of the echo that made one. Receiving: from the time at which the generator was informed of the last bytes of the
    /// echo until they were read. Includes the generator's own queues, and its own wake-up for a message that is due; how
    /// long the system takes to wake it for an echo is not visible to it. `None` in the closed loop.
    pub lag: Option<Latency>,
}

impl GeneratorCost {
    fn merge(&mut self, other: &Self) {
        self.threads += other.threads;
        self.cpu += other.cpu;
        self.waited += other.waited;
        let delays = self.run_queue_delay.zip(other.run_queue_delay);
        self.run_queue_delay = delays.map(|(one, other)| one + other);
        merge_latencies(&mut self.lag, other.lag.as_ref());
    }
}
