//! `accept-once`: the server accepts once per edge of the listener.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, Harness, SocketBuffers, TestServer, serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "accept-once",
    mistake: "accepting once per edge of the listener",
    chapter: Chapter::Accepting,
    prediction: "clients stay in the backlog while the server sleeps",
    why: "A listener is readable while its backlog holds a connection. Clients that connect while the \
          loop is busy can share one edge: epoll(7) says that their events \"will be combined\". If the \
          server accepts only one of them, the others are connected, as far as they can tell, to a \
          server that does not know about them; every further client gets only one of those in the \
          backlog accepted. Accept until WouldBlock. If that is too much for one iteration, remember \
          that the backlog is not empty.",
    sources: "epoll(7), questions and answers 7; accept(2); src/server/listener.rs",
    comparison: SideBySide::Mistake,
    check: Ok("burst"),
    source: include_str!("accept_once.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct BacklogServer {
    variant: Variant,
}

impl Behaviour for BacklogServer {
    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        while server.accept()?.is_some() {
            match self.variant {
                Variant::Wrong => return Ok(()),
                Variant::Right => {}
            }
        }
        Ok(())
    }
}

fn server(variant: Variant) -> BacklogServer {
    BacklogServer { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const CLIENTS: usize = 5;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    // All connect before the server looks.
    let clients: io::Result<Vec<_>> = (0..CLIENTS).map(|_| harness.connect_to_backlog()).collect();
    let _connected = clients?;
    let is_backlog_empty = harness.accept_until_stalled(CLIENTS)?;
    let accepted = harness.server.accepted;

    let outcome = match (accepted, is_backlog_empty) {
        (CLIENTS, true) => VariantOutcome::Correct,
        (1..CLIENTS, false) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let backlog = if is_backlog_empty {
        "empty"
    } else {
        "not empty"
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("clients that connected", CLIENTS)
        .observe_count("accepted", accepted)
        .observe("backlog, according to poll(2)", backlog))
}
