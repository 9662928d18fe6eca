//! How many connections misbehaved, and how.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Bytes were sent later than they could have been.
    Delay,
    /// Bytes were sent in small writes.
    Chunk,
    /// Bytes were sent at a limited rate.
    Throttle,
    /// A byte was changed.
    Corrupt,
    /// The connection was ended with a FIN before the peer had finished.
    Close,
    /// The connection was ended with a RST.
    Reset,
    /// The connection was left open, and neither read nor written any more.
    Stall,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Delay,
        Self::Chunk,
        Self::Throttle,
        Self::Corrupt,
        Self::Close,
        Self::Reset,
        Self::Stall,
    ];
}

/// What it makes of a connection: `delayed`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delay => "delayed",
            Self::Chunk => "chunked",
            Self::Throttle => "throttled",
            Self::Corrupt => "corrupted",
            Self::Close => "closed",
            Self::Reset => "reset",
            Self::Stall => "stalled",
        })
    }
}

/// For each [`Fault`], the number of connections that it has affected so far. Clones share their counters.
#[derive(Debug, Clone, Default)]
pub struct MisbehaviourCounts(Arc<[AtomicU64; Fault::ALL.len()]>);

impl MisbehaviourCounts {
    /// How many connections `fault` has affected.
    pub fn of(&self, fault: Fault) -> u64 {
        self.counter(fault)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Each fault with the number of connections that it has affected.
    pub fn by_fault(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault)))
    }

    /// Counts one more connection.
    pub(super) fn add(&self, fault: Fault) {
        if let Some(counter) = self.counter(fault) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counter(&self, fault: Fault) -> Option<&AtomicU64> {
        self.0.get(fault as usize)
    }
}

/// As in `12 delayed, 1 reset`, or `none`.
impl fmt::Display for MisbehaviourCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (fault, count) in self.by_fault().filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{count} {fault}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_a_counter_of_its_own_and_clones_share_it() {
        let counts = MisbehaviourCounts::default();
        assert_eq!(counts.to_string(), "none");
        for (times, fault) in Fault::ALL.into_iter().enumerate() {
            for _ in 0..times {
                counts.clone().add(fault);
            }
        }
        for (times, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(counts.of(fault), times as u64);
        }
        assert_eq!(
            counts.to_string(),
            "1 chunked, 2 throttled, 3 corrupted, 4 closed, 5 reset, 6 stalled"
        );
    }
}
