//! What a server is asked to do in one measurement.

use super::notation;
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

    /// Whether the two differ in nothing but the number of connections: points of the same line.
    pub fn is_beside(&self, other: &Self) -> bool {
        let shape = |scenario: &Self| (scenario.pattern, scenario.size, scenario.depth);
        shape(self) == shape(other)
    }

    /// All but the number of connections: `echo, 64 B, 16 deep`.
    pub fn shape(&self) -> String {
        let size = notation::size(self.size);
        match (self.pattern, self.depth) {
            (Pattern::Idle, _) => self.pattern.to_string(),
            (_, 1) => format!("{}, {size}", self.pattern),
            (_, depth) => format!("{}, {size}, {depth} deep", self.pattern),
        }
    }
}

/// `echo, 64 B, 16 deep, 50 connections`.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = notation::count(self.connections);
        let plural = if self.connections == 1 { "" } else { "s" };
        write!(f, "{}, {connections} connection{plural}", self.shape())
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
        assert!(matrix[0].is_beside(&matrix[1]));
        assert!(!matrix[1].is_beside(&matrix[2]));
    }
}
