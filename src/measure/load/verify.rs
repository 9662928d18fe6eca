//! Whether the echo equals what was sent, and if not, the first byte that differs.

use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// The index and value of the first byte of `got` that is wrong, given the bytes `expected` at this position. More
    /// bytes than were sent are always wrong.
    pub(super) fn first_wrong_byte(self, got: &[u8], expected: &[u8]) -> Option<(usize, u8)> {
        if got == expected {
            return None;
        }
        let correct = match self {
            Self::EveryByte => got.iter().zip(expected).take_while(|(a, b)| a == b).count(),
            Self::Nothing => expected.len(),
        };
        got.get(correct).map(|byte| (correct, *byte))
    }
}

/// The first wrong byte of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The connection, numbered from 1 in the order of connecting.
    pub connection: u64,
    /// The number of correct bytes received on it before.
    pub offset: u64,
    /// The byte sent at this offset; `None` if more came back than was sent.
    pub expected: Option<u8>,
    /// The byte that came back.
    pub got: u8,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            offset,
            expected,
            got,
        } = self;
        write!(f, "connection {connection}, byte {offset}: ")?;
        match expected {
            Some(expected) => write!(f, "0x{expected:02x} was sent, 0x{got:02x} came back"),
            None => write!(f, "0x{got:02x} came back, where nothing had been sent"),
        }
    }
}
