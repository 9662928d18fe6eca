//! `fatal-would-block`: the server takes `WouldBlock` for an error of the connection.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    CloseKind, ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "fatal-would-block",
    mistake: "treating WouldBlock as an error",
    chapter: Chapter::Readiness,
    prediction: "the connection is closed after the first message",
    why: "A non-blocking call that would have to wait fails with EAGAIN, which Rust calls WouldBlock. Nothing is \
          wrong with the connection: the input is used up for now, or the send buffer is full. It is the \
          normal end of every drained read. A server that handles it in its general error path closes healthy \
          connections. EINTR is the other result that looks like an error and is none: repeat the call.",
    sources: "read(2), EAGAIN and EINTR; src/connection/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("byte-by-byte"),
    source: include_str!("fatal_would_block.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let mut buffer = [0; 1024];
    loop {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => break,
            ReadResult::Fin => return Flow::Close,
        }
    }
    match variant {
        Variant::Wrong => Flow::Close, // "the read failed"
        Variant::Right => Flow::Park,  // nothing more for now
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: &[u8] = b"hello";

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut client = harness.connect_to_backlog()?;
    // Sent before the connection is accepted: its first event already has bytes.
    client.send(MESSAGE)?;
    let accepted = |harness: &mut Harness<_>| Ok(harness.server.accepted == 1);
    harness.step_until("the client is accepted", accepted)?;
    let first = harness.exchange(&mut client, MESSAGE.len())?;
    // One byte more than will come back: ends when the server closes, or has nothing left to do.
    let end = harness.exchange(&mut client, MESSAGE.len() + 1)?;

    let is_echoed = client.received == MESSAGE;
    let outcome = match (first, end) {
        (ExchangeEnd::Complete, ExchangeEnd::Stalled) if is_echoed => VariantOutcome::Correct,
        (ExchangeEnd::Complete, ExchangeEnd::Closed(CloseKind::Fin)) if is_echoed => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected(found),
    };
    let state = match client.closed {
        None => "open",
        Some(_) => "closed by the server",
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent", MESSAGE.len())
        .observe_bytes("came back", client.received.len())
        .observe("connection, after the echo", state))
}
