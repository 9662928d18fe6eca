//! What each kind of event is about, for whoever meets it for the first time: a sentence, the file to read
//! and the chapter of the guide.

use super::record::Event;
use serde::Serialize;

/// What a group of events has in common; each has a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Group {
    /// What the loop, or a thread, does for itself.
    Own,
    /// What the kernel said.
    Kernel,
    /// What came in.
    In,
    /// What went out.
    Out,
    /// What had to wait.
    Held,
    /// What went wrong.
    Trouble,
    /// The marks of a life.
    Life,
}

/// A kind of event.
#[derive(Debug, Serialize)]
pub(super) struct Kind {
    /// The event's name in JSON Lines.
    pub(super) name: &'static str,
    pub(super) group: Group,
    /// What it means, and why it matters.
    pub(super) why: &'static str,
    /// Where the program does it.
    pub(super) file: &'static str,
    /// Where the guide tells of it.
    pub(super) chapter: Chapter,
}

/// A chapter of the guide.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Chapter {
    pub(super) title: &'static str,
    /// Its module in the documentation, and so its place below the guide's.
    pub(super) module: &'static str,
}

const BLOCKING: Chapter = Chapter {
    title: "1. A blocking echo",
    module: "chapter_01_blocking_echo",
};
const READINESS: Chapter = Chapter {
    title: "2. Readiness",
    module: "chapter_02_readiness",
};
const EDGES: Chapter = Chapter {
    title: "3. Edges and draining",
    module: "chapter_03_edges",
};
const PARTIAL_WRITES: Chapter = Chapter {
    title: "4. Partial writes and backpressure",
    module: "chapter_04_partial_writes",
};
const FAIRNESS: Chapter = Chapter {
    title: "5. Fairness and budgets",
    module: "chapter_05_fairness",
};
const ENDINGS: Chapter = Chapter {
    title: "6. Half-close, linger, RST",
    module: "chapter_06_endings",
};
const ACCEPT: Chapter = Chapter {
    title: "7. Accept, limits, EMFILE",
    module: "chapter_07_accept",
};
const SHUTDOWN: Chapter = Chapter {
    title: "8. Shutdown",
    module: "chapter_08_shutdown",
};
const THREADS: Chapter = Chapter {
    title: "9. The contrast: a thread for each connection",
    module: "chapter_09_threads",
};

const LOOP: &str = "src/server/event_loop.rs";
const READINESS_FILE: &str = "src/readiness/mod.rs";
const CONNECTION: &str = "src/connection/mod.rs";
const WRITE_QUEUE: &str = "src/connection/write_queue.rs";
const PHASES: &str = "src/connection/phase.rs";
const LISTENER: &str = "src/server/listener.rs";
const STOP: &str = "src/server/shutdown.rs";
const RUN_QUEUE: &str = "src/readiness/run_queue.rs";
const TRACE: &str = "src/trace/recorder.rs";
const CONVERSATION: &str = "src/server/threads/connection.rs";

