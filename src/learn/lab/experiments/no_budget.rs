//! `no-budget`: the server serves one connection until nothing is left.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection, nearest_rank, payload,
    serve_until_signal, waits_in,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "no-budget",
    mistake: "serving one connection until nothing is left",
    chapter: Chapter::Fairness,
    prediction: "every other connection waits for all that one peer has sent",
    why: "\"Read until WouldBlock\" has no bound of its own: with a peer that sends as fast as the server \
          reads, WouldBlock never comes. Here the flood ends with what fits into the kernel's buffers, \
          so the other connections wait for all of it; on a network they would wait for as long as it \
          lasts. Give every turn a budget, and put a connection that has more to do at the back of the \
          run queue: no edge will report it again. (The byte counts are exact; the times depend on what \
          else the machine is doing.)",
    sources: "epoll(7), \"Starvation (edge-triggered)\"; src/readiness/run_queue.rs",
    comparison: SideBySide::Mistake,
    check: Err("how long others wait depends on how fast the flood is read"),
    source: include_str!("no_budget.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

/// One read, which is also the budget of a turn.
const BUFFER: usize = 4096;

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    connection.flush();
    let mut buffer = [0; BUFFER];
    while !connection.has_pending() {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
        match variant {
            Variant::Wrong => {}
            Variant::Right => return Flow::Yield,
        }
    }
    Flow::Park
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const HELLO: &[u8] = b"hello";
const ROUNDS: usize = 10;
const OTHERS: usize = 20;
const FLOOD: usize = 128 * 1024;
/// The whole flood fits into the kernel, in both directions.
const BUFFERS: SocketBuffers = SocketBuffers {
    server_send: Some(4 * FLOOD),
    server_receive: Some(4 * FLOOD),
    client_send: Some(4 * FLOOD),
    client_receive: Some(4 * FLOOD),
};

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(BUFFERS, variant, serve)?;
    let mut flooder = harness.connect()?;
    let others: io::Result<Vec<_>> = (0..OTHERS).map(|_| harness.connect()).collect();
    let mut others = others?;
    let mut waits = Vec::new();
    for round in 1..=ROUNDS {
        let before = harness.server.trace.records().len();
        // Everything arrives before the server looks, the flood first.
        harness.deliver(&mut flooder, &payload(FLOOD))?;
        for client in &mut others {
            harness.deliver(client, HELLO)?;
        }
        for client in &mut others {
            harness.exchange(client, HELLO.len() * round)?;
        }
        harness.exchange(&mut flooder, FLOOD * round)?;
        let records = harness.server.trace.records();
        waits.extend(waits_in(records.get(before..).unwrap_or_default()));
    }
    let is_exact = others
        .iter()
        .all(|one| one.received == HELLO.repeat(ROUNDS));
    let least = waits.iter().map(|wait| wait.flood).min().unwrap_or(0);
    let most = waits.iter().map(|wait| wait.flood).max().unwrap_or(0);
    let outcome = match (least, most, is_exact) {
        (0..=BUFFER, 0..=BUFFER, true) => VariantOutcome::Correct,
        (FLOOD.., FLOOD.., true) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    waits.sort_unstable_by_key(|wait| wait.time);
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("flood in each of 10 rounds", FLOOD)
        .observe_bytes("flood echoed before others, min", least)
        .observe_bytes("flood echoed before others, max", most)
        .observe_time("wait of the 20 others, median", nearest_rank(&waits, 50))
        .observe_time("wait of the 20 others, p99", nearest_rank(&waits, 99)))
}
