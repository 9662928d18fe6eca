//! What connections do to a server in one measurement.

use crate::measure::load::Transport;
use crate::text::units;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the connections of a scenario behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioPattern {
    /// Round trips: a message goes out, and the next one when it has come back.
    Echo,
    /// Connect, one round trip, close; repeatedly.
    Churn,
    /// Connections that stay open without traffic.
    Idle,
    /// Large messages, as fast as the server echoes them.
    Stream,
    /// Paced connections that read what they get, beside one that floods and one that never reads.
    Fairness,
    /// Round trips over UDP: each message is a datagram, and each connection a socket of its own.
    #[serde(rename = "udp")]
    Datagrams,
}

impl ScenarioPattern {
    /// Whether its messages can be due at a rate.
    pub fn takes_rate(self) -> bool {
        match self {
            Self::Echo | Self::Stream | Self::Datagrams => true,
            Self::Churn | Self::Idle | Self::Fairness => false,
        }
    }

    /// What carries its messages.
    pub fn transport(self) -> Transport {
        match self {
            Self::Datagrams => Transport::Datagrams,
            Self::Echo | Self::Churn | Self::Idle | Self::Stream | Self::Fairness => {
                Transport::Stream
            }
        }
    }

    /// What a message is called.
    pub(super) fn messages(self) -> &'static str {
        match self.transport() {
            Transport::Stream => "messages",
            Transport::Datagrams => "datagrams",
        }
    }

    /// `50 connections`; over UDP, there are only sockets.
    pub(super) fn counted(self, connections: usize) -> String {
        match self.transport() {
            Transport::Stream => units::counted(connections, "connection", "connections"),
            Transport::Datagrams => units::counted(connections, "socket", "sockets"),
        }
    }
}

/// How many messages a scenario sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferedLoad {
    /// As many as the contender echoes: the next message goes out when one has come back (closed loop). Contenders are
    /// saturated, and not equally loaded.
    #[default]
    Saturation,
    /// This many per second over all connections, whether or not the contender keeps up (open loop).
    Rate(u64),
    /// As [`Rate`](Self::Rate), derived from what the slowest contender reached at saturation.
    CommonRate(u64),
}

impl fmt::Display for ScenarioPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Churn => "churn",
            Self::Idle => "idle",
            Self::Stream => "stream",
            Self::Fairness => "fairness",
            Self::Datagrams => "udp",
        })
    }
}

/// One point of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// How the connections behave.
    pub pattern: ScenarioPattern,
    /// Concurrent connections; for [`ScenarioPattern::Fairness`], the paced ones, and for [`ScenarioPattern::Datagrams`],
    /// sockets.
    pub connections: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection. At a rate, nothing limits how many datagrams are in flight.
    pub depth: usize,
    /// How many messages are sent. For a pattern that takes no rate, [`OfferedLoad::Saturation`].
    pub load: OfferedLoad,
}

impl Scenario {
    /// Messages due per second; `None` in the closed loop.
    pub fn rate(&self) -> Option<u64> {
        match self.load {
            OfferedLoad::Saturation => None,
            OfferedLoad::Rate(rate) | OfferedLoad::CommonRate(rate) => Some(rate),
        }
    }

    /// Whether each contender is sent as many messages as it echoes, so that they are not equally loaded.
    pub fn is_saturated(&self) -> bool {
        self.pattern.takes_rate() && self.load == OfferedLoad::Saturation
    }

    /// Whether its rate follows from what the slowest contender reached.
    pub fn is_at_common_rate(&self) -> bool {
        matches!(self.load, OfferedLoad::CommonRate(_))
    }

    /// Every combination of the lists: sizes vary slowest, loads fastest.
    pub fn matrix(
        pattern: ScenarioPattern,
        connections: &[usize],
        sizes: &[usize],
        depths: &[usize],
        loads: &[OfferedLoad],
    ) -> Vec<Self> {
        let mut matrix = Vec::new();
        for &size in sizes {
            for &depth in depths {
                for &connections in connections {
                    matrix.extend(loads.iter().map(|&load| Self {
                        pattern,
                        connections,
                        size,
                        depth,
                        load,
                    }));
                }
            }
        }
        matrix
    }

    /// Its value on `axis`.
    pub fn value_on(&self, axis: Axis) -> usize {
        match axis {
            Axis::Connections => self.connections,
            Axis::Size => self.size,
            Axis::Depth => self.depth,
            Axis::Rate => usize::try_from(self.rate().unwrap_or(0)).unwrap_or(usize::MAX),
        }
    }

