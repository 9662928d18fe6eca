//! What is injected, and the load under which it has to show.

use super::servers::{CalibrationServer, Falsification};
use super::target::SuspensionSpan;
use crate::measure::load::{LoadPattern, LoadPlan, StopCondition};
use std::net::SocketAddr;
use std::time::Duration;

/// A deviation from a plain echo server that a measurement has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injection {
    /// One message in twenty is echoed 50 ms later.
    Delay,
    /// The server is suspended for 200 ms every 2 s, under an open loop.
    Stalls,
    /// The server is suspended during the measurement, and for good.
    Frozen,
    /// One connection receives no echo.
    Starved,
    /// A child process of the server uses 200 µs of processor time for each message.
    BurnInChild,
    /// The server keeps 1 MiB of memory in use for each connection.
    Resident,
    /// The server echoes 2,000 messages per second.
    Ceiling,
    /// The server echoes 2,000 messages per second, and 4,000 are due.
    Overload,
    /// More messages are due than the generator can send, to a server that could echo them.
    GeneratorOverload,
    /// A byte is falsified.
    Falsified(Falsification),
}

/// Connections of the run that freezes.
pub(super) const FROZEN_CONNECTIONS: usize = 4;

/// Messages due per second while the server stalls.
const STALLED_RATE: f64 = 10_000.0;

/// Messages due per second at a server that echoes [`CEILING`](super::servers::CEILING).
pub(super) const OVERLOAD_RATE: f64 = 4000.0;

/// Messages due per second: more than a generator of one thread can send.
const GENERATOR_OVERLOAD_RATE: f64 = 20_000_000.0;

const STALLS: &[SuspensionSpan] = &[
    SuspensionSpan {
        from: Duration::from_millis(900),
        length: Some(Duration::from_millis(200)),
    },
    SuspensionSpan {
        from: Duration::from_millis(2900),
        length: Some(Duration::from_millis(200)),
    },
];

const FREEZE: &[SuspensionSpan] = &[SuspensionSpan {
    from: Duration::from_millis(300),
    length: None,
}];

impl Injection {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Delay,
        Self::Stalls,
        Self::Frozen,
        Self::Starved,
        Self::BurnInChild,
        Self::Resident,
        Self::Ceiling,
        Self::Overload,
        Self::GeneratorOverload,
        Self::Falsified(Falsification::Corrupted),
        Self::Falsified(Falsification::Lost),
        Self::Falsified(Falsification::Doubled),
        Self::Falsified(Falsification::Swapped),
    ];

    pub(super) fn server(self) -> CalibrationServer {
        match self {
            Self::Stalls | Self::Frozen | Self::GeneratorOverload => CalibrationServer::Honest,
            Self::Delay => CalibrationServer::Delay,
            Self::Starved => CalibrationServer::Starve,
            Self::BurnInChild => CalibrationServer::BurnInChild,
            Self::Resident => CalibrationServer::Resident,
            Self::Ceiling | Self::Overload => CalibrationServer::Ceiling,
            Self::Falsified(how) => CalibrationServer::Falsify(how),
        }
    }

    /// When the process of the server is suspended.
    pub(super) fn spans(self) -> &'static [SuspensionSpan] {
        match self {
            Self::Stalls => STALLS,
            Self::Frozen => FREEZE,
            _ => &[],
        }
    }

    pub(super) fn plan(self, target: SocketAddr) -> LoadPlan {
        let base = LoadPlan {
            warm_up: Duration::from_millis(200),
            ..LoadPlan::new(target)
        };
        let for_millis = |millis| StopCondition::Elapsed(Duration::from_millis(millis));
        match self {
            Self::Delay => LoadPlan {
                connections: 10,
                stop_when: for_millis(1500),
                ..base
            },
            // Several messages in flight let the server catch up quickly after a suspension.
            Self::Stalls => LoadPlan {
                connections: 10,
                depth: 64,
                rate: Some(STALLED_RATE),
                stop_when: for_millis(4000),
                ..base
            },
            Self::Frozen => LoadPlan {
                connections: FROZEN_CONNECTIONS,
                stop_when: for_millis(600),
                timeout: Duration::from_millis(600),
                ..base
            },
            Self::Starved => LoadPlan {
                connections: 10,
                stop_when: for_millis(700),
                timeout: Duration::from_secs(1),
                ..base
            },
            Self::BurnInChild => LoadPlan {
                stop_when: for_millis(1500),
                ..base
            },
            Self::Resident => LoadPlan {
                pattern: LoadPattern::Idle,
                connections: 50,
                stop_when: for_millis(300),
                ..base
            },
            Self::Ceiling => LoadPlan {
                connections: 20,
                stop_when: for_millis(1500),
                ..base
            },
            Self::Overload => LoadPlan {
                connections: 20,
                rate: Some(OVERLOAD_RATE),
                stop_when: for_millis(1500),
                ..base
            },
            // What waits on a connection reaches the server in few reads, so it has time to spare.
            Self::GeneratorOverload => LoadPlan {
                connections: 4,
                depth: 1000,
                rate: Some(GENERATOR_OVERLOAD_RATE),
                stop_when: for_millis(500),
                timeout: Duration::from_millis(500),
                ..base
            },
            Self::Falsified(_) => LoadPlan {
                warm_up: Duration::ZERO,
                stop_when: StopCondition::Messages(100),
                timeout: Duration::from_millis(500),
                ..base
            },
        }
    }
}
