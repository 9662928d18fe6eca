//! What connections do to a server in one measurement.

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
}

impl fmt::Display for ScenarioPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Churn => "churn",
            Self::Idle => "idle",
            Self::Stream => "stream",
            Self::Fairness => "fairness",
        })
    }
}

/// One point of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// How the connections behave.
    pub pattern: ScenarioPattern,
    /// Concurrent connections; for [`ScenarioPattern::Fairness`], the paced ones.
    pub connections: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
}

impl Scenario {
    /// Every combination of the lists: sizes vary slowest, connections fastest.
    pub fn matrix(
        pattern: ScenarioPattern,
        connections: &[usize],
        sizes: &[usize],
        depths: &[usize],
    ) -> Vec<Self> {
        let mut matrix = Vec::new();
        for &size in sizes {
            for &depth in depths {
                for &connections in connections {
                    matrix.push(Self {
                        pattern,
                        connections,
                        size,
                        depth,
                    });
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
        }
    }

    /// Whether the two scenarios are equal except on `axis`: then they are points of the same line.
    pub fn differs_only_on(&self, axis: Axis, other: &Self) -> bool {
        let mut fixed = Axis::ALL.into_iter().filter(|fixed| *fixed != axis);
        self.pattern == other.pattern
            && fixed.all(|fixed| self.value_on(fixed) == other.value_on(fixed))
    }

    /// Everything but its value on `axis`: `echo, 64 B, 16 deep`.
    pub fn name_without(&self, axis: Axis) -> String {
        let parts = Axis::ALL.into_iter().filter(|other| *other != axis);
        self.name_of(parts)
    }

    fn name_of(&self, axes: impl Iterator<Item = Axis>) -> String {
        let parts = axes.filter_map(|axis| self.name_of_value_on(axis));
        let parts: Vec<String> = std::iter::once(self.pattern.to_string())
            .chain(parts)
            .collect();
        parts.join(", ")
    }

    /// `None` where there is nothing worth mentioning: a depth of 1, a message size without messages.
    fn name_of_value_on(&self, axis: Axis) -> Option<String> {
        let has_messages = self.pattern != ScenarioPattern::Idle;
        match axis {
            Axis::Connections => Some(units::counted(
                self.connections,
                "connection",
                "connections",
            )),
            Axis::Size => has_messages.then(|| units::size(self.size)),
            Axis::Depth => (has_messages && self.depth > 1)
                .then(|| format!("{} deep", units::count(self.depth))),
        }
    }
}

/// `echo, 64 B, 16 deep, 50 connections`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name_of(Axis::ALL.into_iter()))
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
}

impl Axis {
    /// All of them, in the order in which the name of a scenario lists them.
    pub const ALL: [Self; 3] = [Self::Size, Self::Depth, Self::Connections];

    /// The x axis for charts of `scenarios`: the one with the most distinct values.
    pub fn with_most_values(scenarios: &[Scenario]) -> Self {
        let count = |axis: Self| {
            let mut values: Vec<usize> = scenarios.iter().map(|one| one.value_on(axis)).collect();
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        // `max_by_key` returns the last maximum, so a tie goes to connections.
        Self::ALL
            .into_iter()
            .max_by_key(|axis| count(*axis))
            .unwrap_or(Self::Connections)
    }

    /// Its title on a chart.
    pub fn title(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Size => "message size",
            Self::Depth => "messages in flight per connection",
        }
    }

    /// `10,000` connections or messages, a size of `4 KiB`.
    pub fn format(self, value: usize) -> String {
        match self {
            Self::Connections | Self::Depth => units::count(value),
            Self::Size => units::size(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_combination_once() {
        let matrix = Scenario::matrix(ScenarioPattern::Echo, &[1, 10_000], &[64, 4096], &[1, 16]);
        let names: Vec<String> = matrix.iter().map(Scenario::to_string).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "echo, 64 B, 1 connection");
        assert_eq!(names[7], "echo, 4 KiB, 16 deep, 10,000 connections");
    }

    #[test]
    fn scenarios_are_drawn_along_what_varies_most() {
        let matrix = |connections: &[usize], sizes: &[usize]| {
            Scenario::matrix(ScenarioPattern::Echo, connections, sizes, &[1])
        };
        let axis = |scenarios: &[Scenario]| Axis::with_most_values(scenarios);
        assert_eq!(axis(&matrix(&[1], &[64])), Axis::Connections);
        assert_eq!(axis(&matrix(&[1], &[64, 4096])), Axis::Size);
        let square = matrix(&[1, 10], &[64, 4096]);
        assert_eq!(axis(&square), Axis::Connections);
        assert!(square[0].differs_only_on(Axis::Connections, &square[1]));
        assert!(!square[1].differs_only_on(Axis::Connections, &square[2]));
        assert_eq!(square[0].name_without(Axis::Connections), "echo, 64 B");
        assert_eq!(square[0].name_without(Axis::Size), "echo, 1 connection");
    }
}
