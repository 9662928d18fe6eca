//! Both directions at once: partial writes, backpressure, fairness.

use super::quiet;
use crate::check::concurrent::{at_once, join, spawn};
use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::probe::Probe;
use crate::check::process::ServerProcess;
use crate::check::symptom::{Symptom, seconds};
use crate::check::trial::{MESSAGE, Trial};
use crate::text::{chapter::Chapter, units};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MIB: u64 = 1024 * 1024;

/// More than the kernel's buffers hold on both sides.
const MORE_THAN_FITS: u64 = 16 * MIB;

/// How long a stalled client does not read once the connection is full.
const STALL: Duration = Duration::from_millis(700);

pub(super) const BOTH_DIRECTIONS_FULL: Check = Check {
    name: "both-directions-full",
    promise: "A client that sends 32 MiB, and starts to read when both directions are full, gets \
          all of it back.",
    why: "A write takes only a part when the connection is full. What the server does not keep is \
          lost.",
    hint: "Keep what a write did not take, and write it when the socket becomes writable.",
    chapter: Chapter::PartialWrites,
    experiment: Some("partial-write"),
    level: Some(Level::LevelTriggered),
    quick: false,
    timeouts: 4,
    pauses: FILLING,
    run: Run::OnAddress(both_directions_full),
};

/// Long enough to fill a connection in both directions.
const FILLING: Duration = Duration::from_millis(300);

fn both_directions_full(trial: &Trial<'_>) -> TrialResult {
    let connection = trial.connect()?;
    connection.exchange_and_read_late(0..2 * MORE_THAN_FITS, FILLING)?;
    // Afterwards the connection works as before.
    connection.exchange(2 * MORE_THAN_FITS..2 * MORE_THAN_FITS + MESSAGE)?;
    Ok(TrialOutcome::Kept)
}

pub(super) const STALLED_READER: Check = Check {
    name: "stalled-reader",
    promise: "A client that sends as much as it can without reading, and reads later, gets \
          everything back.",
    why: "The server cannot write for a while. If it drops bytes or gives up, a slow reader loses \
          data.",
    hint: "Keep what a write did not take, and do not read until it is written. Then continue.",
    chapter: Chapter::PartialWrites,
    experiment: Some("forgotten-writable"),
    level: Some(Level::LevelTriggered),
    quick: false,
    timeouts: 2,
    pauses: Duration::from_secs(2),
    run: Run::OnAddress(stalled_reader),
};

fn stalled_reader(trial: &Trial<'_>) -> TrialResult {
    let connection = trial.connect()?;
    let sent = connection.fill(MORE_THAN_FITS)?;
    trial.limit.pause(trial.scaled(Duration::ZERO, STALL));
    connection.expect_echo(0..sent)?;
    connection.exchange(sent..sent + MESSAGE)?;
    Ok(TrialOutcome::Measured(format!(
        "{} on their way",
        mebibytes(sent)
    )))
}

pub(super) const SLOW_BESIDE_QUICK: Check = Check {
    name: "slow-beside-quick",
    promise: "A client that does not read delays no other client.",
    why: "Otherwise one suspended laptop, or one attacker, stops the service.",
    hint: "Do not block in a write, and do not retry it in a loop: go on to the next connection.",
    chapter: Chapter::PartialWrites,
    experiment: None,
    level: Some(Level::LevelTriggered),
    quick: false,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnAddress(slow_beside_quick),
};

fn slow_beside_quick(trial: &Trial<'_>) -> TrialResult {
    let slow = trial.connect()?;
    slow.fill(MORE_THAN_FITS)?;
    let quick = trial.connect()?;
    let mut longest = Duration::ZERO;
    for message in 0..100 {
        let began = Instant::now();
        let result = quick.exchange(message * MESSAGE..(message + 1) * MESSAGE);
        result.map_err(|symptom| symptom.at("beside a client that does not read"))?;
        longest = longest.max(began.elapsed());
    }
    Ok(TrialOutcome::Measured(format!(
        "longest round trip {}",
        seconds(longest)
    )))
}

pub(super) const STALLED_CPU: Check = Check {
    name: "stalled-cpu",
    promise: "The server uses no processor time while a client does not read.",
    why: "The socket stays readable although the server must not read. A level-triggered poll \
          reports that again and again.",
    hint: "While bytes are pending, ask for WRITABLE only; otherwise for READABLE only.",
    chapter: Chapter::PartialWrites,
    experiment: Some("always-writable"),
    level: Some(Level::LevelTriggered),
    quick: false,
    timeouts: 2,
    pauses: quiet::RESTING,
    run: Run::OnProcess(stalled_cpu),
};

