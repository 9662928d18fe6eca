//! Mistakes that a server or its kernel could make, to be switched on: the proof that the checks see something.
//!
//! Those of the kernel are in `network` and `kernel`, those of the loop in `mutant_loop`.

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
    /// The last connection that yields is not put back on the run queue.
    NoYield,
    /// The run queue is a stack.
    LastInFirstOut,
    /// A stop queues no connection for its last turns.
    DrainWithoutTurns,
    /// A walk over all connections ends after its first part.
    HalfWalk,
    /// The loop sleeps although a walk is under way.
    SleepInWalk,
    /// A tick of the idle clock counts for connections that wait for the server.
    TickQueued,
    /// It is not asked whether the peer still takes what the kernel holds.
    ForgetSlowReader,
    /// The idle clock never ticks.
    NeverTick,
    /// The loop never sleeps.
    AlwaysPoll,
    /// The loop sleeps although connections are due a turn.
    SleepWithWork,
    /// The loop sleeps beyond its deadlines.
    ForgetDeadlines,
    /// One connection more than the limit.
    OverLimit,
}

pub(super) const MUTANTS: [Mutant; 24] = [
    Mutant::ForgetEdge,
    Mutant::ForgetWritable,
    Mutant::ForgetFin,
    Mutant::ForgetUrgentMark,
    Mutant::ForgetListenerEdge,
    Mutant::ForgetInitialReadiness,
    Mutant::LoseEventsOnInterrupt,
    Mutant::StaleKey,
    Mutant::ClearWithoutEvidence,
    Mutant::LoseByte,
    Mutant::FinInsteadOfReset,
    Mutant::NoteLast,
    Mutant::NoYield,
    Mutant::LastInFirstOut,
    Mutant::DrainWithoutTurns,
    Mutant::HalfWalk,
    Mutant::SleepInWalk,
    Mutant::TickQueued,
    Mutant::ForgetSlowReader,
    Mutant::NeverTick,
    Mutant::AlwaysPoll,
    Mutant::SleepWithWork,
    Mutant::ForgetDeadlines,
    Mutant::OverLimit,
];
