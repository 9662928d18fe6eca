//! An explanation of each kind of event for its first-time readers: what it means, the source file that does
//! it, and the chapter of the guide.

use super::record::Event;
use crate::server::Mode;
use serde::Serialize;

/// What the events of a group have in common. Each group has a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventGroup {
    /// What the loop, or a thread, does on its own account.
    Own,
    /// What the kernel reported.
    Kernel,
    /// What came in.
    In,
    /// What went out.
    Out,
    /// What has to wait.
    Held,
    /// What went wrong.
    Trouble,
    /// The milestones of a connection or of the server.
    Life,
}

/// A kind of event.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct EventKind {
    /// The name in JSON Lines.
    pub(super) name: &'static str,
    pub(super) group: EventGroup,
    /// What the event means, and why it matters.
    pub(super) meaning: &'static str,
    /// The source file to read.
    pub(super) file: &'static str,
    /// The chapter of the guide to read.
    pub(super) chapter: ChapterLink,
}

/// A chapter of the guide.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ChapterLink {
    title: &'static str,
    /// Its module in the documentation, and so its path relative to the guide.
    module: &'static str,
}

const fn chapter(title: &'static str, module: &'static str) -> ChapterLink {
    ChapterLink { title, module }
}

const BLOCKING: ChapterLink = chapter("1. A blocking echo", "chapter_01_blocking_echo");
const READINESS: ChapterLink = chapter("2. Readiness", "chapter_02_readiness");
const EDGES: ChapterLink = chapter("4. Edges and draining", "chapter_04_edges");
const PARTIAL_WRITES: ChapterLink = chapter(
    "3. Partial writes and backpressure",
    "chapter_03_partial_writes",
);
const FAIRNESS: ChapterLink = chapter("5. Fairness and budgets", "chapter_05_fairness");
const ENDINGS: ChapterLink = chapter("6. Half-close, linger, RST", "chapter_06_endings");
const ACCEPT: ChapterLink = chapter("7. Accept, limits, EMFILE", "chapter_07_accept");
const SHUTDOWN: ChapterLink = chapter("8. Shutdown", "chapter_08_shutdown");
const THREADS: ChapterLink = chapter(
    "11. The contrast: a thread for each connection",
    "chapter_11_threads",
);

const LOOP: &str = "src/server/event_loop.rs";
const READINESS_FILE: &str = "src/readiness/mod.rs";
const CONNECTION: &str = "src/connection/mod.rs";
const WRITE_QUEUE: &str = "src/connection/write_queue.rs";
const PHASES: &str = "src/connection/phase.rs";
const LISTENER: &str = "src/server/listener.rs";
const DATAGRAMS: &str = "src/server/datagrams/mod.rs";
const DATAGRAM_ECHO: &str = "src/server/datagrams/echo.rs";
const DATAGRAM_GUARD: &str = "src/server/datagrams/guard.rs";
const PREAMBLE: &str = "src/server/preamble/mod.rs";
const STOP: &str = "src/server/shutdown.rs";
const RUN_QUEUE: &str = "src/readiness/run_queue.rs";
const TRACE: &str = "src/trace/recorder.rs";
const UNREAD: &str = "src/server/unread.rs";
const SEND_QUEUE: &str = "src/server/send_queue.rs";
const THREAD: &str = "src/server/threads/connection.rs";

const THREADS_FILE: &str = "src/server/threads/mod.rs";

const MAIN_WAITS: &str = "The main thread asks the kernel for events of the listeners, of signals and of threads that have ended. Each connection blocks in calls of its own, on its own thread.";
const MAIN_WOKE: &str = "The main thread's wait is over. What it was about concerns no connection that is open: those have their own threads.";
const MAIN_ACCEPTED: &str =
    "A connection left the backlog and has a socket and a thread of its own.";