fn stalled_cpu(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    let stalled = trial.connect()?;
    stalled.fill(MORE_THAN_FITS)?;
    quiet::expect_rest(trial, process)
        .map_err(|symptom| symptom.at("beside a client that does not read"))
}

pub(super) const STALLED_MEMORY: Check = Check {
    name: "stalled-memory",
    promise: "The server's memory stays bounded while a client does not read.",
    why: "A server that keeps reading stores all that it cannot write: one client fills the memory \
          of the machine.",
    hint: "Do not read from a connection with pending bytes. TCP passes the pressure on to the \
          client.",
    chapter: Chapter::PartialWrites,
    experiment: Some("unbounded-queue"),
    level: Some(Level::Server),
    quick: false,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnProcess(stalled_memory),
};

fn stalled_memory(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    /// Far more than a server may hold for one client, and little enough for any machine.
    const MOST: u64 = 64 * MIB;
    /// Room for buffers, and for what an allocator or a garbage collector keeps.
    const BOUND: u64 = 16 * MIB;
    trial.expect_service()?;
    let before = process.usage()?.memory;
    let stalled = trial.connect()?;
    let sent = stalled.fill(MOST)?;
    let grown = process.usage()?.memory.saturating_sub(before);
    let measured = format!("grew by {} for {} sent", mebibytes(grown), mebibytes(sent));
    if grown > BOUND {
        return Err(Symptom::of(measured));
    }
    Ok(TrialOutcome::Measured(measured))
}

pub(super) const FLOOD: Check = Check {
    name: "flood-beside-polite",
    promise: "While one client floods the server, 99 % of the messages of others come back within \
          500 ms.",
    why: "A server that serves a connection until nothing is left never leaves a client that is \
          fast enough.",
    hint: "Give each connection a budget for its turn; after that it goes to the back of the run \
          queue.",
    chapter: Chapter::Fairness,
    experiment: Some("no-budget"),
    level: Some(Level::Server),
    quick: false,
    timeouts: 2,
    pauses: FLOOD_TIME,
    run: Run::OnAddress(flood_beside_polite),
};

/// How long the flood lasts.
const FLOOD_TIME: Duration = Duration::from_secs(1);

/// The bound on the p99 of the polite clients.
const P99_BOUND: Duration = Duration::from_millis(500);

fn flood_beside_polite(trial: &Trial<'_>) -> TrialResult {
    const POLITE: usize = 5;
    let flood = trial.connect()?;
    let is_over = AtomicBool::new(false);
    let waits = thread::scope(|scope| {
        let flooding = spawn(scope, || flood_until(&flood, &is_over))?;
        let waits = at_once(POLITE, |_client| paced(trial));
        is_over.store(true, Ordering::Relaxed);
        join(flooding).map_err(|symptom| symptom.at("the flood"))?;
        waits
    })?;
    let mut waits = waits.concat();
    waits.sort_unstable();
    let p99 = waits
        .get(waits.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    let measured = format!("p99 {}", seconds(p99));
    if p99 > P99_BOUND {
        return Err(Symptom::of(format!(
            "{measured} beside one flooding client"
        )));
    }
    Ok(TrialOutcome::Measured(measured))
}

/// Sends as fast as the server echoes.
fn flood_until(flood: &Probe<'_>, is_over: &AtomicBool) -> Result<(), Symptom> {
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        flood.exchange(sent..sent + MIB)?;
        sent += MIB;
    }
    Ok(())
}

/// Connects and sends a small message now and then. Returns how long each took to come back.
fn paced(trial: &Trial<'_>) -> Result<Vec<Duration>, Symptom> {
    const PACE: Duration = Duration::from_millis(5);
    let beside = |symptom: Symptom| symptom.at("a polite client beside one that floods");
    let client = trial.connect().map_err(beside)?;
    let began = Instant::now();
    let mut waits = Vec::new();
    while began.elapsed() < FLOOD_TIME {
        let sent = MESSAGE * waits.len() as u64;
        let asked = Instant::now();
        client.exchange(sent..sent + MESSAGE).map_err(beside)?;
        waits.push(asked.elapsed());
        trial.limit.pause(PACE);
    }
    Ok(waits)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn mebibytes(bytes: u64) -> String {
    units::value(bytes as f64, units::BYTES)
}
