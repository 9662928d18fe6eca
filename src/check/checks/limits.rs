//! What runs out: descriptors, and room for a line of log.

use super::quiet;
use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::process::ServerProcess;
use crate::check::server::{CheckedServer, LaunchSetup};
use crate::check::symptom::Symptom;
use crate::check::trial::{MESSAGE, Trial, place};
use crate::text::chapter::Chapter;
use std::time::Duration;

pub(super) const DESCRIPTOR_LIMIT: Check = Check {
    name: "descriptor-limit",
    promise: "A server that runs out of descriptors (ulimit -n 64) neither exits nor spins, and \
          accepts again when connections end.",
    why: "accept fails with EMFILE, and the connection stays in the backlog. A server that takes \
          this for fatal exits; one that retries at once uses a whole core; one that waits for \
          another edge never accepts again.",
    hint: "On EMFILE, stop accepting, and retry after a pause or when a connection has ended.",
    chapter: Chapter::Accepting,
    experiment: Some("emfile"),
    level: Some(Level::Server),
    quick: false,
    timeouts: 4,
    pauses: quiet::RESTING,
    run: Run::OnProcess(descriptor_limit),
};

fn descriptor_limit(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    const LIMIT: u32 = 64;
    /// More than the limit. The first connection that does not fit into the backlog is the last one.
    const CLIENTS: usize = 100;
    let Ok(mut server) = trial.start_another(process, LaunchSetup::DescriptorLimit(LIMIT)) else {
        let reason = format!("it does not start with {LIMIT} descriptors");
        return Ok(TrialOutcome::NotApplicable(reason));
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map_while(|_| trial.connect_to(server.address()).ok())
        .collect();
    if let Some(limited) = server.process() {
        let rest = quiet::expect_rest(trial, limited);
        rest.map_err(|symptom| exit_or(&mut server, symptom).at("out of descriptors"))?;
    }
    drop(clients);
    let service = trial.expect_service_of(server.address());
    service
        .map_err(|symptom| exit_or(&mut server, symptom).at("after the connections had ended"))?;
    Ok(TrialOutcome::Kept)
}

/// How the server ended, if it has: the cause of a symptom that others see.
fn exit_or(server: &mut CheckedServer, symptom: Symptom) -> Symptom {
    let how = server.early_exit();
    how.map_or(symptom, |how| Symptom::of(format!("the server {how}")))
}

pub(super) const DESCRIPTOR_LEAK: Check = Check {
    name: "descriptor-leak",
    promise: "3,000 reset connections leave no descriptor open.",
    why: "A descriptor that one way out of a connection does not close is lost for good. After \
          days or weeks the server cannot accept any more.",
    hint: "Give a connection one way out, and let the value that owns the socket be dropped there.",
    chapter: Chapter::Endings,
    experiment: None,
    level: Some(Level::Server),
    quick: false,
    timeouts: 10,
    pauses: Duration::ZERO,
    run: Run::OnProcess(descriptor_leak),
};

fn descriptor_leak(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    /// Descriptors that a runtime may open for itself meanwhile.
    const SLACK: usize = 16;
    let resets = trial.scaled(300, 3000);
    trial.expect_service()?;
    let before = process.usage()?.descriptors;
    for index in 0..resets {
        let here = |symptom: Symptom| symptom.at(place(index, resets));
        let connection = trial.connect().map_err(here)?;
        match index % 3 {
            0 => {}
            1 => connection.send(0..MESSAGE).map_err(here)?,
            _ => connection.exchange(0..MESSAGE).map_err(here)?,
        }
        connection.reset();
    }
    let mut left = 0;
    let is_closed = trial.limit.eventually(|| {
        let now = process.usage().map_or(0, |usage| usage.descriptors);
        left = now.saturating_sub(before);
        left <= SLACK
    });
    if is_closed {
        Ok(TrialOutcome::Kept)
    } else {
        Err(Symptom::of(format!(
            "{left} descriptors are left after {resets} resets"
        )))
    }
}

pub(super) const UNREAD_LOG: Check = Check {
    name: "unread-log",
    promise: "A server whose log is not read keeps serving.",
    why: "A log goes to a pipe, and the reader of the pipe may stall. A server that waits until \
          its lines are written then stops, with all of its connections.",
    hint: "Write the log on a separate thread, from a bounded buffer, and count the lines that do \
          not fit.",
    chapter: Chapter::Readiness,
    experiment: None,
    level: None,
    quick: false,
    timeouts: 8,
    pauses: Duration::from_secs(1),
    run: Run::OnProcess(unread_log),
};

fn unread_log(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    /// A line for each would fill a pipe of 64 KiB (pipe(7)).
    const CONNECTIONS: usize = 1500;
    let server = match trial.start_another(process, LaunchSetup::UnreadOutput) {
        Ok(server) => server,
        Err(reason) => return Ok(TrialOutcome::NotApplicable(reason)),
    };
    for index in 0..CONNECTIONS {
        let result = trial.expect_service_of(server.address());
        result.map_err(|symptom| symptom.at(place(index, CONNECTIONS)))?;
    }
    Ok(TrialOutcome::Kept)
}
