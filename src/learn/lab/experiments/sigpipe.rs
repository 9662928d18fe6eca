//! `sigpipe`: the server leaves SIGPIPE to its default action, and writes to a peer that has gone.
//!
//! The signal ends a process, so each server is one. The traces are of a server in this process, where the signal is
//! ignored; that of the wrong one stops at the write that would have ended it.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Correct, Harness, MeasuredServer, SIGPIPE, SocketBuffers, TestClient, connect, ping,
    restore_default_action, serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use crate::trace::{Event, Trace};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "sigpipe",
    mistake: "leaving SIGPIPE to its default action",
    chapter: Chapter::Endings,
    prediction: "one peer that leaves early ends the process, without a message",
    why: "A write to a connection that a RST has ended fails with EPIPE, and comes with a SIGPIPE, whose default \
          action is to end the process. That is right for a program in a pipeline and wrong for a server: one \
          peer takes all others with it, and nothing is logged. Rust's runtime ignores the signal at the start \
          of a program, so the write returns an error that concerns one connection. A program in C has to do \
          so itself, or to pass MSG_NOSIGNAL to send(2), as std does. (Both servers call write(2).)",
    sources: "signal(7); send(2), MSG_NOSIGNAL; write(2), EPIPE; src/connection/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("reset-midway"),
    source: include_str!("sigpipe.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn server(variant: Variant) -> Correct {
    match variant {
        Variant::Wrong => restore_default_action(SIGPIPE), // as a program in C starts
        Variant::Right => {} // ignored: Rust's runtime has seen to that
    }
    Correct
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

fn run(variant: Variant, environment: &Environment) -> io::Result<VariantRun> {
    let program = &environment.program;
    let mut server = MeasuredServer::of_the_lab(program, EXPERIMENT.name, variant)?;
    let address = server.address;
    server.while_stopped(|| leave(TestClient::connect(address, SocketBuffers::default())?))?;
    let second = connect(address, 1).and_then(|mut client| ping(&mut client));
    let failure = match second {
        Ok(()) => None,
        Err(_) => server.failure(),
    };
    let server = failure.map_or("running".to_owned(), |failure| failure.to_string());
    let outcome = match (second.is_ok(), server.as_str()) {
        (true, "running") => VariantOutcome::Correct,
        (false, "killed by SIGPIPE") => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let second = if second.is_ok() {
        "is served"
    } else {
        "is refused"
    };
    Ok(VariantRun::new(trace(variant)?, outcome)
        .observe("the server's process", server)
        .observe("the next client", second))
}

/// Sends a message, then a FIN, and then a RST: in this order, the server's first write meets the reset.
fn leave(mut client: TestClient) -> io::Result<()> {
    client.send(b"hello")?;
    client.send_fin()?;
    client.reset()
}

fn trace(variant: Variant) -> io::Result<Trace> {
    let mut harness = Harness::new(SocketBuffers::default(), Correct)?;
    let client = harness.connect_to_backlog()?;
    let address = client.address;
    leave(client)?;
    harness.step_until("the server has closed", |harness| {
        Ok(harness.server.accepted == 1 && harness.server.connections.to(address).is_none())
    })?;
    let mut trace = harness.into_trace();
    if variant == Variant::Wrong {
        let mut records = trace.records.iter();
        let end = records.position(|record| matches!(record.event, Event::Closed { .. }));
        trace.records.truncate(end.unwrap_or_default());
    }
    Ok(trace)
}
