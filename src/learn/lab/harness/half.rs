//! One half of an experiment, the wrong server or the right one: what it did, what was observed, and
//! whether it went as promised.

use crate::learn::lab::Variant;
use crate::text::units::count;
use crate::trace::{self, Trace};
use std::fmt::Debug;
use std::time::Duration;

/// What running one half came to.
#[derive(Debug, Clone)]
pub struct Half {
    /// What the server did.
    pub trace: Trace,
    /// What was measured. Both halves of an experiment observe the same things in the same order.
    pub observed: Vec<Observation>,
    /// How it ended.
    pub outcome: Outcome,
}

/// One measured thing, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What was measured.
    pub what: &'static str,
    /// The measure, with its unit.
    pub value: String,
}

/// How a half ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server did all that an echo server owes.
    Held,
    /// The server failed, in exactly the way that the experiment promises.
    Broke,
    /// Neither: what was found instead.
    Surprised(String),
}

impl Outcome {
    /// Neither as promised nor right.
    pub(crate) fn surprised(found: impl Debug) -> Self {
        Self::Surprised(format!("found {found:?}"))
    }

    /// Whether this is what the experiment promises of that half.
    pub fn is_promised_of(&self, variant: Variant) -> bool {
        match variant {
            Variant::Wrong => *self == Self::Broke,
            Variant::Right => *self == Self::Held,
        }
    }
}

impl Half {
    /// A half whose server did this; what was observed is still to be added.
    pub(crate) fn new(trace: Trace, outcome: Outcome) -> Self {
        Self {
            trace,
            observed: Vec::new(),
            outcome,
        }
    }

    /// Adds one measured thing.
    pub(crate) fn observed(mut self, what: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.observed.push(Observation { what, value });
        self
    }
}

/// A time in three digits.
pub(crate) fn brief(time: Duration) -> String {
    trace::brief(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// So many bytes, as people write it.
pub(crate) fn bytes(number: usize) -> String {
    match number {
        1 => "1 byte".to_owned(),
        number => format!("{} bytes", count(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_is_no_bytes() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(131_072), "131,072 bytes");
    }
}
