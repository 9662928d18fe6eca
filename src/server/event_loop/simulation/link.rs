//! One TCP connection of the simulation: the server's socket, the peer, and what is under way between them.
//!
//! No byte is stored. The byte at an offset of a stream follows from the number of the link, so that a byte that is
//! lost, doubled, out of order or echoed to another peer is found as it is written.

use crate::readiness::EventFlags;
use crate::server::observer::ConnectionId;
use rustix::io::Errno;
use std::time::Instant;

/// A connection with both its ends. Positions are offsets in the stream.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent conditions of a socket, not a state machine"
)]
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: usize,

    /// How much the peer wants to send.
    pub(super) plan: usize,
    /// The peer sent this much; all of it is in the server's receive queue or has been read.
    pub(super) sent: usize,
    /// Its FIN, behind it.
    pub(super) fin: bool,
    /// The peer neither sends nor reads any more, and its end stays open.
    pub(super) dead: bool,
    /// The peer has taken this much of the echo.
    pub(super) received: usize,
    /// The peer has closed its socket.
    pub(super) finished: bool,

    /// The server has read this much.
    pub(super) read: usize,
    /// An urgent byte arrived: a read stops in front of this offset.
    pub(super) mark: Option<usize>,
    /// The pending error of the socket.
    pub(super) error: Option<Errno>,
    /// A call has failed for good.
    pub(super) failed: bool,
    /// The server has written this much.
    pub(super) written: usize,
    /// Bytes of the send buffer.
    pub(super) capacity: usize,
    /// A write was refused: an edge must report when there is room again.
    pub(super) no_space: bool,
    /// Since when there has been room that no write has tried.
    pub(super) room_since: Option<Instant>,
    pub(super) our_fin: bool,
    /// close(2) sends RST.
    pub(super) linger: bool,
    /// The server closed its socket with RST.
    pub(super) reset: bool,
    pub(super) closed: bool,

    /// Under which key, and as which connection, the loop has registered it.
    pub(super) key: Option<usize>,
    pub(super) id: Option<ConnectionId>,
    /// What has changed and was not reported yet.
    pub(super) edge: EventFlags,

    /// When it was accepted, or last moved a byte of the echo.
    pub(super) moved_at: Instant,
    /// When it was made, or the peer last took a byte.
    pub(super) taken_at: Instant,
    /// FIONREAD has reported that nothing is unread, since a byte was read.
    pub(super) found_empty: bool,
    /// What had been sent when a stop was noted: at least this much must be echoed.
    pub(super) sent_before_stop: Option<usize>,
    /// Reads that found nothing, and how many of them have an excuse: an event, a drain.
    pub(super) empty_reads: usize,
    pub(super) excuses: usize,
    /// Calls in this iteration.
    pub(super) reads: usize,
    pub(super) writes: usize,
}

impl Link {
    pub(super) fn new(number: usize, plan: usize, capacity: usize) -> Self {
        Self {
            number,
            plan,
            sent: 0,
            fin: false,
            dead: false,
            received: 0,
            finished: false,
            read: 0,
            mark: None,
            error: None,
            failed: false,
            written: 0,
            capacity,
            no_space: false,
            room_since: None,
            our_fin: false,
            linger: false,
            reset: false,
            closed: false,
            key: None,
            id: None,
            edge: EventFlags::default(),
            moved_at: crate::server::clock::now(),
            taken_at: crate::server::clock::now(),
            found_empty: false,
            sent_before_stop: None,
            empty_reads: 0,
            excuses: 0,
            reads: 0,
            writes: 0,
        }
    }

    /// The byte at an offset of its stream.
    pub(super) fn byte(&self, offset: usize) -> u8 {
        let byte = (self.number * 31 + offset * 7) % 251;
        u8::try_from(byte).unwrap()
    }

    pub(super) fn unread(&self) -> usize {
        self.sent - self.read
    }

    /// Whether a read would return something other than `WouldBlock`.
    pub(super) fn has_input(&self) -> bool {
        self.unread() > 0 || self.fin || self.error.is_some()
    }

    pub(super) fn room(&self) -> usize {
        self.capacity - (self.written - self.received)
    }

    /// Whether a write would be taken, in part at least, or would fail.
    pub(super) fn has_room(&self) -> bool {
        self.room() > 0 || self.error.is_some()
    }

    /// What a level-triggered poll would report.
    pub(super) fn level(&self) -> EventFlags {
        EventFlags {
            readable: self.has_input(),
            writable: self.has_room(),
            read_closed: self.fin || self.error.is_some(),
            write_closed: self.error.is_some(),
            error: self.error.is_some(),
            priority: self.mark.is_some(),
        }
    }

    /// Whether an edge that would make the loop read is still to be reported.
    pub(super) fn will_report_input(&self) -> bool {
        self.edge.readable || self.edge.read_closed || self.edge.error
    }

    /// Whether an edge that would make the loop write is still to be reported, or will be raised.
    pub(super) fn will_report_room(&self) -> bool {
        self.no_space || self.edge.writable || self.edge.write_closed || self.edge.error
    }

    // ── the peer ────────────────────────────────────────────────────────────────────────────────

    pub(super) fn peer_is_active(&self) -> bool {
        !self.dead && !self.finished
    }

    /// The peer sends what it can of `bytes`. Returns how much that is.
    pub(super) fn send(&mut self, bytes: usize) -> usize {
        const RECEIVE_QUEUE: usize = 64;
        if self.fin || self.closed {
            return 0;
        }
        let bytes = bytes
            .min(self.plan - self.sent)
            .min(RECEIVE_QUEUE - self.unread());
        self.sent += bytes;
        self.edge.readable |= bytes > 0;
        bytes
    }

    /// The next byte that the peer sends will be an urgent one.
    pub(super) fn send_urgent(&mut self) {
        if self.mark.is_none() && self.send(1) == 1 {
            self.mark = Some(self.sent - 1);
            self.edge.priority = true;
        }
    }

    pub(super) fn send_fin(&mut self) -> bool {
        let now = !self.fin && !self.closed;
        self.fin = true;
        self.edge.readable = true;
        self.edge.read_closed = true;
        now
    }

    /// The peer resets the connection, which every flag reports; or it times out, which the flag for errors reports.
    pub(super) fn break_with(&mut self, errno: Errno) {
        self.error = Some(errno);
        self.finished = true;
        if errno == Errno::CONNRESET {
            self.edge = self.level();
        }
        self.edge.error = true;
    }

    /// The peer reads what it can of `bytes`. Returns how much that is.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> usize {
        let bytes = bytes.min(self.written - self.received);
        self.received += bytes;
        if bytes > 0 {
            self.room_since.get_or_insert(now);
            self.taken_at = now;
        }
        // epoll reports room once a third of the send buffer is free (sk_stream_write_space).
        if self.no_space && self.room() * 3 >= self.capacity {
            self.no_space = false;
            self.edge.writable = true;
        }
        bytes
    }

    /// Whether the peer has met the end of the echo: a FIN behind every byte, or RST.
    pub(super) fn is_at_the_end(&self) -> bool {
        let ends = self.our_fin || self.closed;
        ends && (self.reset || self.received == self.written)
    }

    /// The peer closes its socket, if both directions have ended. Returns whether it has.
    pub(super) fn finish(&mut self) -> bool {
        let now = !self.finished && self.is_at_the_end() && (self.fin || self.closed);
        self.finished |= now;
        now
    }
}
