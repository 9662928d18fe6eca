//! How a connection ends: with a FIN before the echo is complete, or with a reset.

use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::symptom::{Symptom, bytes};
use crate::check::trial::{MESSAGE, Trial, place};
use crate::text::chapter::Chapter;
use std::time::Duration;

pub(super) const HALF_CLOSE: Check = Check {
    name: "half-close",
    promise: "What a client sent before its FIN comes back; then the server closes.",
    why: "Otherwise `printf hello | nc -N`, and every client that sends a file and waits for the \
          rest, gets nothing.",
    hint: "A read of 0 means that the client sends no more. Write what is pending, then close.",
    chapter: Chapter::Endings,
    experiment: Some("close-on-eof"),
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(half_close),
};

fn half_close(trial: &Trial<'_>) -> TrialResult {
    for size in [1, 5] {
        for _ in 0..trial.scaled(3, 20) {
            let connection = trial.connect()?;
            let result = connection.exchange_all(size);
            result.map_err(|symptom| symptom.at(format!("FIN after {}", bytes(size))))?;
        }
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const HALF_CLOSE_BULK: Check = Check {
    name: "half-close-bulk",
    promise: "4 MiB and 64 MiB sent before a FIN come back; then the server closes.",
    why: "The FIN arrives while megabytes are still on their way back. A server that closes at \
          that point truncates them.",
    hint: "Do not read while bytes are pending: then the FIN is read only after everything before \
          it has been written.",
    chapter: Chapter::Endings,
    experiment: Some("close-on-eof"),
    level: Some(Level::Blocking),
    quick: false,
    timeouts: 4,
    pauses: Duration::ZERO,
    run: Run::OnAddress(half_close_bulk),
};

fn half_close_bulk(trial: &Trial<'_>) -> TrialResult {
    for mebibytes in [4, 64] {
        let connection = trial.connect()?;
        let result = connection.exchange_all(mebibytes * 1024 * 1024);
        result.map_err(|symptom| symptom.at(format!("{mebibytes} MiB")))?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const HALF_CLOSE_READ_LATE: Check = Check {
    name: "half-close-read-late",
    promise: "A client that sends a FIN and starts to read a second later loses nothing.",
    why: "A server that closes some time after the FIN, however much is pending, truncates files, \
          but only for slow readers.",
    hint: "Close when the last byte has been written, not when a timer expires.",
    chapter: Chapter::Endings,
    experiment: None,
    level: Some(Level::Blocking),
    quick: false,
    timeouts: 2,
    pauses: LATE,
    run: Run::OnAddress(half_close_read_late),
};

/// Longer than the half second that some servers wait.
const LATE: Duration = Duration::from_secs(1);

fn half_close_read_late(trial: &Trial<'_>) -> TrialResult {
    // The buffers of the kernel hold all of the first echo, and only a part of the second one.
    const SMALL: u64 = 64 * 1024;
    const LARGE: u64 = 16 * 1024 * 1024;
    let small = trial.connect()?;
    small.send(0..SMALL)?;
    small.finish();
    let large = trial.connect()?;
    let result = large.exchange_all_and_read_late(LARGE, LATE);
    small
        .expect_echo(0..SMALL)
        .and_then(|()| small.expect_end(SMALL))
        .map_err(|symptom| symptom.at("64 KiB"))?;
    result.map_err(|symptom| symptom.at("16 MiB"))?;
    Ok(TrialOutcome::Kept)
}

pub(super) const FIN_WITH_DATA: Check = Check {
    name: "fin-with-data",
    promise: "Bytes that arrive in the same segment as the FIN come back, 1,000 times out of \
          1,000.",
    why: "Data and FIN are a single event. A server that acts on the FIN first, or that takes a \
          short read for the end of the data, loses the data or never closes.",
    hint: "Read first, until WouldBlock or 0. An event flag for the FIN is a hint, not a reason to \
          close.",
    chapter: Chapter::EdgesAndDraining,
    experiment: Some("short-read"),
    level: Some(Level::EdgeTriggered),
    quick: true,
    timeouts: 8,
    pauses: Duration::ZERO,
    run: Run::OnAddress(fin_with_data),
};

fn fin_with_data(trial: &Trial<'_>) -> TrialResult {
    let count = trial.scaled(50, 1000);
    for index in 0..count {
        let here = |symptom: crate::check::symptom::Symptom| symptom.at(place(index, count));
        let connection = trial.connect().map_err(here)?;
        connection.send_with_fin(0..MESSAGE).map_err(here)?;
        connection.expect_echo(0..MESSAGE).map_err(here)?;
        connection.expect_end(MESSAGE).map_err(here)?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const RESET_MIDWAY: Check = Check {
    name: "reset-midway",
    promise: "A client that resets its connection midway does no harm to others.",
    why: "Clients crash and networks fail. If an error of one connection ends the server, one \
          client stops the service.",
    hint: "An error of a connection closes that connection only. ECONNRESET and EPIPE are \
          ordinary, and a C program has to ignore SIGPIPE.",
    chapter: Chapter::Endings,
    experiment: Some("sigpipe"),
    level: Some(Level::Server),
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(reset_midway),
};

fn reset_midway(trial: &Trial<'_>) -> TrialResult {
    for round in 0..trial.scaled(8, 60) {
        let reset = || reset_in(round, trial);
        match (round % 4, trial.process) {
            // The server is to find the reset before its first write.
            (3, Some(process)) => process.while_stopped(reset)?,
            _ => reset()?,
        }
    }
    trial
        .expect_survival()
        .map_err(|symptom| symptom.at("a fresh connection after the resets"))?;
    Ok(TrialOutcome::Kept)
}

/// Connects, and resets the connection, in one of four situations.
fn reset_in(round: usize, trial: &Trial<'_>) -> Result<(), Symptom> {
    let connection = trial.connect()?;
    match round % 4 {
        0 => {}
        // The server's write meets a full connection, or the reset.
        1 => connection.send(0..256 * 1024)?,
        // Bytes are on their way in both directions.
        2 => {
            connection.send(0..64 * 1024)?;
            connection.expect_echo(0..1024)?;
        }
        // A reset that follows a FIN: the server's write fails with EPIPE, and comes with a SIGPIPE.
        _ => {
            connection.send(0..MESSAGE)?;
            connection.finish();
        }
    }
    connection.reset();
    Ok(())
}
