//! What the kernel last reported about one socket, and what counts as evidence that a direction is exhausted.
//!
//! An edge-triggered poll reports a *change*, once. A loop that acts later than the report must remember it: an
//! edge sets a flag here, and only evidence of exhaustion clears it. If the edge is forgotten, or the flag is cleared
//! without evidence, the connection sleeps on unread bytes.
//!
//! The event loops of the server and of the load generator are both built on this module: [`EventFlags`] (one event),
//! [`Readiness`] (what is remembered of all of them), and [`RunQueue`] (which connections are due a turn).

mod event_flags;
mod run_queue;

pub use event_flags::{EventFlags, INTEREST};
pub use run_queue::RunQueue;

/// Which directions of one socket are worth a system call.
#[derive(Debug, Clone, Copy)]
pub struct Readiness {
    readable: bool,
    writable: bool,
    read_evidence: Evidence,
    write_evidence: Evidence,
}

/// What proves that one direction of a socket is exhausted. Any change after the proof raises a new edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// `WouldBlock`, or a transfer that moved fewer bytes than it could have: the receive queue is empty, or the
    /// send buffer is full.
    ShortTransfer,
    /// `WouldBlock` alone.
    WouldBlock,
}

impl Evidence {
    /// The rule for reads on this system.
    ///
    /// With epoll, a short read has met the end of what the socket held (epoll(7), questions and answers, number 9),
    /// unless an urgent mark cut it short, which only epoll reports. mio itself promises `WouldBlock` alone.
    ///
    /// It is the rule for TCP. On a Unix socket, descriptors that came with the bytes end a read too (unix(7), `SCM_RIGHTS`),
    /// so only [`Evidence::WouldBlock`] is proof there.
    pub const OF_READS: Self = if cfg!(any(target_os = "linux", target_os = "android")) {
        Self::ShortTransfer
    } else {
        Self::WouldBlock
    };

    /// The rule for writes on this system. With epoll and kqueue, a short write has filled the send buffer.
    pub const OF_WRITES: Self = if cfg!(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    )) {
        Self::ShortTransfer
    } else {
        Self::WouldBlock
    };
}

impl Default for Readiness {
    /// A new socket, by the rules of this system.
    fn default() -> Self {
        Self::with_evidence(Evidence::OF_READS, Evidence::OF_WRITES)
    }
}

impl Readiness {
    /// A new socket: a write is worth trying, input will be announced.
    pub const fn with_evidence(of_reads: Evidence, of_writes: Evidence) -> Self {
        Self {
            readable: false,
            writable: true,
            read_evidence: of_reads,
            write_evidence: of_writes,
        }
    }

    /// Remembers an edge. Never clears anything: the absence of a flag is not evidence.
    ///
    /// After a FIN or an urgent mark, a short read no longer proves anything. A FIN shares the edge of the bytes before
    /// it, so a reader that stopped at the short read would sleep on an unread end of input. An urgent mark cuts a read
    /// short although more bytes are behind it.
    pub fn note(&mut self, flags: EventFlags) {
        // The next call in either direction collects a pending error, so an error makes both worth one.
        self.readable |= flags.readable || flags.read_closed || flags.error;
        self.writable |= flags.writable || flags.write_closed || flags.error;
        if flags.read_closed || flags.priority {
            self.read_evidence = Evidence::WouldBlock;
        }
    }

    /// Calls for reads until `WouldBlock`, whatever the events reported: some input may not have been announced yet.
    pub fn assume_readable(&mut self) {
        self.readable = true;
        self.read_evidence = Evidence::WouldBlock;
    }

    /// Calls for one write, whatever the events reported: there may be room that has not been announced.
    pub fn assume_writable(&mut self) {
        self.writable = true;
    }

    /// A read moved `bytes` into a buffer with room for `room`.
    pub fn on_read(&mut self, bytes: usize, room: usize) {
        if bytes < room && self.read_evidence == Evidence::ShortTransfer {
            self.readable = false;
        }
    }

