//! `blocking-call`: the loop looks up the name of each new peer, for the log.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, Harness, SocketBuffers, TestServer, Worker, first_wait, serve_until_signal, until,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "blocking-call",
    mistake: "a call that sleeps, in the loop",
    chapter: Chapter::BlockingWork,
    prediction: "new connections delay all others by a look-up each",
    why: "O_NONBLOCK is a property of sockets. getnameinfo(3) asks a name server and sleeps until it answers, \
          and a loop that calls it sleeps with it: every connection waits, for as many answers as connections \
          have been accepted. No budget helps, because the call cannot be divided into turns. A call that \
          sleeps belongs in a thread of its own, with a queue that is bounded. If the loop needs the result, \
          it gets it as one more event (a waker).",
    sources: "getnameinfo(3); resolv.conf(5), timeout; src/text/background_writer.rs",
    comparison: SideBySide::Mistake,
    check: Ok("connections-150"),
    source: include_str!("blocking_call.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

/// Sleeps until a name server has answered. (It stands for getnameinfo(3).)
fn look_up(_peer: SocketAddr) {
    thread::sleep(Duration::from_millis(100));
}

struct NamesInLog {
    variant: Variant,
    /// A thread that looks up, too.
    worker: Worker,
    /// Calls of the loop that have slept.
    slept: usize,
}

impl Behaviour for NamesInLog {
    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        while let Some(peer) = server.accept()? {
            match self.variant {
                Variant::Wrong => {
                    look_up(peer);
                    self.slept += 1;
                }
                Variant::Right => self.worker.hand_over(peer),
            }
        }
        Ok(())
    }
}

fn server(variant: Variant) -> NamesInLog {
    let (worker, slept) = (Worker::new(look_up), 0);
    NamesInLog {
        variant,
        worker,
        slept,
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const HELLO: &[u8] = b"hello";
/// Connections that arrive together with a message on another one.
const NEW: usize = 3;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let mut client = harness.connect()?;
    let before = harness.behaviour.slept;
    let from = harness.server.trace.records().len();
    // All of this has arrived before the server looks.
    let new: io::Result<Vec<_>> = (0..NEW).map(|_| harness.connect_to_backlog()).collect();
    let _new = new?;
    until("they are in the backlog", || harness.has_backlog())?;
    harness.deliver(&mut client, HELLO)?;
    harness.exchange(&mut client, HELLO.len())?;

    let slept = harness.behaviour.slept - before;
    let accepted = harness.server.accepted - 1;
    let records = harness.server.trace.records();
    let wait = first_wait(records.get(from..).unwrap_or_default());
    let outcome = match (accepted, slept) {
        _ if client.received != HELLO => VariantOutcome::unexpected(client.received),
        (1..=NEW, 0) => VariantOutcome::Correct,
        (1..=NEW, slept) if slept == accepted => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("connections accepted meanwhile", accepted)
        .observe_count("calls that slept in the loop", slept)
        .observe_time("an echo on another waited", wait))
}
