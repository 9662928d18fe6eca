//! What a server is asked to do in one measurement.

use crate::text::units;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How connections behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Round trips: a message goes out, and the next one when it has come back.
    Echo,
    /// Connect, one round trip, close; again and again.
    Churn,
    /// Connections that are held and say nothing.
    Idle,
    /// Bytes as fast as they go.
    Stream,
    /// Paced, well-behaved connections, beside one that floods and one that never reads.
    Fairness,
}

impl fmt::Display for Pattern {
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
    /// How connections behave.
    pub pattern: Pattern,
    /// Connections at once; of fairness, the well-behaved ones.
    pub connections: usize,
    /// Bytes of a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
}

impl Scenario {
    /// Every combination of the lists, in the order of reading: sizes, then depths, then connections.
    pub fn matrix(
        pattern: Pattern,
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

    /// Its place along `axis`.
    pub fn along(&self, axis: Axis) -> usize {
        match axis {
            Axis::Connections => self.connections,
            Axis::Size => self.size,
            Axis::Depth => self.depth,
        }
    }

    /// Whether the two differ along `axis` only: then they are points of the same line.
    pub fn is_beside(&self, other: &Self, axis: Axis) -> bool {
        let others = Axis::ALL.into_iter().filter(|other| *other != axis);
        self.pattern == other.pattern
            && others
                .map(|axis| (self.along(axis), other.along(axis)))
                .all(|(a, b)| a == b)
    }

    /// All but its place along `axis`: `echo, 64 B, 16 deep`.
    pub fn without(&self, axis: Axis) -> String {
        let parts = Axis::ALL.into_iter().filter(|other| *other != axis);
        let parts = parts.filter_map(|axis| self.part(axis));
        std::iter::once(self.pattern.to_string())
            .chain(parts)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What there is to say about its place along `axis`. That messages come one by one needs no words.
    fn part(&self, axis: Axis) -> Option<String> {
        let says_nothing = self.pattern == Pattern::Idle;
        match axis {
            Axis::Connections if self.connections == 1 => Some("1 connection".to_owned()),
            Axis::Connections => Some(format!("{} connections", units::count(self.connections))),
            Axis::Size | Axis::Depth if says_nothing => None,
            Axis::Size => Some(units::size(self.size)),
            Axis::Depth => (self.depth > 1).then(|| format!("{} deep", self.depth)),
        }
    }
}

/// `echo, 64 B, 16 deep, 50 connections`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pattern)?;
        for part in Axis::ALL.into_iter().filter_map(|axis| self.part(axis)) {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

/// What scenarios may differ in: a direction of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The size of a message.
    Size,
    /// Messages in flight.
    Depth,
    /// The number of connections.
    Connections,
}

impl Axis {
    /// All of them, in the order in which a scenario is told.
    pub const ALL: [Self; 3] = [Self::Size, Self::Depth, Self::Connections];

    /// The axis along which `scenarios` are best drawn: the one that has most places.
    pub fn of(scenarios: &[Scenario]) -> Self {
        let places = |axis: Self| {
            let mut places: Vec<usize> = scenarios.iter().map(|one| one.along(axis)).collect();
            places.sort_unstable();
            places.dedup();
            places.len()
        };
        // The last one of the longest: if nothing decides, connections.
        Self::ALL
            .into_iter()
            .max_by_key(|axis| places(*axis))
            .unwrap_or(Self::Connections)
    }

    /// What stands below it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Size => "size of a message",
            Self::Depth => "messages in flight per connection",
        }
    }

    /// A place on it, as people write it.
    pub fn write(self, place: usize) -> String {
        match self {
            Self::Connections | Self::Depth => units::count(place),
            Self::Size => units::size(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_combination_once() {
        let matrix = Scenario::matrix(Pattern::Echo, &[1, 10_000], &[64, 4096], &[1, 16]);
        let names: Vec<String> = matrix.iter().map(Scenario::to_string).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "echo, 64 B, 1 connection");
        assert_eq!(names[7], "echo, 4 KiB, 16 deep, 10,000 connections");
    }

    #[test]
    fn scenarios_are_drawn_along_what_varies_most() {
        let matrix = |connections: &[usize], sizes: &[usize]| {
            Scenario::matrix(Pattern::Echo, connections, sizes, &[1])
        };
        assert_eq!(Axis::of(&matrix(&[1], &[64])), Axis::Connections);
        assert_eq!(Axis::of(&matrix(&[1], &[64, 4096])), Axis::Size);
        let square = matrix(&[1, 10], &[64, 4096]);
        assert_eq!(Axis::of(&square), Axis::Connections);
        assert!(square[0].is_beside(&square[1], Axis::Connections));
        assert!(!square[1].is_beside(&square[2], Axis::Connections));
        assert_eq!(square[0].without(Axis::Connections), "echo, 64 B");
        assert_eq!(square[0].without(Axis::Size), "echo, 1 connection");
    }
}
