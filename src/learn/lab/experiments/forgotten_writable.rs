//! `forgotten-writable`: the server keeps what a write left over, and does not wait for room.

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
    name: "forgotten-writable",
    mistake: "flushing the write queue only when input arrives",
    chapter: Chapter::PartialWrites,
    prediction: "bytes stay pending although there is room to write",
    why: "When the kernel accepts less than it was offered, the server has to write the rest later. The \
          kernel reports once that there is room again. A server that does not write then has nothing \
          left to wait for: its queue moves only when the peer sends more, and the peer is waiting for \
          the rest of its reply. Register for WRITABLE from the start and flush on that edge. With edge \
          triggers this costs nothing while the queue is empty.",
    sources: "epoll(7); send(2); src/connection/write_queue.rs",
    comparison: SideBySide::Mistake,
    check: Ok("stalled-reader"),
    source: include_str!("forgotten_writable.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let should_flush = match variant {
        Variant::Wrong => connection.flags.readable,
        Variant::Right => connection.flags.writable,
    };
    if should_flush {
        connection.flush();
    }
    let mut buffer = [0; 16 * 1024];
    loop {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 128 * 1024;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::SLOW_READER, variant, serve)?;
    let mut client = harness.connect()?;
    // The client reads nothing until the server has received everything. By then, a write has been refused.
    let message = payload(MESSAGE);
    harness.deliver(&mut client, &message)?;
    harness.step_until("the server has received everything", |harness| {
        Ok(harness.counters(&client).received == MESSAGE)
    })?;
    let refused = harness.counters(&client).pending;
    let end = harness.exchange(&mut client, MESSAGE)?;
    let (back, pending) = (client.received.len(), harness.counters(&client).pending);

    let outcome = match (end, pending) {
        (ExchangeEnd::Complete, 0) if refused > 0 && client.received == message => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Stalled, 1..) if back + pending == MESSAGE => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected((found, refused, back)),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent", MESSAGE)
        .observe_bytes("refused by the kernel at first", refused)
        .observe_bytes("came back", back)
        .observe_bytes("still pending, with room to write", pending))
}
