//! Mistakes that a server or its kernel could make, to be switched on: the proof that the checks see something.
//!
//! Those of the kernel are in `network` and `kernel`, those of the loop in `mutant_loop`.
//!
//! Two mistakes cannot exist here. A listen(2) that ignores the configured backlog is noticed by
//! `no_more_connections_wait_than_the_backlog_allows`, and a client that accepts a connection to itself by
//! `a_socket_connected_to_itself_counts_as_refused`.

/// One deliberate mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    // What the loop is not told, or told wrongly.
    /// One event in four is dropped before it is noted.
    ForgetEdge,
    /// No event reports room.
    ForgetWritable,
    /// No event reports a FIN, so that a short read counts as evidence in front of one.
    ForgetFin,
    /// No event reports an urgent mark, so that a short read counts as evidence at one.
    ForgetUrgentMark,
    /// No event reports an error (EPOLLERR).
    ForgetError,
    /// Edges of listeners are dropped.
    ForgetListenerEdge,
    /// A registration does not report what the socket is ready for.
    ForgetInitialReadiness,
    /// A wait that is interrupted takes the events with it.
    LoseEventsOnInterrupt,
    /// An event of a closed connection reaches the next owner of its key.
    StaleKey,
    /// A read returns fewer bytes than it could: readiness is cleared without evidence.
    ClearWithoutEvidence,
    // What is written wrongly.
    /// A short write counts one byte too many.
    LoseByte,
    /// A connection that gives up with bytes pending ends with a FIN.
    FinInsteadOfReset,
    // What the loop does in the wrong order, or not at all.
    /// Events are noted when connections have been removed and inserted since.
    NoteLast,
    /// An iteration accepts all connections that wait, however many come meanwhile.
    NoAcceptBudget,
    /// Each accept takes from the first listener that has a peer.
    NoRotation,
    /// When descriptors have run out, accept is tried again after 5 seconds.
    RetryLate,
    /// The last connection that yields is not put back on the run queue.
    NoYield,
    /// The run queue is a stack.
    LastInFirstOut,
    /// A stop queues no connection for its last turns.
    DrainWithoutTurns,
    /// A stop accepts connections from the backlog as long as there are some.
    DrainWithoutEnd,
    /// A stop closes the listeners, and does not accept from their backlogs first.
    CloseBacklog,
    /// The end of the drain timeout leaves connections open that have sent their FIN and discard what arrives.
    DiscardWithoutEnd,
    /// A walk over all connections ends after its first part.
    HalfWalk,
    /// The loop sleeps although a walk is under way.
    SleepInWalk,
    /// A tick of the idle clock counts for connections that wait for the server.
    TickQueued,
    /// Only a read makes a connection active, not a write.
    WriteIsNoActivity,
    /// It is not asked whether the peer still takes what the kernel holds.
    ForgetSlowReader,
    /// The idle clock never ticks.
    NeverTick,
    /// The idle clock goes on when the last connection has ended.
    TickForNone,
    /// The loop never sleeps.
    AlwaysPoll,
    /// The loop sleeps although connections are due a turn.
    SleepWithWork,
    /// The loop sleeps beyond its deadlines.
    ForgetDeadlines,
    /// One connection more than the limit.
    OverLimit,
}

pub(super) const MUTANTS: [Mutant; 33] = [
    Mutant::ForgetEdge,
    Mutant::ForgetWritable,
    Mutant::ForgetFin,
    Mutant::ForgetUrgentMark,
    Mutant::ForgetError,
    Mutant::ForgetListenerEdge,
    Mutant::ForgetInitialReadiness,
    Mutant::LoseEventsOnInterrupt,
    Mutant::StaleKey,
    Mutant::ClearWithoutEvidence,
    Mutant::LoseByte,
    Mutant::FinInsteadOfReset,
    Mutant::NoteLast,
    Mutant::NoAcceptBudget,
    Mutant::NoRotation,
    Mutant::RetryLate,
    Mutant::NoYield,
    Mutant::LastInFirstOut,
    Mutant::DrainWithoutTurns,
    Mutant::DrainWithoutEnd,
    Mutant::CloseBacklog,
    Mutant::DiscardWithoutEnd,
    Mutant::HalfWalk,
    Mutant::SleepInWalk,
    Mutant::TickQueued,
    Mutant::WriteIsNoActivity,
    Mutant::ForgetSlowReader,
    Mutant::NeverTick,
    Mutant::TickForNone,
    Mutant::AlwaysPoll,
    Mutant::SleepWithWork,
    Mutant::ForgetDeadlines,
    Mutant::OverLimit,
];
