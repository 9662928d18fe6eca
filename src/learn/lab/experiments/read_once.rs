//! `read-once`: the server reads once per edge.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection, payload,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "read-once",
    mistake: "reading once per edge",
    chapter: Chapter::EdgesAndDraining,
    prediction: "three quarters of the message stay unread while the server sleeps",
    why: "An edge-triggered poll reports a change, once. The change here is the arrival of input. That \
          some of it is still unread after the first read is not a change, so it is not reported: the \
          rest stays in the socket until the peer happens to send more. Treat a socket as readable \
          until a read returns WouldBlock, or is short where a short read counts as evidence.",
    sources: "epoll(7), questions and answers 9; src/readiness/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("all-byte-values"),
    source: include_str!("read_once.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

const BUFFER: usize = 16;

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let mut buffer = [0; BUFFER];
    loop {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
        match variant {
            Variant::Wrong => return Flow::Park, // assumes that the rest will be reported
            Variant::Right => {}                 // reads on until WouldBlock
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 64;
const LEFT: usize = MESSAGE - BUFFER;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut client = harness.connect()?;
    // Small enough to arrive as one segment, and so to raise one edge.
    harness.deliver(&mut client, &payload(MESSAGE))?;
    let end = harness.exchange(&mut client, MESSAGE)?;
    let (back, unread) = (client.received.len(), harness.unread(&client)?);

    let outcome = match (end, back, unread) {
        (ExchangeEnd::Complete, _, 0) if client.received == payload(MESSAGE) => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Stalled, BUFFER, LEFT) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent", MESSAGE)
        .observe_bytes("came back", back)
        .observe_bytes("left unread in the socket", unread))
}
