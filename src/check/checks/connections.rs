//! Many connections: at once, one after the other, in a burst.

use crate::check::concurrent::{at_once, join, spawn};
use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::probe::Probe;
use crate::check::symptom::{Symptom, decimal};
use crate::check::trial::{MESSAGE, Trial, place};
use crate::text::chapter::Chapter;
use rustix::process::{Resource, getrlimit};
use std::thread;
use std::time::Duration;

pub(super) const CONNECT_AND_LEAVE: Check = Check {
    name: "connect-and-leave",
    promise: "Clients that connect and leave without sending a byte do no harm.",
    why: "Port scanners and health checks do this all day.",
    hint: "A first read of 0 is an ordinary end. An error of accept or of a socket option concerns \
          one connection.",
    chapter: Chapter::Accepting,
    experiment: Some("token-reuse"),
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 2,
    pauses: Duration::from_secs(2),
    run: Run::OnAddress(connect_and_leave),
};

fn connect_and_leave(trial: &Trial<'_>) -> TrialResult {
    for _ in 0..trial.scaled(5, 50) {
        drop(trial.connect()?);
    }
    trial.expect_survival()?;
    connect_as_another_leaves(trial)?;
    Ok(TrialOutcome::Kept)
}

/// Expects a client to be served that connects at the moment when another one leaves: the server finds both at once.
fn connect_as_another_leaves(trial: &Trial<'_>) -> Result<(), Symptom> {
    let leaving = trial.connect()?;
    leaving.exchange(0..MESSAGE)?;
    let connect_then_leave = || {
        let fresh = trial.connect();
        // The connection reaches the backlog before the FIN arrives.
        trial.limit.pause(Duration::from_millis(5));
        drop(leaving);
        fresh
    };
    let fresh = match trial.process {
        Some(process) => {
            // Its next wait is to report both.
            let most = trial.scaled(Duration::from_millis(100), Duration::from_secs(2));
            process.wait_until_asleep(&trial.limit, most);
            process.while_stopped(connect_then_leave)
        }
        None => connect_then_leave(),
    };
    let fresh = fresh?;
    // A server that takes the other client's FIN for this one's may close after the first echo.
    fresh
        .exchange(0..MESSAGE)
        .and_then(|()| fresh.exchange(MESSAGE..2 * MESSAGE))
        .map_err(|symptom| symptom.at("connected as another client left"))
}

pub(super) const SEVERAL_CLIENTS: Check = Check {
    name: "several-clients",
    promise: "A client is served while other clients are connected and silent.",
    why: "A server that waits for one client serves no other: a single idle connection stops the \
          service.",
    hint: "Do not block on one connection: use a thread for each, or non-blocking sockets and a \
          loop over all of them.",
    chapter: Chapter::Readiness,
    experiment: None,
    level: Some(Level::Spinning),
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(several_clients),
};

