//! `close-with-unread`: the server closes a socket that has unread input.
//!
//! Not an echo server: it answers a short request with a long page and closes, as many servers do.

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
    name: "close-with-unread",
    mistake: "closing a socket that has unread input",
    chapter: Chapter::Endings,
    prediction: "a RST destroys a reply that write(2) had accepted",
    why: "When a socket is closed with unread input, the kernel sends a RST at once, \"to show that data \
          was lost\", and discards what write(2) had accepted and the peer had no room for yet. One \
          unread byte is enough. To close without loss, send a FIN first (shutdown(2), SHUT_WR), go on \
          reading and discard the input until the peer's FIN arrives, and only then close. This is \
          called lingering.",
    sources: "RFC 9293, section 3.6.1; shutdown(2); src/connection/phase.rs",
    comparison: SideBySide::Mistake,
    check: Err("its server sends a page, and a check expects an echo"),
    source: include_str!("close_with_unread.rs"),
    run,
    serve: |variant, address, ready| {
        serve_until_signal(ServeVariant { variant, serve }, address, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

const REQUEST: usize = 64;
const PAGE: usize = 256 * 1024;

fn serve(variant: Variant, connection: &mut TestConnection) -> Flow {
    let mut request = [0; REQUEST];
    match connection.read(&mut request) {
        ReadResult::Bytes(_request) if !connection.counters.fin_sent => {
            connection.write(&payload(PAGE));
            match variant {
                Variant::Wrong => return Flow::Close,
                Variant::Right => connection.send_fin(),
            }
            Flow::Yield
        }
        ReadResult::Bytes(_discarded) => Flow::Yield,
        ReadResult::WouldBlock => Flow::Park,
        ReadResult::Fin => Flow::Close,
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// The kernel accepts the whole page at once, and the client has room for little of it.
const BUFFERS: SocketBuffers = SocketBuffers {
    server_send: Some(2 * PAGE),
    server_receive: None,
    client_send: None,
    client_receive: Some(16 * 1024),
};

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::serving(BUFFERS, variant, serve)?;
    let mut client = harness.connect()?;
    harness.deliver(&mut client, &[0; REQUEST + 1])?;
    harness.step_until("the server has sent its FIN or closed", |harness| {
        Ok(harness.counters(&client).fin_sent || !harness.is_open(&client))
    })?;
    let accepted = harness.counters(&client).written;
    let end = harness.exchange(&mut client, PAGE + 1)?;
    let back = client.received.len();
    // Fails if the server has reset the connection.
    let _reset = client.send_fin();
    harness.step_until("the server has closed", |harness| {
        Ok(!harness.is_open(&client))
    })?;

    let outcome = match (end, accepted, back) {
        (ExchangeEnd::Closed(CloseKind::Fin), PAGE, _) if client.received == payload(PAGE) => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Closed(CloseKind::Reset), PAGE, ..PAGE) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("accepted by write(2)", accepted)
        .observe_bytes("reached the client", back)
        .observe_bytes("destroyed", accepted.saturating_sub(back))
        .observe("connection closed with", client.closed_with()))
}
