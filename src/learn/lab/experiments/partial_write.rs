//! `partial-write`: the server assumes that write takes everything that it is given.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    CloseKind, ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection,
    payload, serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "partial-write",
    mistake: "ignoring the byte count that write returns",
    chapter: Chapter::PartialWrites,
    prediction: "bytes are lost, and no call reports an error",
    why: "write(2) returns how many bytes it accepted, and that may be fewer than it was given: on a \
          non-blocking socket, whenever the send buffer is nearly full. Writing the rest is up to the \
          caller. A server that ignores the count loses bytes as soon as a peer reads more slowly than \
          it sends. Tests with short messages never show it. In Python's terms: `send` is not `sendall`.",
    sources: "write(2); send(2); src/connection/write_queue.rs",
    comparison: SideBySide::Mistake,
    check: Ok("stalled-reader"),
    source: include_str!("partial_write.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    connection.flush();
    let mut buffer = [0; 16 * 1024];
    while !connection.has_pending() {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => {
                let written = connection.write(bytes);
                match variant {
                    Variant::Wrong => {}
                    Variant::Right => connection.queue(bytes.get(written..).unwrap_or_default()),
                }
            }
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
    }
    Flow::Park
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 128 * 1024;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::SLOW_READER, variant, serve)?;
    let mut client = harness.connect()?;
    let message = payload(MESSAGE);
    harness.deliver(&mut client, &message)?;
    client.send_fin()?;
    // The client reads nothing until the server has nothing left to do. By then, a write has been refused.
    harness.step_until("the server is idle", Harness::idle_step)?;
    let end = harness.exchange(&mut client, MESSAGE + 1)?;
    let back = client.received.len();
    let pairs = message.iter().zip(&client.received);
    let intact = pairs
        .take_while(|(sent, received)| sent == received)
        .count();

    let outcome = match (end, intact) {
        (ExchangeEnd::Closed(CloseKind::Fin), MESSAGE) if back == MESSAGE => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Closed(CloseKind::Fin), _) if back < MESSAGE => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected((found, back)),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent", MESSAGE)
        .observe_bytes("came back", back)
        .observe_bytes("lost", MESSAGE.saturating_sub(back))
        .observe_bytes("intact before the first gap", intact))
}