/// Every kind there is.
pub(super) const KINDS: [Kind; 28] = [
    Kind {
        name: "waits",
        group: Group::Own,
        why: "The loop asks the kernel for events. It is the only place where it sleeps: while it waits nobody is owed anything, and it costs nothing.",
        file: LOOP,
        chapter: READINESS,
    },
    Kind {
        name: "woke",
        group: Group::Kernel,
        why: "The kernel has answered. The events are noted first, all of them, before any socket is touched, so that none can reach the wrong connection.",
        file: LOOP,
        chapter: READINESS,
    },
    Kind {
        name: "called",
        group: Group::Kernel,
        why: "An event for somebody else than a connection: a listener has peers in its backlog, a signal has come, or another thread woke the loop.",
        file: LOOP,
        chapter: ACCEPT,
    },
    Kind {
        name: "enters",
        group: Group::Own,
        why: "The loop comes to the next phase of its turn: admit who wants in, hear all who have something to say, then answer them all.",
        file: LOOP,
        chapter: READINESS,
    },
    Kind {
        name: "accept_failed",
        group: Group::Trouble,
        why: "This error of accept concerns one peer that is already gone. The listener is fine, and the next peer is let in.",
        file: LISTENER,
        chapter: ACCEPT,
    },
    Kind {
        name: "refused",
        group: Group::Trouble,
        why: "The peer was accepted, but there was nothing left to serve it with. It alone is turned away.",
        file: LISTENER,
        chapter: ACCEPT,
    },
    Kind {
        name: "accept_paused",
        group: Group::Trouble,
        why: "The limit is reached, or descriptors have run out. WakeSource comes now waits in the backlog; an edge-triggered listener will not remind the loop of them, so it remembers.",
        file: LISTENER,
        chapter: ACCEPT,
    },
    Kind {
        name: "accept_resumed",
        group: Group::Life,
        why: "All who waited have been accepted.",
        file: LISTENER,
        chapter: ACCEPT,
    },
    Kind {
        name: "stopping",
        group: Group::Life,
        why: "A stop was requested: nobody new is let in, what has been received is echoed, and everybody gets a FIN.",
        file: STOP,
        chapter: SHUTDOWN,
    },
    Kind {
        name: "ended",
        group: Group::Life,
        why: "The last connection is gone and the server has ended: nothing is missing from this trace.",
        file: STOP,
        chapter: SHUTDOWN,
    },
    Kind {
        name: "limit_reached",
        group: Group::Trouble,
        why: "The trace is full. The server went on; what it did is not recorded.",
        file: TRACE,
        chapter: BLOCKING,
    },
    Kind {
        name: "accepted",
        group: Group::Life,
        why: "A peer came out of the backlog and has a socket of its own. It is registered once, for both directions, and never again.",
        file: LOOP,
        chapter: ACCEPT,
    },
    Kind {
        name: "hinted",
        group: Group::Kernel,
        why: "An event: a change that the kernel reports once. It is a hint; what it announces may be gone by the time somebody looks.",
        file: READINESS_FILE,
        chapter: READINESS,
    },
    Kind {
        name: "believes",
        group: Group::Own,
        why: "Readiness as it is remembered: an event sets it, and only evidence clears it again, WouldBlock or, on Linux, a short read or write.",
        file: READINESS_FILE,
        chapter: EDGES,
    },
    Kind {
        name: "phase",
        group: Group::Life,
        why: "The connection came to another phase of its life. There is no way back to an earlier one.",
        file: PHASES,
        chapter: ENDINGS,
    },
    Kind {
        name: "calls",
        group: Group::Own,
        why: "The thread makes a blocking call. If there is nothing to read, or no room to write, the kernel puts it to sleep here; its stack is the state of the connection.",
        file: CONVERSATION,
        chapter: THREADS,
    },
    Kind {
        name: "read",
        group: Group::In,
        why: "Bytes came in. How many is the kernel's choice: a read knows nothing of messages.",
        file: CONNECTION,
        chapter: BLOCKING,
    },
    Kind {
        name: "read_would_block",
        group: Group::Held,
        why: "There is nothing to read: the input is exhausted, and an event will announce what comes next.",
        file: READINESS_FILE,
        chapter: EDGES,
    },
    Kind {
        name: "peer_finished",
        group: Group::In,
        why: "The peer has said all it had to say. It may still be reading, so what it is owed was written first.",
        file: PHASES,
        chapter: ENDINGS,
    },
    Kind {
        name: "wrote",
        group: Group::Out,
        why: "The kernel took bytes into the socket's send buffer. If it took fewer than it was offered, the buffer is full.",
        file: CONNECTION,
        chapter: PARTIAL_WRITES,
    },
    Kind {
        name: "write_would_block",
        group: Group::Held,
        why: "The send buffer is full: the peer does not read as fast as it sends. An event will announce room.",
        file: READINESS_FILE,
        chapter: PARTIAL_WRITES,
    },
    Kind {
        name: "queued",
        group: Group::Held,
        why: "What the kernel refused is kept for later. Until it is written this connection reads nothing more.",
        file: WRITE_QUEUE,
        chapter: PARTIAL_WRITES,
    },
    Kind {
        name: "paused",
        group: Group::Held,
        why: "This is the backpressure: not reading fills our receive buffer, then the peer's send buffer, and then the peer waits.",
        file: WRITE_QUEUE,
        chapter: PARTIAL_WRITES,
    },
    Kind {
        name: "resumed",
        group: Group::Life,
        why: "Nothing is owed any more, so reading goes on.",
        file: WRITE_QUEUE,
        chapter: PARTIAL_WRITES,
    },
    Kind {
        name: "yielded",
        group: Group::Held,
        why: "The turn is over before the work is. No event will come for bytes that have been announced already, so the connection stands on the run queue.",
        file: RUN_QUEUE,
        chapter: FAIRNESS,
    },
    Kind {
        name: "discarded",
        group: Group::In,
        why: "Our FIN is out, so these bytes cannot be echoed. They are read all the same: closing over unread bytes would send a reset, which can destroy what is still on its way.",
        file: PHASES,
        chapter: ENDINGS,
    },
    Kind {
        name: "fin_sent",
        group: Group::Out,
        why: "We have said all we had to say; the peer may still speak, and its FIN is awaited.",
        file: PHASES,
        chapter: ENDINGS,
    },
    Kind {
        name: "closed",
        group: Group::Life,
        why: "The connection is over and its slot is free for the next one.",
        file: PHASES,
        chapter: ENDINGS,
    },
];

/// Where the kind of `event` stands in [`KINDS`].
pub(super) fn kind_of(event: &Event) -> usize {
    let name = event.name();
    KINDS.iter().position(|kind| kind.name == name).unwrap_or(0)
}

/// The group of `event`.
pub(super) fn group_of(event: &Event) -> Group {
    KINDS
        .get(kind_of(event))
        .map_or(Group::Own, |kind| kind.group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_kind_names_a_file_that_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for kind in &KINDS {
            assert!(root.join(kind.file).is_file(), "{}", kind.file);
        }
    }

    #[test]
    fn every_kind_names_a_chapter_by_its_title_and_its_module() {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/learn/guide");
        for Kind { chapter, .. } in &KINDS {
            let file = chapter.module.trim_start_matches("chapter_");
            let text = fs::read_to_string(guide.join(format!("{file}.md"))).unwrap();
            let title = text.lines().next().unwrap();
            assert_eq!(title, format!("# {}", chapter.title));
        }
    }
}
