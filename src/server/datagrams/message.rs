//! What one receive brings: a datagram, or several of one peer that the kernel has joined.

use std::iter;
use std::net::{IpAddr, SocketAddr};

/// Datagrams of one peer, one after another (udp(7), `UDP_GRO`). Usually there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The source address that they carry, which may be forged.
    pub(super) source: SocketAddr,
    /// Which address they were sent to, which is the one to reply from; `None` where the kernel does not report it.
    pub(super) destination: Option<IpAddr>,
    /// All of them.
    pub(super) bytes: &'a [u8],
    /// Bytes of each datagram; the last may have fewer.
    pub(super) size: usize,
}

impl<'a> Message<'a> {
    /// The number of datagrams, at least one: a datagram may be empty.
    pub(super) fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.size.max(1)).max(1)
    }

    /// The first `count` datagrams; `None` for none.
    pub(super) fn first(&self, count: usize) -> Option<Self> {
        self.parts(count.max(1)).next().filter(|_| count > 0)
    }

    /// The same datagrams, at most `most` together, at least one.
    pub(super) fn parts(&self, most: usize) -> impl Iterator<Item = Self> + use<'a> {
        let message = *self;
        let empty = iter::once(self.bytes).filter(|bytes| bytes.is_empty());
        let room = self.size.max(1).saturating_mul(most.max(1));
        let parts = empty.chain(self.bytes.chunks(room));
        parts.map(move |bytes| Self { bytes, ..message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8], size: usize) -> Message<'_> {
        Message {
            source: "127.0.0.1:50007".parse().unwrap(),
            destination: None,
            bytes,
            size,
        }
    }

    fn parts(message: Message<'_>, most: usize) -> Vec<&[u8]> {
        message.parts(most).map(|part| part.bytes).collect()
    }

    #[test]
    fn an_empty_datagram_is_a_datagram() {
        let empty = message(b"", 0);
        assert_eq!(empty.count(), 1);
        assert_eq!(parts(empty, 1), [b""]);
        assert_eq!(empty.first(1), Some(empty));
        assert_eq!(empty.first(0), None);
    }

    #[test]
    fn joined_datagrams_are_told_apart_by_their_size() {
        let joined = message(b"aabbccd", 2);
        assert_eq!(joined.count(), 4);
        assert_eq!(parts(joined, 1), [&b"aa"[..], b"bb", b"cc", b"d"]);
        assert_eq!(parts(joined, 3), [&b"aabbcc"[..], b"d"]);
        assert_eq!(joined.first(3), Some(message(b"aabbcc", 2)));
        assert_eq!(joined.first(9), Some(joined));
    }
}
