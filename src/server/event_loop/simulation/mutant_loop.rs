//! The event loop with one of the mistakes.

use super::checks::Simulated;
use super::mutant::Mutant;
use crate::server::clock;
use crate::server::kernel::Kernel;
use crate::server::observer::Observer;
use crate::server::walk::Walk;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::Duration;

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
        Mutant::SleepInWalk => {
            let walk = std::mem::replace(&mut event_loop.walk, Walk::new(1));
            let waited = event_loop.wait();
            event_loop.walk = walk;
            return waited;
        }
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
    if mutant == Mutant::HalfWalk {
        let _rest = event_loop.walk.take_key(0);
    }
    if mutant == Mutant::TickQueued && has_ticked {
        let timeout = event_loop.idle_clock.timeout();
        for (key, slot) in &mut event_loop.connections {
            if event_loop.run_queue.contains(key) {
                slot.note_idle_tick(timeout, &mut event_loop.deliveries);
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
