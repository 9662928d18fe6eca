//! Changed bytes.

use crate::rng::SplitMix64;
use std::num::NonZeroU64;

/// Changes every nth byte of a connection.
#[derive(Debug)]
pub(super) struct Corruption {
    every: NonZeroU64,
    rng: SplitMix64,
    /// Bytes that have passed.
    passed: u64,
}

impl Corruption {
    pub(super) fn new(every: NonZeroU64, rng: SplitMix64) -> Self {
        Self {
            every,
            rng,
            passed: 0,
        }
    }

    /// The next byte of the stream as it is to be sent. A byte that is changed becomes any other.
    pub(super) fn apply(&mut self, byte: u8) -> u8 {
        self.passed += 1;
        if !self.passed.is_multiple_of(self.every.get()) {
            return byte;
        }
        let difference = 1 + self.rng.below(255);
        byte ^ u8::try_from(difference).unwrap_or(1)
    }

    /// Whether a byte has been changed yet.
    pub(super) fn has_begun(&self) -> bool {
        self.passed >= self.every.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_byte_is_changed_and_no_other() {
        let mut corruption = Corruption::new(NonZeroU64::new(3).unwrap(), SplitMix64::new(7));
        for (at, byte) in (0..=255).cycle().take(1 << 14).enumerate() {
            assert_eq!(corruption.apply(byte) != byte, at % 3 == 2, "at {at}");
        }
    }
}
