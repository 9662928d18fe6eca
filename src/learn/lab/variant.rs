//! Which of the two servers of an experiment.

use std::fmt;

/// Which of the two servers of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The server with the mistake.
    Wrong,
    /// The server without it.
    Right,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "wrong",
            Self::Right => "right",
        })
    }
}
