//! The event loop with one of the mistakes.

use super::checks::Simulated;
use super::mutant::Mutant;
use crate::connection::Phase;
use crate::server::clock;
use crate::server::kernel::Kernel;
use crate::server::observer::{AcceptPause, Observer};
use crate::server::walk::{Visit, Walk};
use rustix::io::Errno;
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
    admit(event_loop, mutant)?;
    serve(event_loop, mutant);
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
    if mutant == Mutant::DiscardWithoutEnd {
        return note_but_discard_on(event_loop);
    }
    event_loop.note();
    let stops = event_loop.shutdown.is_under_way() && !was_stopping;
    let has_ticked = event_loop.idle_clock.deadline() != next_tick;
    if mutant == Mutant::DrainWithoutTurns && stops {
        while event_loop.run_queue.pop().is_some() {}
    }
    if mutant == Mutant::CloseBacklog && stops {
        event_loop.listeners.close();
    }
    if mutant == Mutant::TickForNone && next_tick.is_some() {
        event_loop.idle_clock.start();
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

/// As the loop notes, except that the end of the drain timeout does not reach a connection that is lingering.
fn note_but_discard_on(event_loop: &mut Simulated) {
    event_loop.note_events();
    event_loop.note_requests();
    event_loop.note_time(clock::now());
    let end = event_loop.connections.capacity();
    while let Some((visit, key)) = event_loop.walk.take_key(end) {
        let slot = event_loop.connections.get(key);
        let lingers = slot.is_some_and(|slot| slot.connection.phase() == Phase::Lingering);
        if !(visit == Visit::Expire && lingers) {
            event_loop.visit(visit, key);
        }
    }
}

fn admit(event_loop: &mut Simulated, mutant: Mutant) -> io::Result<()> {
    let was_paused = event_loop.listeners.are_paused();
    event_loop.admit()?;
    if mutant == Mutant::NoAcceptBudget {
        while event_loop.listeners.are_ready() && event_loop.has_room() {
            event_loop.admit()?;
        }
    }
    if mutant == Mutant::RetryLate && event_loop.listeners.are_paused() && !was_paused {
        let now = clock::now();
        clock::simulated::set(now + Duration::from_secs(5));
        let pause = AcceptPause::Exhausted(Errno::MFILE.into());
        event_loop.listeners.pause(&pause, &mut event_loop.observer);
        clock::simulated::set(now);
    }
    Ok(())
}

fn serve(event_loop: &mut Simulated, mutant: Mutant) {
    if mutant != Mutant::WriteIsNoActivity {
        return event_loop.serve();
    }
    let slots = event_loop.connections.iter_mut();
    let before: Vec<_> = slots
        .map(|(key, slot)| (key, slot.connection.bytes_in(), *slot.idle_ticks()))
        .collect();
    event_loop.serve();
    for (key, bytes_in, idle_ticks) in before {
        if let Some(slot) = event_loop.connections.get_mut(key)
            && slot.connection.bytes_in() == bytes_in
        {
            *slot.idle_ticks() = idle_ticks;
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
