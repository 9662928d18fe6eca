//! `close-on-rdhup`: the server closes when an event announces the FIN, before it has read what precedes it.

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
    name: "close-on-rdhup",
    mistake: "closing when an event announces the FIN",
    chapter: Chapter::Endings,
    prediction: "bytes that arrived before the FIN are never read, and the close is a RST",
    why: "RDHUP says that the peer's FIN has arrived. It does not say that everything before the FIN has been \
          read: bytes and FIN often share one event. A server that closes on the flag discards what is in \
          the receive buffer, and because a socket that is closed with unread input sends a RST, the \
          client gets \"connection reset\" in place of its echo. The flag is a hint that a read is worth \
          making. The end of the input is a read that returns 0.",
    sources: "epoll(7); epoll_ctl(2), EPOLLRDHUP; src/readiness/event_flags.rs",
    comparison: SideBySide::Mistake,
    check: Ok("fin-with-data"),
    source: include_str!("close_on_rdhup.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let is_over = match variant {
        Variant::Wrong => connection.flags.read_closed,
        Variant::Right => false, // the read that returns 0 decides
    };
    if is_over {
        return Flow::Close;
    }
    let mut buffer = [0; 1024];
    loop {
        match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => connection.echo(bytes),
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 64;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut client = harness.connect()?;
    // Both have arrived before the server looks.
    client.send(&payload(MESSAGE))?;
    client.send_fin()?;
    harness.await_arrival(&client)?;
    let end = harness.exchange(&mut client, MESSAGE + 1)?;
    let (read, back) = (harness.counters(&client).received, client.received.len());

    let outcome = match (end, read) {
        (ExchangeEnd::Closed(CloseKind::Fin), MESSAGE) if client.received == payload(MESSAGE) => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Closed(CloseKind::Reset), 0) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("sent, followed by a FIN", MESSAGE)
        .observe_bytes("read by the server", read)
        .observe_bytes("came back", back)
        .observe("connection closed with", client.closed_with()))
}
