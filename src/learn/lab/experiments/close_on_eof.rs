//! `close-on-eof`: the server closes as soon as it reads the peer's FIN.

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
    name: "close-on-eof",
    mistake: "closing as soon as the peer's FIN is read",
    chapter: Chapter::Endings,
    prediction: "bytes that are pending when the FIN is read are lost",
    why: "A FIN means \"I have nothing more to send\", not \"I am gone\". A connection has two directions, \
          and a peer that has closed one of them still reads from the other (`nc -N`, shutdown(2)). A \
          server that closes at the end of its input discards what is still in its write queue, and a \
          client that has sent its whole request never receives the end of the reply. Close once the \
          input has ended and no bytes are pending.",
    sources: "RFC 9293, section 3.6; shutdown(2); src/connection/phase.rs",
    comparison: SideBySide::Mistake,
    check: Ok("half-close-read-late"),
    source: include_str!("close_on_eof.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    connection.flush();
    let mut buffer = [0; 16 * 1024];
    while !connection.counters.fin_received {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => {}
        }
    }
    let is_finished = match variant {
        Variant::Wrong => true,
        Variant::Right => !connection.has_pending(),
    };
    if is_finished { Flow::Close } else { Flow::Park }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 128 * 1024;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::SLOW_READER, variant, serve)?;
    let mut client = harness.connect()?;
    // The client reads nothing until the server has read its FIN. By then, bytes are pending.
    let message = payload(MESSAGE);
    harness.deliver(&mut client, &message)?;
    client.send_fin()?;
    harness.step_until("the server has read the FIN", |harness| {
        Ok(harness.counters(&client).fin_received)
    })?;
    let pending = harness.counters(&client).pending;
    let end = harness.exchange(&mut client, MESSAGE + 1)?;
    let back = client.received.len();

    let outcome = match end {
        ExchangeEnd::Closed(CloseKind::Fin) if pending > 0 && client.received == message => {
            VariantOutcome::Correct
        }
        ExchangeEnd::Closed(CloseKind::Fin) if pending > 0 && back + pending == MESSAGE => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected((found, pending, back)),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent, followed by a FIN", MESSAGE)
        .observe_bytes("pending when the FIN was read", pending)
        .observe_bytes("came back", back)
        .observe_bytes("lost", MESSAGE.saturating_sub(back)))
}