impl Event {
    /// The name of this kind of event, as in JSON Lines.
    pub fn name(&self) -> &'static str {
        self.kind().name
    }

    /// The kind of this event, with its explanation.
    #[expect(clippy::too_many_lines, reason = "a table with a row for each event")]
    pub(super) fn kind(&self) -> EventKind {
        match self {
            Self::Waiting { .. } => EventKind {
                name: "waiting",
                group: EventGroup::Own,
                meaning: "The loop asks the kernel for events. This is its only blocking call: it sleeps only while no connection is ready for work, and an idle server uses no CPU time.",
                file: LOOP,
                chapter: READINESS,
            },
            Self::Woke { .. } => EventKind {
                name: "woke",
                group: EventGroup::Kernel,
                meaning: "The wait is over. The loop first notes all reported events, before it touches any socket, so that no event can reach a newer connection under a reused slab key.",
                file: LOOP,
                chapter: READINESS,
            },
            Self::WokenBy { .. } => EventKind {
                name: "woken_by",
                group: EventGroup::Kernel,
                meaning: "An event that concerns no connection: peers are waiting in a listener's backlog, datagrams have arrived, a signal has arrived, or another thread has woken the loop.",
                file: LOOP,
                chapter: ACCEPT,
            },
            Self::PhaseEntered { .. } => EventKind {
                name: "phase_entered",
                group: EventGroup::Own,
                meaning: "An iteration of the loop has phases: wait for events, note them, admit new peers, read from all ready connections (the read pass), then write to them (the write pass).",
                file: LOOP,
                chapter: READINESS,
            },
            Self::AcceptFailed { .. } => EventKind {
                name: "accept_failed",
                group: EventGroup::Trouble,
                meaning: "accept(2) reported an error of one peer, which is already gone. The listener still works, and the next peer is accepted.",
                file: LISTENER,
                chapter: ACCEPT,
            },
            Self::Refused { .. } => EventKind {
                name: "refused",
                group: EventGroup::Trouble,
                meaning: "The peer was accepted, but a resource to serve it was missing. Only this connection is closed; the server goes on.",
                file: LISTENER,
                chapter: ACCEPT,
            },
            Self::AcceptPaused { .. } => EventKind {
                name: "accept_paused",
                group: EventGroup::Trouble,
                meaning: "The connection limit is reached, or descriptors or memory have run out. New peers wait in the backlog. An edge-triggered listener does not report them again, so the loop remembers that it has to accept.",
                file: LISTENER,
                chapter: ACCEPT,
            },
            Self::AcceptResumed => EventKind {
                name: "accept_resumed",
                group: EventGroup::Life,
                meaning: "All peers in the backlog have been accepted.",
                file: LISTENER,
                chapter: ACCEPT,
            },
            Self::DatagramReceived { .. } => EventKind {
                name: "datagram_received",
                group: EventGroup::In,
                meaning: "The kernel handed over a datagram: a message with its boundaries, and with the address that its sender has written into it. One call brings many, of any peers.",
                file: DATAGRAM_ECHO,
                chapter: BLOCKING,
            },
            Self::DatagramReplied { .. } => EventKind {
                name: "datagram_replied",
                group: EventGroup::Out,
                meaning: "The kernel took the echo of a datagram as a whole. Whether it arrives is not known: UDP does not acknowledge.",
                file: DATAGRAM_ECHO,
                chapter: BLOCKING,
            },
            Self::DatagramRefused { .. } => EventKind {
                name: "datagram_refused",
                group: EventGroup::Trouble,
                meaning: "The source address of a datagram can be forged. This one could start an exchange between two servers that never ends, or comes too often, so it gets no reply.",
                file: DATAGRAM_GUARD,
                chapter: ENDINGS,
            },
            Self::ReplyLost { .. } => EventKind {
                name: "reply_lost",
                group: EventGroup::Trouble,
                meaning: "The echo could not be sent and is dropped. On a connection the server would keep the bytes and stop reading; a datagram has no connection that could wait.",
                file: DATAGRAM_ECHO,
                chapter: PARTIAL_WRITES,
            },
            Self::ReceiveFailed { .. } => EventKind {
                name: "receive_failed",
                group: EventGroup::Trouble,
                meaning: "A receive failed. The socket still works, and is tried again.",
                file: DATAGRAMS,
                chapter: READINESS,
            },
            Self::Stopping { .. } => EventKind {
                name: "stopping",
                group: EventGroup::Life,
                meaning: "A stop was requested. The server accepts the peers that are already in the backlog and no others, echoes what it has received, and sends each connection a FIN.",
                file: STOP,
                chapter: SHUTDOWN,
            },
            Self::Ended => EventKind {
                name: "ended",
                group: EventGroup::Life,
                meaning: "The last connection is closed and the server has ended. The trace is complete.",
                file: STOP,
                chapter: SHUTDOWN,
            },
            Self::TraceLimitReached { .. } => EventKind {
                name: "trace_limit_reached",
                group: EventGroup::Trouble,
                meaning: "The trace has reached its limit. The server goes on, but what it does is no longer recorded.",
                file: TRACE,
                chapter: BLOCKING,
            },
            Self::Accepted { .. } => EventKind {
                name: "accepted",
                group: EventGroup::Life,
                meaning: "A connection left the backlog and has a socket of its own. The event loop registers it once, for reading and writing, and never changes that registration.",
                file: LOOP,
                chapter: ACCEPT,
            },
            Self::ProxyHeader { .. } => EventKind {
                name: "proxy_header",
                group: EventGroup::In,
                meaning: "A proxy sends the address of the peer for which it has connected before anything else. From here on, that is the address of the connection.",
                file: PREAMBLE,
                chapter: ACCEPT,
            },
            Self::ProxyHeaderMissing { .. } => EventKind {
                name: "proxy_header_missing",
                group: EventGroup::Trouble,
                meaning: "Only a proxy may connect here, and no valid header came in time. The connection is reset.",
                file: PREAMBLE,
                chapter: ACCEPT,
            },
            Self::BannerSent { .. } => EventKind {
                name: "banner_sent",
                group: EventGroup::Out,
                meaning: "The last byte of the banner was written. Until then, nothing of the connection is echoed.",
                file: PREAMBLE,
                chapter: PARTIAL_WRITES,
            },
            Self::FlagsReported { .. } => EventKind {
                name: "flags_reported",
                group: EventGroup::Kernel,
                meaning: "An edge-triggered event: the kernel reports a change of readiness once. It is a hint: by the time of the system call, what it announced may be gone.",
                file: READINESS_FILE,
                chapter: READINESS,
            },
            Self::ReadinessChanged { .. } => EventKind {
                name: "readiness_changed",
                group: EventGroup::Own,
                meaning: "The readiness that the loop remembers. An event sets it, and only evidence of exhaustion clears it: WouldBlock or, with epoll, a short read or write.",
                file: READINESS_FILE,
                chapter: EDGES,
            },
            Self::PhaseChanged { .. } => EventKind {
                name: "phase_changed",
                group: EventGroup::Life,
                meaning: "The connection entered another phase of its life. No transition leads back to an earlier phase.",
                file: PHASES,
                chapter: ENDINGS,
            },
            Self::BlockingCall { .. } => EventKind {
                name: "blocking_call",
                group: EventGroup::Own,
                meaning: "The thread makes a blocking call. If there is nothing to read, or no room to write, the kernel suspends the thread here. The state of the connection is the thread's stack.",
                file: THREAD,
                chapter: THREADS,
            },
            Self::Unread { .. } => EventKind {
                name: "unread",
                group: EventGroup::Kernel,
                meaning: "Bytes that the kernel has received for this connection and that no read has taken yet. If the loop sleeps while there are some, no edge will remind it of them.",
                file: UNREAD,
                chapter: EDGES,
            },
            Self::Unacknowledged { .. } => EventKind {
                name: "unacknowledged",
                group: EventGroup::Kernel,
                meaning: "Bytes that the kernel has taken for this peer and keeps in the send queue until the peer's kernel acknowledges them; a FIN counts as one. If the peer does not read, its receive buffer fills first and then this queue, and writes find no room. tcp(7) calls this number SIOCOUTQ; here it comes from sock_diag(7).",
                file: SEND_QUEUE,
                chapter: PARTIAL_WRITES,
            },
            Self::Read { .. } => EventKind {
                name: "read",
                group: EventGroup::In,
                meaning: "The kernel handed over received bytes. TCP is a stream: how many arrive in one read has nothing to do with how many the peer wrote at once.",
                file: CONNECTION,
                chapter: BLOCKING,
            },
            Self::ReadWouldBlock => EventKind {
                name: "read_would_block",
                group: EventGroup::Held,
                meaning: "There is nothing to read: the input is exhausted, and an event will announce the next bytes.",
                file: READINESS_FILE,
                chapter: EDGES,
            },
            Self::PeerFinished => EventKind {
                name: "peer_finished",
                group: EventGroup::In,
                meaning: "A read returned 0: the peer has sent its FIN and will send no more. It may still be reading, and all bytes before the FIN have been echoed.",
                file: PHASES,
                chapter: ENDINGS,
            },
            Self::Wrote { .. } => EventKind {
                name: "wrote",
                group: EventGroup::Out,
                meaning: "The kernel copied bytes into the socket's send buffer. If it took fewer than it was offered, the buffer is full.",
                file: CONNECTION,
                chapter: PARTIAL_WRITES,
            },
            Self::WriteWouldBlock => EventKind {
                name: "write_would_block",
                group: EventGroup::Held,
                meaning: "The send buffer is full: the peer reads more slowly than it sends. An event will report free space.",
                file: READINESS_FILE,
                chapter: PARTIAL_WRITES,
            },
            Self::Queued { .. } => EventKind {
                name: "queued",
                group: EventGroup::Held,
                meaning: "The bytes that the kernel did not take are kept. Until they are written, this connection reads no more.",
                file: WRITE_QUEUE,
                chapter: PARTIAL_WRITES,
            },
            Self::ReadPaused => EventKind {
                name: "read_paused",
                group: EventGroup::Held,
                meaning: "Backpressure: while bytes are pending, the server does not read. Its receive buffer fills, the TCP window closes, the peer's send buffer fills, and the peer has to wait.",
                file: WRITE_QUEUE,
                chapter: PARTIAL_WRITES,
            },
            Self::ReadResumed => EventKind {
                name: "read_resumed",
                group: EventGroup::Life,
                meaning: "No bytes are pending any more, so reading goes on.",
                file: WRITE_QUEUE,
                chapter: PARTIAL_WRITES,
            },
            Self::Yielded => EventKind {
                name: "yielded",
                group: EventGroup::Held,
                meaning: "The turn ended before the work did. The kernel does not report readiness that it has already reported, so the connection goes to the back of the run queue.",
                file: RUN_QUEUE,
                chapter: FAIRNESS,
            },
            Self::Discarded { .. } => EventKind {
                name: "discarded",
                group: EventGroup::In,
                meaning: "Our FIN has been sent, so these bytes cannot be echoed. They are read nevertheless: closing a socket with unread input sends an RST, which can destroy bytes still on their way to the peer.",
                file: PHASES,
                chapter: ENDINGS,
            },
            Self::FinSent => EventKind {
                name: "fin_sent",
                group: EventGroup::Out,
                meaning: "The server has sent everything it had to send. The peer may still send, and its FIN is awaited.",
                file: PHASES,
                chapter: ENDINGS,
            },
            Self::Closed { .. } => EventKind {
                name: "closed",
                group: EventGroup::Life,
                meaning: "The connection is closed, and its slot is free for another one.",
                file: PHASES,
                chapter: ENDINGS,
            },
        }
    }
}

impl EventKind {
    /// The kind as it is explained in a trace of `mode`: with threads, other files do the same, and the main thread
    /// only accepts.
    pub(super) fn in_mode(self, mode: Mode) -> Self {
        let (meaning, file) = match (mode, self.name) {
            (Mode::Threads, "waiting") => (MAIN_WAITS, THREADS_FILE),
            (Mode::Threads, "woke") => (MAIN_WOKE, THREADS_FILE),
            (Mode::Threads, "accepted") => (MAIN_ACCEPTED, THREADS_FILE),
            (Mode::Threads, _) if self.file == CONNECTION || self.file == PHASES => {
                (self.meaning, THREAD)
            }
            (Mode::Threads | Mode::EventLoop, _) => return self,
        };
        Self {
            meaning,
            file,
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