    /// A write moved `bytes` of the `offered` ones.
    pub fn on_write(&mut self, bytes: usize, offered: usize) {
        if bytes < offered && self.write_evidence == Evidence::ShortTransfer {
            self.writable = false;
        }
    }

    /// A read returned `WouldBlock`.
    pub fn read_would_block(&mut self) {
        self.readable = false;
    }

    /// A write returned `WouldBlock`.
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

    const RULES: [Evidence; 2] = [Evidence::ShortTransfer, Evidence::WouldBlock];

    fn readable() -> EventFlags {
        EventFlags {
            readable: true,
            ..EventFlags::default()
        }
    }

    #[test]
    fn a_new_socket_may_be_written_but_waits_for_its_input_to_be_announced() {
        assert!(!Readiness::default().is_readable());
        assert!(Readiness::default().is_writable());
    }

    #[test]
    fn an_edge_is_remembered_until_there_is_evidence() {
        for rule in RULES {
            let mut readiness = Readiness::with_evidence(rule, rule);
            readiness.note(readable());
            readiness.note(EventFlags::default());
            readiness.on_read(8, 8);
            assert!(readiness.is_readable(), "a full read proves nothing");
            readiness.read_would_block();
            assert!(!readiness.is_readable());
        }
    }

    #[test]
    fn a_short_read_is_evidence_by_the_rule_of_short_transfers_alone() {
        for rule in RULES {
            let mut readiness = Readiness::with_evidence(rule, rule);
            readiness.note(readable());
            readiness.on_read(7, 8);
            assert_eq!(readiness.is_readable(), rule == Evidence::WouldBlock);
        }
    }

    #[test]
    fn after_a_fin_or_an_urgent_mark_a_short_read_proves_nothing() {
        let fin = EventFlags {
            read_closed: true,
            ..readable()
        };
        let urgent = EventFlags {
            priority: true,
            ..readable()
        };
        for flags in [fin, urgent] {
            let mut readiness = Readiness::default();
            readiness.note(flags);
            readiness.on_read(7, 8);
            assert!(readiness.is_readable(), "{flags:?}");
            readiness.read_would_block();
            assert!(!readiness.is_readable(), "{flags:?}");
        }
    }

    #[test]
    fn each_flag_calls_for_its_own_direction() {
        let none = EventFlags::default();
        #[rustfmt::skip]
        let cases = [
            (EventFlags { readable: true, ..none }, (true, false)),
            (EventFlags { read_closed: true, ..none }, (true, false)),
            (EventFlags { writable: true, ..none }, (false, true)),
            (EventFlags { write_closed: true, ..none }, (false, true)),
            (EventFlags { priority: true, ..none }, (false, false)),
        ];
        for (flags, called_for) in cases {
            let mut readiness = Readiness::default();
            readiness.write_would_block();
            readiness.note(flags);
            let calls = (readiness.is_readable(), readiness.is_writable());
            assert_eq!(calls, called_for, "{flags:?}");
        }
    }

    #[test]
    fn an_error_makes_both_directions_worth_a_call() {
        let mut readiness = Readiness::default();
        readiness.write_would_block();
        readiness.note(EventFlags {
            error: true,
            ..EventFlags::default()
        });
        assert!(readiness.is_readable() && readiness.is_writable());
    }

    #[test]
    fn a_short_write_means_a_full_send_buffer() {
        for rule in RULES {
            let mut readiness = Readiness::with_evidence(rule, rule);
            readiness.on_write(8, 8);
            assert!(readiness.is_writable());
            readiness.on_write(7, 8);
            assert_eq!(readiness.is_writable(), rule == Evidence::WouldBlock);
            readiness.write_would_block();
            assert!(!readiness.is_writable());
            readiness.note(EventFlags {
                writable: true,
                ..EventFlags::default()
            });
            assert!(readiness.is_writable());
        }
    }
}
