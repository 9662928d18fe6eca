//! The bytes that are sent: an endless sequence in which the position determines the value. The echo can
//! therefore be verified byte by byte without storing what was sent.
//!
//! Each connection starts at its own offset, so bytes that belong to another connection are detected.
//! Neighbouring bytes always differ, so a lost, duplicated or swapped byte is detected at its own offset and
//! not somewhere behind it.

use crate::rng::SplitMix64;
use std::ops::RangeInclusive;

/// The length after which the sequence repeats. It is a prime, so no block of a round size divides it: a block
/// that is lost, duplicated or swapped never lands on equal bytes. It is short enough for a level 2 cache,
/// so memory bandwidth does not distort the measurement.
const PERIOD: usize = 65_521;

/// The longest slice in bytes: the most that one write offers and one read verifies.
pub(super) const MAX_SLICE: usize = 256 * 1024;

/// The distance between the offsets of two consecutive connections.
const STRIDE: usize = 7_919;

/// The sequence: one period, followed by as many further bytes as the longest slice needs.
#[derive(Debug)]
pub(crate) struct Payload {
    bytes: Box<[u8]>,
}

impl Payload {
    pub(super) fn new() -> Self {
        Self::of(0..=u8::MAX)
    }

    /// Printable ASCII only, which even a server of text echoes.
    pub(crate) fn printable() -> Self {
        Self::of(b' '..=b'~')
    }

    fn of(values: RangeInclusive<u8>) -> Self {
        let (first, count) = (*values.start(), values.len() as u64);
        let mut rng = SplitMix64::new(0);
        let mut last = 0;
        let mut period: Vec<u8> = Vec::with_capacity(PERIOD);
        while period.len() < PERIOD {
            let [value, ..] = (rng.next_u64() % count).to_le_bytes();
            let byte = first + value;
            let is_final = period.len() == PERIOD - 1;
            if byte != last && !(is_final && period.first() == Some(&byte)) {
                period.push(byte);
                last = byte;
            }
        }
        let mut bytes = period.repeat(1 + MAX_SLICE.div_ceil(PERIOD));
        bytes.truncate(PERIOD + MAX_SLICE);
        Self {
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The offset at which the connection with this `number` starts.
    pub(crate) fn offset_of(number: u64) -> u64 {
        number.wrapping_mul(STRIDE as u64) % PERIOD as u64
    }

    /// The bytes from `position` on: `length` of them, but at most [`MAX_SLICE`].
    pub(crate) fn slice(&self, position: u64, length: u64) -> &[u8] {
        let from = usize::try_from(position % PERIOD as u64).unwrap_or(0);
        let length = usize::try_from(length).map_or(MAX_SLICE, |it| it.min(MAX_SLICE));
        self.bytes.get(from..from + length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_also_where_the_sequence_repeats() {
        for payload in [Payload::new(), Payload::printable()] {
            assert!(payload.bytes.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn printable_bytes_are_printable() {
        let printable = Payload::printable();
        let mut bytes = printable.bytes.iter();
        assert!(bytes.all(|byte| byte.is_ascii_graphic() || *byte == b' '));
    }

    #[test]
    fn a_slice_continues_seamlessly_where_the_sequence_repeats() {
        let payload = Payload::new();
        let period = PERIOD as u64;
        for position in [0, 1, period - 1, period, 10 * period + 5] {
            for (step, byte) in payload.slice(position, 100_000).iter().enumerate() {
                assert_eq!(payload.slice(position + step as u64, 1), [*byte]);
            }
        }
    }

    #[test]
    fn a_slice_is_never_longer_than_the_maximum() {
        assert_eq!(Payload::new().slice(3, u64::MAX).len(), MAX_SLICE);
        assert_eq!(Payload::new().slice(3, 0).len(), 0);
    }

    #[test]
    fn blocks_of_round_sizes_do_not_repeat_within_a_thousand() {
        let payload = Payload::new();
        for block in [64_u64, 4096, 65_536] {
            let first = payload.slice(0, 64);
            for later in 1..1000 {
                assert_ne!(
                    payload.slice(later * block, 64),
                    first,
                    "block {later} of {block}"
                );
            }
        }
    }
}
