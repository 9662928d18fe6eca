//! `exit-without-drain`: the server ends its connections when a stop is requested, with input unread.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, CloseKind, ExchangeEnd, Harness, SocketBuffers, TestServer, payload,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "exit-without-drain",
    mistake: "closing all connections on a stop at once",
    chapter: Chapter::Shutdown,
    prediction: "bytes that the kernel had received are lost, and peers are reset",
    why: "When a stop is requested, the kernel has received and acknowledged bytes that the server has not read \
          yet. Their senders have been told that they arrived. A server that closes its sockets then, or just \
          exits, destroys them, and its peers get a RST. To stop without loss, read until WouldBlock, echo \
          what there was, send a FIN (shutdown(2), SHUT_WR), and read on and discard until the peer's FIN \
          arrives.",
    sources: "shutdown(2); RFC 9293, section 3.6; src/server/shutdown.rs",
    comparison: SideBySide::Mistake,
    check: Ok("stop-without-loss"),
    source: include_str!("exit_without_drain.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct Stoppable {
    variant: Variant,
}

impl Behaviour for Stoppable {
    fn stop(&mut self, server: &mut TestServer) {
        match self.variant {
            Variant::Wrong => server.close_all("stopped"),
            Variant::Right => server.drain(self), // echoes what has arrived, then sends a FIN
        }
    }
}

fn server(variant: Variant) -> Stoppable {
    Stoppable { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const MESSAGE: usize = 64;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let mut client = harness.connect()?;
    // The bytes have arrived, and the stop comes before the server looks.
    harness.deliver(&mut client, &payload(MESSAGE))?;
    harness.stop();
    let read = harness.counters(&client).received;
    let end = harness.exchange(&mut client, MESSAGE + 1)?;
    let back = client.received.len();
    // Fails if the server has reset the connection.
    let _reset = client.send_fin();
    harness.step_until("the server has closed", |harness| {
        Ok(!harness.is_open(&client))
    })?;

    let outcome = match (end, back) {
        (ExchangeEnd::Closed(CloseKind::Fin), MESSAGE) if client.received == payload(MESSAGE) => {
            VariantOutcome::Correct
        }
        (ExchangeEnd::Closed(CloseKind::Reset), 0) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_bytes("received before the stop", MESSAGE)
        .observe_bytes("read by the server", read)
        .observe_bytes("came back", back)
        .observe("connection closed with", client.closed_with()))
}
