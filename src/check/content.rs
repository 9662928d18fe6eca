//! What a connection sends. Nothing of it is kept: a byte follows from its position.

use crate::measure::load::Payload;
use std::ops::Range;

/// The most that is sent or received at once, in bytes.
const CHUNK: u64 = 64 * 1024;

/// What a connection sends, by position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// An endless text that begins elsewhere on each connection.
    Text { payload: &'a Payload, start: u64 },
    /// These bytes and no more.
    Bytes(&'a [u8]),
}

impl<'a> Content<'a> {
    /// The first bytes of `range`, one chunk at most.
    pub(super) fn chunk(self, range: &Range<u64>) -> &'a [u8] {
        let length = (range.end - range.start).min(CHUNK);
        match self {
            Self::Text { payload, start } => payload.slice(start + range.start, length),
            Self::Bytes(bytes) => {
                let index = |position| usize::try_from(position).unwrap_or(usize::MAX);
                let (from, to) = (index(range.start), index(range.start + length));
                bytes.get(from..to).unwrap_or_default()
            }
        }
    }
}
