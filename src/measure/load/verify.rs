//! Whether what came back is what was sent, and if not, from which byte on.

use serde::{Deserialize, Serialize};

/// The first byte that came back wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// How many bytes had come back right before it.
    pub(super) offset: u64,
    /// What was sent there; nothing, if more came back than was sent.
    pub(super) expected: Option<u8>,
    pub(super) got: u8,
}

/// Whether what comes back is compared with what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Every byte.
    EveryByte,
    /// Only that there are not more bytes than were sent.
    Nothing,
}

impl Verify {
    /// The first byte of `got` that is wrong, where `expected` is what was sent there and `offset` bytes had
    /// come back before. More bytes than were sent are wrong in any case.
    pub(super) fn difference(self, got: &[u8], expected: &[u8], offset: u64) -> Option<Difference> {
        let too_many = got.len() > expected.len();
        let differs = too_many || (self == Self::EveryByte && got != expected);
        if differs {
            self.first(got, expected, offset)
        } else {
            None
        }
    }

    /// The slow way, taken once: which byte it is.
    fn first(self, got: &[u8], expected: &[u8], offset: u64) -> Option<Difference> {
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
