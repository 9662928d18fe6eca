//! Servers that corrupt, lose, double or move a byte of each connection.

use std::ops::Range;

/// The offset of the byte in the stream, from 0.
const POSITION: u64 = 1000;

/// What happens to the byte at offset 1000 of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Falsification {
    /// Another byte is echoed in its place.
    Corrupted,
    /// It is left out.
    Lost,
    /// It is echoed twice.
    Doubled,
    /// It changes places with the next one, if both were read at once.
    Swapped,
}

impl Falsification {
    /// Applies it to the bytes of an answer that begins at this offset of the stream.
    pub(super) fn apply(self, answer: &mut Vec<u8>, offset: u64) {
        let stream: Range<u64> = offset..offset + answer.len() as u64;
        let index = POSITION.checked_sub(offset);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|_| stream.contains(&POSITION)) else {
            return;
        };
        match self {
            Self::Corrupted => answer
                .iter_mut()
                .skip(index)
                .take(1)
                .for_each(|byte| *byte ^= 1),
            Self::Lost => drop(answer.remove(index)),
            Self::Doubled => {
                let byte = answer.get(index).copied();
                answer.splice(index..index, byte);
            }
            Self::Swapped => {
                if index + 1 < answer.len() {
                    answer.swap(index, index + 1);
                }
            }
        }
    }

    /// The offset of the first byte that is wrong.
    pub(crate) fn first_wrong(self) -> u64 {
        match self {
            Self::Corrupted | Self::Lost | Self::Swapped => POSITION,
            // The byte itself is right; its second copy is not.
            Self::Doubled => POSITION + 1,
        }
    }

    /// As the argument that selects its server.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Corrupted => "corrupted",
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Swapped => "swapped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(how: Falsification, offset: u64) -> Vec<u8> {
        let mut answer = vec![10, 20, 30, 40];
        how.apply(&mut answer, offset);
        answer
    }

    #[test]
    fn exactly_the_byte_at_the_position_is_falsified() {
        let offset = POSITION - 1;
        for (how, expected) in [
            (Falsification::Corrupted, vec![10, 21, 30, 40]),
            (Falsification::Lost, vec![10, 30, 40]),
            (Falsification::Doubled, vec![10, 20, 20, 30, 40]),
            (Falsification::Swapped, vec![10, 30, 20, 40]),
        ] {
            assert_eq!(applied(how, offset), expected, "{how:?}");
            for elsewhere in [0, POSITION - 4, POSITION + 1] {
                assert_eq!(applied(how, elsewhere), [10, 20, 30, 40], "{how:?}");
            }
        }
    }
}