    /// Whether the two scenarios are equal except on `axis`: then they are points of the same line. All common rates are
    /// equal: each is the half of what is possible.
    pub fn differs_only_on(&self, axis: Axis, other: &Self) -> bool {
        let mut fixed = Axis::ALL.into_iter().filter(|fixed| *fixed != axis);
        let is_equal = |axis| match (axis, self.load, other.load) {
            (Axis::Rate, OfferedLoad::CommonRate(_), OfferedLoad::CommonRate(_)) => true,
            (Axis::Rate, load, other) => load == other,
            (axis, ..) => self.value_on(axis) == other.value_on(axis),
        };
        self.pattern == other.pattern
            && fixed.all(is_equal)
            && (axis != Axis::Rate || (self.rate().is_some() && other.rate().is_some()))
    }

    /// Whether the two are equal except for the load.
    pub(super) fn has_same_matrix(&self, other: &Self) -> bool {
        Self {
            load: other.load,
            ..*self
        } == *other
    }

    /// What the scenarios have in common that differ from it only on `axis`: `echo, 64 B, 16 deep`.
    pub fn name_without(&self, axis: Axis) -> String {
        let parts = Axis::ALL.into_iter().filter(|other| *other != axis);
        self.name_of(parts.filter_map(|axis| match (axis, self.load) {
            (Axis::Rate, OfferedLoad::CommonRate(_)) => Some("at a common rate".to_owned()),
            (axis, _) => self.name_of_value_on(axis),
        }))
    }

    fn name_of(&self, parts: impl Iterator<Item = String>) -> String {
        let parts: Vec<String> = std::iter::once(self.pattern.to_string())
            .chain(parts)
            .collect();
        parts.join(", ")
    }

    /// `None` where there is nothing worth mentioning: a depth of 1, a message size without messages.
    fn name_of_value_on(&self, axis: Axis) -> Option<String> {
        let has_messages = self.pattern != ScenarioPattern::Idle;
        let is_bounded = self.pattern != ScenarioPattern::Datagrams || self.rate().is_none();
        match axis {
            Axis::Connections => Some(self.pattern.counted(self.connections)),
            Axis::Size => has_messages.then(|| units::size(self.size)),
            Axis::Depth => (has_messages && is_bounded && self.depth > 1)
                .then(|| format!("{} deep", units::count(self.depth))),
            Axis::Rate if self.is_saturated() => Some("saturated".to_owned()),
            Axis::Rate => self.rate().map(|_| {
                let rate = units::count(self.value_on(axis));
                format!("{rate} {}/s", self.pattern.messages())
            }),
        }
    }
}

/// `echo, 64 B, 16 deep, 50 connections, 20,000 messages/s`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = Axis::ALL.into_iter();
        f.write_str(&self.name_of(parts.filter_map(|axis| self.name_of_value_on(axis))))
    }
}

/// A dimension of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The size of a message.
    Size,
    /// Messages in flight on each connection.
    Depth,
    /// The number of connections.
    Connections,
    /// Messages due per second.
    Rate,
}

impl Axis {
    /// All of them, in the order in which the name of a scenario lists them.
    pub const ALL: [Self; 4] = [Self::Size, Self::Depth, Self::Connections, Self::Rate];

    /// The x axis for charts of `scenarios`: the one along which a line has the most points.
    pub fn with_most_values(scenarios: &[Scenario]) -> Self {
        let count = |axis: Self| {
            let on_line = |one: &Scenario| {
                let others = scenarios.iter();
                others
                    .filter(|other| one.differs_only_on(axis, other))
                    .count()
            };
            scenarios.iter().map(on_line).max()
        };
        // `max_by_key` returns the last maximum, so a tie goes to connections.
        [Self::Rate, Self::Size, Self::Depth, Self::Connections]
            .into_iter()
            .max_by_key(|axis| count(*axis))
            .unwrap_or(Self::Connections)
    }

