//! The end of the server.

use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::probe::Probe;
use crate::check::process::ServerProcess;
use crate::check::server::LaunchSetup;
use crate::check::symptom::Symptom;
use crate::check::trial::{Trial, place};
use crate::text::chapter::Chapter;
use std::time::Duration;

pub(super) const STOP_WITHOUT_LOSS: Check = Check {
    name: "stop-without-loss",
    promise: "On SIGTERM, the server echoes what it has received, ends each connection in order, \
          and exits.",
    why: "TCP has acknowledged these bytes, so the client may discard them. A server that just \
          exits loses them, and the client gets a reset.",
    hint: "Make SIGTERM an event of the loop: stop accepting, echo what has been received, send a \
          FIN, and wait for the client's.",
    chapter: Chapter::Shutdown,
    experiment: Some("close-with-unread"),
    level: Some(Level::Server),
    quick: false,
    timeouts: 3,
    pauses: Duration::ZERO,
    run: Run::OnProcess(stop_without_loss),
};

fn stop_without_loss(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    const CLIENTS: usize = 5;
    /// Received by the kernel at once, on any system.
    const IN_FLIGHT: u64 = 16 * 1024;
    let mut server = match trial.start_another(process, LaunchSetup::Ordinary) {
        Ok(server) => server,
        Err(reason) => return Ok(TrialOutcome::NotApplicable(reason)),
    };
    let clients: Result<Vec<Probe<'_>>, Symptom> = (0..CLIENTS)
        .map(|_| trial.connect_to(server.address()))
        .collect();
    let clients = clients?;
    for (index, client) in clients.iter().enumerate() {
        let accepted = client.exchange(0..1);
        accepted.map_err(|symptom| symptom.at(place(index, CLIENTS)))?;
    }
    if let Some(stopping) = server.process() {
        stopping.while_stopped(|| {
            let sent = clients.iter().map(|client| client.send(1..1 + IN_FLIGHT));
            let sent: Result<(), Symptom> = sent.collect();
            // The signal and the bytes meet the server at the same moment.
            stopping.terminate();
            sent
        })?;
    }
    for (index, client) in clients.iter().enumerate() {
        let rest = client.expect_echo(1..1 + IN_FLIGHT);
        // The server may have sent its FIN already, or wait for the client's.
        client.finish();
        rest.and_then(|()| client.expect_end(1 + IN_FLIGHT))
            .map_err(|symptom| symptom.at(place(index, CLIENTS)))?;
    }
    drop(clients);
    if trial.limit.eventually(|| server.has_ended()) {
        Ok(TrialOutcome::Kept)
    } else {
        Err(Symptom::of("nothing was lost, but the server does not end"))
    }
}
