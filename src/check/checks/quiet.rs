//! What the server does while its clients do nothing.

use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::probe::Probe;
use crate::check::process::{ServerProcess, WINDOWS};
use crate::check::symptom::Symptom;
use crate::check::trial::{MESSAGE, Trial};
use crate::text::chapter::Chapter;
use std::time::Duration;

/// How long the clients do nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// The same, by effort.
fn pause(trial: &Trial<'_>) -> Duration {
    trial.scaled(Duration::from_millis(500), PAUSE)
}

/// How long the processor time is measured, by effort.
fn window(trial: &Trial<'_>) -> Duration {
    trial.scaled(Duration::from_millis(200), PAUSE)
}

/// How long [`expect_rest`] may take.
pub(super) const RESTING: Duration = Duration::from_secs(PAUSE.as_secs() * WINDOWS as u64);

/// The share of one core above which an idle server is busy. Housekeeping of an interpreter or a garbage
/// collector stays below it, a loop that polls every millisecond does not.
const IDLE_SHARE: f64 = 0.02;

pub(super) const STAYS_OPEN: Check = Check {
    name: "stays-open",
    promise: "A connection that is idle for a second stays open and is still served.",
    why: "A client that pauses for a moment loses its connection.",
    hint: "WouldBlock is not the end of the stream; only a read of 0 is. An idle timeout should be \
          minutes.",
    chapter: Chapter::Readiness,
    experiment: None,
    level: Some(Level::Spinning),
    quick: false,
    timeouts: 2,
    pauses: PAUSE,
    run: Run::OnAddress(stays_open),
};

fn stays_open(trial: &Trial<'_>) -> TrialResult {
    let silent = trial.connect()?;
    let served_before = trial.connect()?;
    served_before.exchange(0..MESSAGE)?;
    trial.limit.pause(pause(trial));
    silent.expect_open(0)?;
    served_before.expect_open(MESSAGE)?;
    silent.exchange(0..MESSAGE)?;
    served_before.exchange(MESSAGE..2 * MESSAGE)?;
    Ok(TrialOutcome::Kept)
}

pub(super) const ALIVE_AFTER_PAUSE: Check = Check {
    name: "alive-after-pause",
    promise: "After a second without any connection, the next client is served.",
    why: "A server that exits, or never wakes up again, once it has nothing to do is gone after \
          the first quiet night.",
    hint: "Wait for the listener even when there are no connections.",
    chapter: Chapter::Readiness,
    experiment: None,
    level: Some(Level::Spinning),
    quick: false,
    timeouts: 2,
    pauses: PAUSE,
    run: Run::OnAddress(alive_after_pause),
};

fn alive_after_pause(trial: &Trial<'_>) -> TrialResult {
    trial.expect_service()?;
    trial.limit.pause(pause(trial));
    trial.expect_service()?;
    Ok(TrialOutcome::Kept)
}

pub(super) const IDLE_CPU: Check = Check {
    name: "idle-cpu",
    promise: "The server uses no processor time while its clients are silent.",
    why: "A loop that spins takes a core from everything else on the machine.",
    hint: "Sleep in poll or epoll_wait without a timeout, and ask for WRITABLE only while bytes \
          are pending.",
    chapter: Chapter::Readiness,
    experiment: Some("always-writable"),
    level: Some(Level::Poll),
    quick: false,
    timeouts: 2,
    pauses: RESTING,
    run: Run::OnProcess(idle_cpu),
};

fn idle_cpu(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    let clients: Result<Vec<Probe<'_>>, Symptom> = (0..10).map(|_| trial.connect()).collect();
    let clients = clients?;
    // A server of one client at a time has to serve the first one only.
    if let Some(first) = clients.first() {
        first.exchange(0..MESSAGE)?;
    }
    expect_rest(trial, process)
}

/// Expects the server to use next to no processor time.
pub(super) fn expect_rest(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    // What the last message has cost is not to be measured.
    trial.limit.pause(Duration::from_millis(100));
    let share = process.resting_share(&trial.limit, window(trial), IDLE_SHARE)?;
    let measured = format!("{:.1} % of a core", share * 100.0);
    if share > IDLE_SHARE {
        return Err(Symptom::of(format!("uses {measured}")));
    }
    Ok(TrialOutcome::Measured(measured))
}