    /// Its title on a chart of scenarios with this pattern.
    pub fn title(self, pattern: ScenarioPattern) -> &'static str {
        match (self, pattern.transport()) {
            (Self::Connections, Transport::Stream) => "connections",
            (Self::Connections, Transport::Datagrams) => "sockets",
            (Self::Size, _) => "message size",
            (Self::Depth, Transport::Stream) => "messages in flight per connection",
            (Self::Depth, Transport::Datagrams) => "messages in flight per socket",
            (Self::Rate, Transport::Stream) => "messages per second",
            (Self::Rate, Transport::Datagrams) => "datagrams per second",
        }
    }

    /// `10,000` connections, messages or messages per second, a size of `4 KiB`.
    pub fn format(self, value: usize) -> String {
        match self {
            Self::Connections | Self::Depth | Self::Rate => units::count(value),
            Self::Size => units::size(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SATURATION: &[OfferedLoad] = &[OfferedLoad::Saturation];

    #[test]
    fn the_matrix_has_every_combination_once() {
        let pattern = ScenarioPattern::Echo;
        let matrix = Scenario::matrix(pattern, &[1, 10_000], &[64, 4096], &[1, 16], SATURATION);
        let names: Vec<String> = matrix.iter().map(Scenario::to_string).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "echo, 64 B, 1 connection, saturated");
        assert_eq!(
            names[7],
            "echo, 4 KiB, 16 deep, 10,000 connections, saturated"
        );
        let loads = [OfferedLoad::Rate(500), OfferedLoad::CommonRate(20_000)];
        let matrix = Scenario::matrix(pattern, &[1], &[64], &[1], &loads);
        let names: Vec<String> = matrix.iter().map(Scenario::to_string).collect();
        assert_eq!(names[0], "echo, 64 B, 1 connection, 500 messages/s");
        assert_eq!(names[1], "echo, 64 B, 1 connection, 20,000 messages/s");
        let udp = Scenario::matrix(ScenarioPattern::Datagrams, &[5], &[64], &[2], &loads);
        assert_eq!(udp[0].to_string(), "udp, 64 B, 5 sockets, 500 datagrams/s");
        let saturated = Scenario {
            load: OfferedLoad::Saturation,
            ..udp[0]
        };
        let name = "udp, 64 B, 2 deep, 5 sockets, saturated";
        assert_eq!(saturated.to_string(), name);
        let churn = Scenario::matrix(ScenarioPattern::Churn, &[1], &[64], &[1], SATURATION);
        assert_eq!(churn[0].to_string(), "churn, 64 B, 1 connection");
    }

    #[test]
    fn scenarios_are_drawn_along_what_varies_most() {
        let matrix = |connections: &[usize], sizes: &[usize], loads: &[OfferedLoad]| {
            Scenario::matrix(ScenarioPattern::Echo, connections, sizes, &[1], loads)
        };
        let axis = |scenarios: &[Scenario]| Axis::with_most_values(scenarios);
        assert_eq!(axis(&matrix(&[1], &[64], SATURATION)), Axis::Connections);
        assert_eq!(axis(&matrix(&[1], &[64, 4096], SATURATION)), Axis::Size);
        let square = matrix(&[1, 10], &[64, 4096], SATURATION);
        assert_eq!(axis(&square), Axis::Connections);
        assert!(square[0].differs_only_on(Axis::Connections, &square[1]));
        assert!(!square[1].differs_only_on(Axis::Connections, &square[2]));
        assert_eq!(
            square[0].name_without(Axis::Connections),
            "echo, 64 B, saturated"
        );
        assert_eq!(
            square[0].name_without(Axis::Size),
            "echo, 1 connection, saturated"
        );
        let rates = [1, 2, 3].map(OfferedLoad::Rate);
        assert_eq!(axis(&matrix(&[1, 10], &[64], &rates)), Axis::Rate);
    }

    #[test]
    fn common_rates_make_a_line_and_saturation_is_not_part_of_it() {
        let at = |connections: usize, load| {
            Scenario::matrix(ScenarioPattern::Echo, &[connections], &[64], &[1], &[load])[0]
        };
        let one = at(1, OfferedLoad::CommonRate(5_000));
        let fifty = at(50, OfferedLoad::CommonRate(40_000));
        assert!(one.differs_only_on(Axis::Connections, &fifty));
        let saturated = at(50, OfferedLoad::Saturation);
        assert!(!one.differs_only_on(Axis::Connections, &saturated));
        assert!(!fifty.differs_only_on(Axis::Rate, &saturated));
        let all = [one, fifty, saturated, at(1, OfferedLoad::Saturation)];
        assert_eq!(Axis::with_most_values(&all), Axis::Connections);
    }
}
