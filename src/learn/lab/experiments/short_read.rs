//! `short-read`: the server concludes from a short read that the socket is empty, whatever the event reported.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    ExchangeEnd, Flow, Harness, ReadResult, ServeVariant, SocketBuffers, TestConnection,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "short-read",
    mistake: "trusting a short read despite RDHUP or PRI",
    chapter: Chapter::EdgesAndDraining,
    prediction: "a FIN stays unread, and so do an urgent byte and all that follows it",
    why: "On epoll, a read that returns fewer bytes than the buffer has room for has emptied the socket. \
          epoll(7) says so, and relying on it saves one system call per message. There are two \
          exceptions. Data and the FIN behind it can share one edge, and a FIN is not a byte: a server \
          that stops at the short read never reads it and never closes the connection. And a read stops \
          at an urgent byte, so it can be short with more input behind it. The event announces both, as \
          RDHUP and PRI. After either, only WouldBlock proves that a socket has been emptied.",
    sources: "epoll(7), questions and answers 9; tcp(7); src/readiness/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("fin-with-data"),
    source: include_str!("short_read.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let mut buffer = [0; 1024];
    let room = buffer.len();
    loop {
        let is_short = match connection.read(&mut buffer) {
            ReadResult::Bytes(bytes) => {
                connection.echo(bytes);
                bytes.len() < room
            }
            ReadResult::WouldBlock => return Flow::Park,
            ReadResult::Fin => return Flow::Close,
        };
        let is_drained = match variant {
            Variant::Wrong => is_short,
            Variant::Right => {
                is_short && !connection.flags.read_closed && !connection.flags.priority
            }
        };
        if is_drained {
            return Flow::Park;
        }
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// What the first client sends before its FIN.
const FINAL: &[u8] = b"hello";
/// What the second client sends, with `!` marked as urgent: a read stops before it.
const URGENT: &[u8] = b"ab!cd";

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(SocketBuffers::default(), variant, serve)?;
    let mut first = harness.connect()?;
    first.send(FINAL)?;
    first.send_fin()?;
    harness.await_arrival(&first)?;
    // One byte more than there is, so that the exchange ends only with the connection.
    let first_end = harness.exchange(&mut first, FINAL.len() + 1)?;

    let mut second = harness.connect()?;
    second.send(b"ab")?;
    second.send_urgent(b'!')?;
    second.send(b"cd")?;
    harness.await_arrival(&second)?;
    let second_end = harness.exchange(&mut second, URGENT.len())?;
    let (back, unread) = (second.received.len(), harness.unread(&second)?);

    let is_closed = !harness.is_open(&first);
    let is_exact = first.received == FINAL && second.received == URGENT;
    let outcome = match (first_end, is_closed, second_end, back) {
        (ExchangeEnd::Closed(_), true, ExchangeEnd::Complete, _) if is_exact => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Stalled, false, ExchangeEnd::Stalled, 2) if unread == 3 => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected(found),
    };
    let fin = if is_closed { "read" } else { "unread" };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("#1, 5 bytes and a FIN: came back", first.received.len())
        .observe("#1, its FIN", fin)
        .observe_bytes("#2, the 3rd of 5 urgent: came back", back)
        .observe_bytes("#2, left unread", unread))
}