fn several_clients(trial: &Trial<'_>) -> TrialResult {
    const CLIENTS: usize = 5;
    let clients: Result<Vec<Probe<'_>>, Symptom> = (0..CLIENTS).map(|_| trial.connect()).collect();
    let clients = clients?;
    for message in 0..3 {
        // The client that connected last is the first one that sends.
        for (index, client) in clients.iter().enumerate().rev() {
            let result = client.exchange(message * MESSAGE..(message + 1) * MESSAGE);
            result.map_err(|symptom| symptom.at(place(index, CLIENTS)))?;
        }
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const BURST: Check = Check {
    name: "burst",
    promise: "Five clients that connect at the same moment are all served.",
    why: "One event of an edge-triggered listener may stand for several connections. Those that \
          stay in the backlog wait until another client happens to connect.",
    hint: "Accept until WouldBlock.",
    chapter: Chapter::Accepting,
    experiment: Some("accept-once"),
    level: Some(Level::EdgeTriggered),
    quick: true,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnAddress(burst),
};

fn burst(trial: &Trial<'_>) -> TrialResult {
    const CLIENTS: usize = 5;
    for _ in 0..trial.scaled(2, 5) {
        thread::scope(|scope| {
            let connect = || {
                let client = || trial.expect_service();
                (0..CLIENTS).map(|_| spawn(scope, client)).collect()
            };
            let clients: Vec<_> = match trial.process {
                // All of them are in the backlog when the server looks.
                Some(process) => process.while_stopped(|| {
                    let clients = connect();
                    trial.limit.pause(Duration::from_millis(20));
                    clients
                }),
                None => connect(),
            };
            let results = clients.into_iter().map(|client| join(client?));
            let failed: Vec<Symptom> = results.filter_map(Result::err).collect();
            let count = failed.len();
            match failed.into_iter().next() {
                Some(first) => Err(first.at(format!("{count} of {CLIENTS} clients"))),
                None => Ok(()),
            }
        })?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const CONNECTIONS_150: Check = Check {
    name: "connections-150",
    promise: "150 simultaneous clients are served, each with its own bytes.",
    why: "Limits of 100 connections are common, and so are buffers that two connections share by \
          mistake.",
    hint: "Keep the state of a connection with that connection, and accept as long as the system \
          allows.",
    chapter: Chapter::Accepting,
    experiment: Some("blocking-call"),
    level: Some(Level::EdgeTriggered),
    quick: false,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(|trial| all_open(trial, 150)),
};

pub(super) const CONNECTIONS_1000: Check = Check {
    name: "connections-1000",
    promise: "1,000 simultaneous clients are served, each with its own bytes.",
    why: "select(2) ends at 1,024 descriptors, a short backlog delays clients by a second and \
          more, and a thread or process for each client takes memory.",
    hint: "Use poll or epoll, ask for a backlog of thousands, and raise the descriptor limit at \
          the start.",
    chapter: Chapter::Accepting,
    experiment: None,
    level: Some(Level::Server),
    quick: false,
    timeouts: 3,
    pauses: Duration::ZERO,
    run: Run::OnAddress(|trial| all_open(trial, 1000)),
};

fn all_open(trial: &Trial<'_>, count: usize) -> TrialResult {
    /// Descriptors that this program needs for itself.
    const OWN: usize = 64;
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < (count + OWN) as u64 {
        return Ok(TrialOutcome::NotApplicable(format!(
            "this program may open {} descriptors only (ulimit -n)",
            decimal(limit)
        )));
    }
    let mut clients = Vec::with_capacity(count);
    for index in 0..count {
        let here = |symptom: Symptom| symptom.at(place(index, count));
        let client = trial.connect().map_err(here)?;
        client.send(0..MESSAGE).map_err(here)?;
        clients.push(client);
    }
    for (index, client) in clients.iter().enumerate() {
        let result = client.expect_echo(0..MESSAGE);
        result.map_err(|symptom| symptom.at(place(index, count)))?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const CHURN: Check = Check {
    name: "churn",
    promise: "A thousand short connections, four at a time, are all served.",
    why: "A slot that is reused too early, or a wake-up that is lost, shows once in thousands of \
          connections.",
    hint: "Insert and remove connections outside the pass over the events, so that no event \
          reaches the wrong connection.",
    chapter: Chapter::Readiness,
    experiment: Some("token-reuse"),
    level: Some(Level::EdgeTriggered),
    quick: true,
    timeouts: 8,
    pauses: Duration::ZERO,
    run: Run::OnAddress(churn),
};

fn churn(trial: &Trial<'_>) -> TrialResult {
    const CLIENTS: usize = 4;
    let each = trial.scaled(25, 250);
    at_once(CLIENTS, |_client| {
        (0..each).try_for_each(|index| {
            let result = trial.expect_service();
            result.map_err(|symptom| symptom.at(place(index, each)))
        })
    })?;
    Ok(TrialOutcome::Kept)
}
