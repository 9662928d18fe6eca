//! The load to generate, as a plain value.

use super::verify::Verify;
use crate::text::address::Address;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// From this many messages per second of a thread on, messages share wake-ups unless the plan says otherwise.
const COALESCED_RATE: f64 = 80_000.0;

/// How long a message waits for others from [`COALESCED_RATE`] on.
const DEFAULT_SLACK: Duration = Duration::from_micros(200);

/// The load to put on a server.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The address of the server.
    pub target: Address,
    /// What carries the messages.
    pub transport: Transport,
    /// The local addresses to connect from, in turn. Each has ports of its own, so several allow more connections to one
    /// server than one. If there are none, the system chooses, and on the loopback interface of IPv4 further addresses
    /// are used when one has no ports left.
    pub sources: Vec<IpAddr>,
    /// What each connection does.
    pub pattern: LoadPattern,
    /// Threads of the generator: at least 1, and at most one for each connection. Each has its own connections, and its own
    /// part of the messages and rates. Several threads do not apply to datagrams.
    pub threads: usize,
    /// The number of concurrent connections, at least 1; of datagrams, the number of sockets.
    pub connections: usize,
    /// The size of a message in bytes, at least 1; of a datagram, 8 to 65,507.
    pub size: usize,
    /// The number of messages that each connection keeps in flight, at least 1.
    pub depth: usize,
    /// Messages per second over all connections; `None` for the closed loop. Applies to
    /// [`LoadPattern::Echo`] and [`LoadPattern::Stream`].
    pub rate: Option<f64>,
    /// How the times at which messages are due are spaced. Applies to an open loop.
    pub arrivals: Arrivals,
    /// How long the generator may let a due message wait for others, so that they share a wake-up. `None` lets it wait
    /// only at a high rate; see [`LoadPlan::effective_slack`].
    pub slack: Option<Duration>,
    /// Connections opened per second while the load is built up; `None` opens them as fast as possible.
    pub connect_rate: Option<f64>,
    /// How long the load runs at least before the measurement starts.
    pub warm_up: Duration,
    /// How much longer it runs at most, until the observer finds the server warm
    /// ([`LoadObserver::is_warm`](super::LoadObserver::is_warm)). Zero for a warm-up of a fixed length.
    pub warm_up_extension: Duration,
    /// When the measurement ends.
    pub stop_when: StopCondition,
    /// Whether the echoed bytes are compared with those sent.
    pub verify: Verify,
    /// How long connecting, or the echo of a message, may take before the connection counts as failed. The run waits
    /// this long for the messages in flight when the measurement ends. A datagram without an echo for this long is lost.
    pub timeout: Duration,
}

impl LoadPlan {
    /// One connection that plays ping-pong with messages of 64 bytes for ten seconds, after a warm-up of one
    /// second.
    pub fn new(target: impl Into<Address>) -> Self {
        Self {
            target: target.into(),
            transport: Transport::Stream,
            sources: Vec::new(),
            pattern: LoadPattern::Echo,
            threads: 1,
            connections: 1,
            size: 64,
            depth: 1,
            rate: None,
            arrivals: Arrivals::Fixed,
            slack: None,
            connect_rate: None,
            warm_up: Duration::from_secs(1),
            warm_up_extension: Duration::ZERO,
            stop_when: StopCondition::Elapsed(Duration::from_secs(10)),
            verify: Verify::EveryByte,
            timeout: Duration::from_secs(5),
        }
    }

    /// How long the generator may let a due message wait for others. A sleep and a wake-up cost more processor time than
    /// several messages; from 80,000 per second and thread on, that would take most of a core. Below that rate, and with a
    /// slack of zero, a message is sent as soon as it is due, and the generator spins where a sleep could not end in time.
    pub fn effective_slack(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a count of threads")]
        let threads = self.threads as f64;
        let coalesces = (self.rate).is_some_and(|rate| rate / threads >= COALESCED_RATE);
        let default = if coalesces {
            DEFAULT_SLACK
        } else {
            Duration::ZERO
        };
        self.slack.unwrap_or(default)
    }

    /// Whether each complete echo is followed by the next message.
    pub(super) fn is_closed_loop(&self) -> bool {
        self.pattern.has_continuous_traffic() && self.rate.is_none()
    }

    /// Messages per second; `None` unless the plan describes an open loop.
    pub(super) fn open_loop_rate(&self) -> Option<f64> {
        self.rate.filter(|_| self.pattern.has_continuous_traffic())
    }
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Transport {
    /// TCP connections.
    #[default]
    #[serde(rename = "tcp")]
    Stream,
    /// UDP: each message is a datagram, and so is its echo.
    #[serde(rename = "udp")]
    Datagrams,
}

/// What each connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadPattern {
    /// Round trips on a connection that stays open.
    Echo,
    /// Connect, one round trip, close; then the same with a new connection.
    Churn,
    /// One round trip, which proves that the connection is served; then no traffic.
    Idle,
    /// The same traffic as `Echo`, but only the throughput in bytes per second is of interest.
    Stream,
}

impl LoadPattern {
    fn has_continuous_traffic(self) -> bool {
        match self {
            Self::Echo | Self::Stream => true,
            Self::Churn | Self::Idle => false,
        }
    }
}

/// As on the command line.
impl fmt::Display for LoadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Echo => "echo",
            Self::Churn => "churn",
            Self::Idle => "idle",
            Self::Stream => "stream",
        })
    }
}

/// How the times at which messages are due are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal intervals.
    Fixed,
    /// As a Poisson process: intervals are independent and exponentially distributed, as if many users acted without
    /// knowledge of each other.
    Poisson {
        /// Reproduces the times.
        seed: u64,
    },
}

/// As on the command line.
impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fixed => "fixed",
            Self::Poisson { .. } => "poisson",
        })
    }
}

/// When the measurement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCondition {
    /// After this time, not counting the connection phase and the warm-up.
    Elapsed(Duration),
    /// After this many measured messages, at least 1.
    Messages(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_for_others_only_at_a_high_rate_or_when_asked_to() {
        let slack = |rate, slack| {
            let plan = LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)));
            LoadPlan {
                rate,
                slack,
                ..plan
            }
            .effective_slack()
        };
        let asked = Duration::from_millis(3);
        assert_eq!(slack(Some(COALESCED_RATE - 1.0), None), Duration::ZERO);
        assert_eq!(slack(Some(COALESCED_RATE), None), DEFAULT_SLACK);
        assert_eq!(slack(Some(1e6), Some(Duration::ZERO)), Duration::ZERO);
        assert_eq!(slack(Some(10.0), Some(asked)), asked);
    }
}
