//! Mistakes that a server or its kernel could make, to be switched on: the proof that the checks see something.
//!
//! Those of the kernel are in `network` and `kernel`, those of the loop are here.

use super::checks::Simulated;
use crate::server::clock;
use crate::server::kernel::Kernel;
use crate::server::observer::Observer;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::Duration;

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
    /// A tick of the idle clock counts for connections that wait for the server.
    TickQueued,
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

pub(super) const MUTANTS: [Mutant; 21] = [
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
    Mutant::TickQueued,
    Mutant::NeverTick,
    Mutant::AlwaysPoll,
    Mutant::SleepWithWork,
    Mutant::ForgetDeadlines,
    Mutant::OverLimit,
];

/// One iteration of the loop, with a mistake.
pub(super) fn iterate(event_loop: &mut Simulated, mutant: Mutant) -> io::Result<()> {
    if mutant == Mutant::NoteLast {
        event_loop.wait()?;
        event_loop.serve();
        event_loop.admit()?;
        event_loop.note();
        return Ok(());
    }
    wait(event_loop, mutant)?;
    note(event_loop, mutant);
    event_loop.admit()?;
    event_loop.serve();
    requeue(event_loop, mutant);
    Ok(())
}

fn wait(event_loop: &mut Simulated, mutant: Mutant) -> io::Result<()> {
    let timeout = match mutant {
        Mutant::AlwaysPoll => Some(Duration::ZERO),
        Mutant::SleepWithWork => {
            let next = event_loop.next_deadline();
            next.map(|at| at.saturating_duration_since(clock::now()))
        }
        Mutant::ForgetDeadlines => event_loop.has_work().then_some(Duration::ZERO),
        Mutant::NeverTick => {
            event_loop.idle_clock.stop();
            return event_loop.wait();
        }
        _ => return event_loop.wait(),
    };
    event_loop.observer.waiting(timeout);
    match event_loop.kernel.wait(timeout) {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        done => done,
    }
}

fn note(event_loop: &mut Simulated, mutant: Mutant) {
    let was_stopping = event_loop.shutdown.is_under_way();
    let next_tick = event_loop.idle_clock.deadline();
    event_loop.note();
    let stops = event_loop.shutdown.is_under_way() && !was_stopping;
    let has_ticked = event_loop.idle_clock.deadline() != next_tick;
    if mutant == Mutant::DrainWithoutTurns && stops {
        while event_loop.run_queue.pop().is_some() {}
    }
    if mutant == Mutant::TickQueued && has_ticked {
        for (key, slot) in &mut event_loop.connections {
            if event_loop.run_queue.contains(key) {
                slot.note_idle_tick();
            }
        }
    }
}

fn requeue(event_loop: &mut Simulated, mutant: Mutant) {
    let mut queued: Vec<_> = iter::from_fn(|| event_loop.run_queue.pop()).collect();
    match mutant {
        Mutant::LastInFirstOut => queued.reverse(),
        Mutant::NoYield => drop(queued.pop()),
        _ => {}
    }
    for key in queued {
        event_loop.run_queue.push(key);
    }
}
