//! What the kernel last said about one socket, and what counts as evidence that it is exhausted.
//!
//! An edge-triggered poll reports a *change*, once. Whoever acts later than the report must remember
//! it: an edge sets a flag here, and only evidence of exhaustion clears it. Forget the edge and the
//! connection sleeps on unread bytes; clear the flag without evidence and it does the same.

mod event_flags;
mod run_queue;

pub use event_flags::{EventFlags, INTEREST};
pub use run_queue::RunQueue;

/// With epoll, a read that moves fewer bytes than there was room for has met the end of what the socket
/// holds (epoll(7), questions and answers, number 9) - unless an urgent mark cut it short, which only
/// epoll reports. Elsewhere only `WouldBlock` counts.
const SHORT_READ_IS_EVIDENCE: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// With epoll and kqueue, a write that moves fewer bytes than it was offered has filled the send buffer.
const SHORT_WRITE_IS_EVIDENCE: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

/// Which directions of one socket are worth a system call.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    readable: bool,
    writable: bool,
    short_read: ShortRead,
}

/// What a read tells that moved fewer bytes than the buffer had room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShortRead {
    /// The receive queue was empty behind it. Whatever comes later raises a new edge.
    Exhausts,
    /// Nothing. A FIN shares the edge of the bytes before it, so a reader that stops at the short
    /// read sleeps forever on an unread end; and an urgent mark cuts a read short with more bytes
    /// behind it. After either hint only `WouldBlock` counts.
    ProvesNothing,
}

impl Default for Readiness {
    /// A new socket: room to write is certain enough to try, input will be announced.
    fn default() -> Self {
        Self {
            readable: false,
            writable: true,
            short_read: ShortRead::Exhausts,
        }
    }
}

impl Readiness {
    /// Remembers an edge. Never clears anything: the absence of a hint is not evidence.
    pub fn note(&mut self, flags: EventFlags) {
        // The next call in either direction collects an error, so it makes both worth one.
        self.readable |= flags.readable || flags.read_closed || flags.error;
        self.writable |= flags.writable || flags.write_closed || flags.error;
        if flags.read_closed || flags.priority {
            self.short_read = ShortRead::ProvesNothing;
        }
    }

    /// Asks for a read until `WouldBlock`, whatever the events said: some input may not have been
    /// announced yet.
    pub fn assume_readable(&mut self) {
        self.readable = true;
        self.short_read = ShortRead::ProvesNothing;
    }

    /// A read moved `bytes` into a buffer with room for `room`.
    pub fn on_read(&mut self, bytes: usize, room: usize) {
        let exhausts = SHORT_READ_IS_EVIDENCE && self.short_read == ShortRead::Exhausts;
        if bytes < room && exhausts {
            self.readable = false;
        }
    }

    /// A write moved `bytes` of the `offered` ones.
    pub fn on_write(&mut self, bytes: usize, offered: usize) {
        if bytes < offered && SHORT_WRITE_IS_EVIDENCE {
            self.writable = false;
        }
    }

    /// A read said `WouldBlock`.
    pub fn read_would_block(&mut self) {
        self.readable = false;
    }

    /// A write said `WouldBlock`.
    pub fn write_would_block(&mut self) {
        self.writable = false;
    }

    /// Whether a read is worth a system call.
    pub fn is_readable(self) -> bool {
        self.readable
    }

    /// Whether a write is worth a system call.
    pub fn is_writable(self) -> bool {
        self.writable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READABLE: EventFlags = EventFlags {
        readable: true,
        writable: false,
        read_closed: false,
        write_closed: false,
        error: false,
        priority: false,
    };

    fn readable() -> Readiness {
        let mut readiness = Readiness::default();
        readiness.note(READABLE);
        readiness
    }

    #[test]
    fn a_new_socket_may_be_written_but_waits_for_its_input_to_be_announced() {
        assert!(!Readiness::default().is_readable());
        assert!(Readiness::default().is_writable());
    }

    #[test]
    fn an_edge_is_remembered_until_there_is_evidence() {
        let mut readiness = readable();
        readiness.note(EventFlags::default());
        readiness.on_read(8, 8);
        assert!(readiness.is_readable(), "a full read proves nothing");
        readiness.read_would_block();
        assert!(!readiness.is_readable());
    }

    #[test]
    fn a_short_read_exhausts_the_input() {
        let mut readiness = readable();
        readiness.on_read(7, 8);
        assert_eq!(readiness.is_readable(), !SHORT_READ_IS_EVIDENCE);
    }

    #[test]
    fn after_a_fin_or_an_urgent_mark_a_short_read_proves_nothing() {
        for flags in [
            EventFlags {
                read_closed: true,
                ..READABLE
            },
            EventFlags {
                priority: true,
                ..READABLE
            },
        ] {
            let mut readiness = readable();
            readiness.note(flags);
            readiness.on_read(7, 8);
            assert!(readiness.is_readable(), "{flags:?}");
            readiness.read_would_block();
            assert!(!readiness.is_readable(), "{flags:?}");
        }
    }

    #[test]
    fn a_short_write_means_a_full_send_buffer() {
        let mut readiness = Readiness::default();
        readiness.on_write(8, 8);
        assert!(readiness.is_writable());
        readiness.on_write(7, 8);
        assert_eq!(readiness.is_writable(), !SHORT_WRITE_IS_EVIDENCE);
        readiness.note(EventFlags {
            writable: true,
            ..EventFlags::default()
        });
        assert!(readiness.is_writable());
        readiness.write_would_block();
        assert!(!readiness.is_writable());
    }
}
