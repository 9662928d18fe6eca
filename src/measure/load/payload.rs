//! What is sent: an endless payload of bytes whose value depends on the position, so that what comes back
//! can be checked byte by byte without keeping what was sent.
//!
//! Each connection starts at a place of its own, so bytes of another connection are noticed. Neighbours on the
//! payload always differ, so a lost, doubled or swapped byte is noticed at its own offset and not
//! somewhere behind it.

use crate::measure::rng::SplitMix64;

/// After so many bytes the payload begins again. A prime: no buffer of a round size fits into it, so a
/// block that is lost, doubled or swapped does not land on bytes like its own. Short enough to stay in a level 2
/// cache: memory is not what is measured.
const PERIOD: usize = 65_521;

/// The longest slice that is handed out at once, in bytes: what one write offers, what one read checks.
pub(super) const MAX_SLICE: usize = 256 * 1024;

/// How far apart two neighbouring connections start.
const STRIDE: usize = 7_919;

/// The payload: one period, and behind it as much of the next ones as a slice may reach into.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Box<[u8]>,
}

impl Payload {
    pub(super) fn new() -> Self {
        let mut rng = SplitMix64::new(0);
        let mut last = 0;
        let mut period: Vec<u8> = Vec::with_capacity(PERIOD);
        while period.len() < PERIOD {
            let [byte, ..] = rng.next_u64().to_le_bytes();
            let closes = period.len() == PERIOD - 1;
            if byte != last && !(closes && period.first() == Some(&byte)) {
                period.push(byte);
                last = byte;
            }
        }
        let bytes = period.iter().copied().cycle();
        Self {
            bytes: bytes.take(PERIOD + MAX_SLICE).collect(),
        }
    }

    /// Where the payload of connection `number` begins.
    pub(super) fn start_of(number: u64) -> u64 {
        number.wrapping_mul(STRIDE as u64) % PERIOD as u64
    }

    /// The bytes from `position` on: `length` of them, but never more than [`MAX_SLICE`].
    pub(super) fn slice(&self, position: u64, length: u64) -> &[u8] {
        let from = usize::try_from(position % PERIOD as u64).unwrap_or(0);
        let length = usize::try_from(length).map_or(MAX_SLICE, |it| it.min(MAX_SLICE));
        self.bytes.get(from..from + length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_also_where_the_tape_begins_again() {
        let payload = Payload::new();
        assert!(payload.bytes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_piece_does_not_notice_where_the_tape_begins_again() {
        let payload = Payload::new();
        for position in [
            0,
            1,
            PERIOD as u64 - 1,
            PERIOD as u64,
            10 * PERIOD as u64 + 5,
        ] {
            for (step, byte) in payload.slice(position, 100_000).iter().enumerate() {
                assert_eq!(payload.slice(position + step as u64, 1), [*byte]);
            }
        }
    }

    #[test]
    fn a_piece_is_never_longer_than_the_longest() {
        assert_eq!(Payload::new().slice(3, u64::MAX).len(), MAX_SLICE);
        assert_eq!(Payload::new().slice(3, 0).len(), 0);
    }

    #[test]
    fn blocks_of_round_sizes_never_repeat_within_a_few() {
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
