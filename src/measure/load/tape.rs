//! What is sent: an endless tape of bytes whose value depends on the position, so that what comes back
//! can be checked byte by byte without keeping what was sent.
//!
//! Each connection starts at a place of its own, so bytes of another connection are noticed. Neighbours on the
//! tape always differ, so a lost, doubled or swapped byte is noticed at its own offset and not
//! somewhere behind it.

/// After so many bytes the tape begins again. A prime: no buffer of a round size fits into it, so a
/// block that is lost, doubled or swapped does not land on bytes like its own. Short enough to stay in a level 2
/// cache: memory is not what is measured.
const PERIOD: usize = 65_521;

/// The longest piece that is handed out at once, in bytes: what one write offers, what one read checks.
pub(super) const LONGEST_PIECE: usize = 256 * 1024;

/// How far apart two neighbouring connections start.
const STRIDE: usize = 7_919;

/// The tape: one period, and behind it as much of the next ones as a piece may reach into.
#[derive(Debug)]
pub(super) struct Tape {
    bytes: Box<[u8]>,
}

impl Tape {
    pub(super) fn new() -> Self {
        let mut state = 0;
        let mut last = 0;
        let mut period: Vec<u8> = Vec::with_capacity(PERIOD);
        while period.len() < PERIOD {
            let byte = noise(&mut state);
            let closes = period.len() == PERIOD - 1;
            if byte != last && !(closes && period.first() == Some(&byte)) {
                period.push(byte);
                last = byte;
            }
        }
        let bytes = period.iter().copied().cycle();
        Self {
            bytes: bytes.take(PERIOD + LONGEST_PIECE).collect(),
        }
    }

    /// Where the tape of connection `number` begins.
    pub(super) fn start_of(number: u64) -> u64 {
        number.wrapping_mul(STRIDE as u64) % PERIOD as u64
    }

    /// The bytes from `position` on: `length` of them, but never more than [`LONGEST_PIECE`].
    pub(super) fn piece(&self, position: u64, length: u64) -> &[u8] {
        let from = usize::try_from(position % PERIOD as u64).unwrap_or(0);
        let length = usize::try_from(length).map_or(LONGEST_PIECE, |it| it.min(LONGEST_PIECE));
        self.bytes.get(from..from + length).unwrap_or_default()
    }
}

/// The next byte of `SplitMix64`, a well-mixed sequence that is the same on every machine (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
fn noise(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let [byte, ..] = (word ^ (word >> 31)).to_le_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_also_where_the_tape_begins_again() {
        let tape = Tape::new();
        assert!(tape.bytes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_piece_does_not_notice_where_the_tape_begins_again() {
        let tape = Tape::new();
        for position in [
            0,
            1,
            PERIOD as u64 - 1,
            PERIOD as u64,
            10 * PERIOD as u64 + 5,
        ] {
            for (step, byte) in tape.piece(position, 100_000).iter().enumerate() {
                assert_eq!(tape.piece(position + step as u64, 1), [*byte]);
            }
        }
    }

    #[test]
    fn a_piece_is_never_longer_than_the_longest() {
        assert_eq!(Tape::new().piece(3, u64::MAX).len(), LONGEST_PIECE);
        assert_eq!(Tape::new().piece(3, 0).len(), 0);
    }

    #[test]
    fn blocks_of_round_sizes_never_repeat_within_a_few() {
        let tape = Tape::new();
        for block in [64_u64, 4096, 65_536] {
            let first = tape.piece(0, 64);
            for later in 1..1000 {
                assert_ne!(
                    tape.piece(later * block, 64),
                    first,
                    "block {later} of {block}"
                );
            }
        }
    }
}
