//! Whether the echo equals what was sent, and if not, the first byte that differs.

use serde::{Deserialize, Serialize};

/// The first wrong byte of an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// The number of correct bytes before it.
    pub(super) offset: u64,
    /// The byte sent at this offset; `None` if more came back than was sent.
    pub(super) expected: Option<u8>,
    pub(super) got: u8,
}

/// Whether the echoed bytes are compared with those sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Every byte is compared.
    EveryByte,
    /// Only the number of bytes is checked: it must not exceed what was sent.
    Nothing,
}

impl Verify {
    /// The first byte of `got` that is wrong, given the `expected` bytes at this position and `offset`, the number
    /// of bytes received before. More bytes than were sent are always wrong.
    pub(super) fn difference(self, got: &[u8], expected: &[u8], offset: u64) -> Option<Difference> {
        let too_many = got.len() > expected.len();
        let differs = too_many || (self == Self::EveryByte && got != expected);
        if differs {
            self.first_difference(got, expected, offset)
        } else {
            None
        }
    }

    /// Finds the byte. Slow, but needed only once per failed connection.
    fn first_difference(self, got: &[u8], expected: &[u8], offset: u64) -> Option<Difference> {
        let is_wrong = |sent: Option<u8>, byte| match self {
            Self::EveryByte => sent != Some(byte),
            Self::Nothing => sent.is_none(),
        };
        got.iter().enumerate().find_map(|(index, byte)| {
            let sent = expected.get(index).copied();
            is_wrong(sent, *byte).then(|| Difference {
                offset: offset + index as u64,
                expected: sent,
                got: *byte,
            })
        })
    }
}
