//! `token-reuse`: an event that has gone stale reaches the new owner of a slab key.
//!
//! This server has room for one connection. A new one replaces it, and gets the key of its slot. The server
//! closes a connection once an event has reported the peer's FIN and everything before it is echoed.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, CloseKind, ExchangeEnd, Flow, Harness, ReadResult, SocketBuffers, TestConnection,
    TestServer, serve_until_signal, until,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "token-reuse",
    mistake: "handling each event before noting the next",
    chapter: Chapter::Readiness,
    prediction: "a new connection is closed because of its predecessor's FIN",
    why: "One wait returns several events, and handling one can change what the next refers to. Here the \
          listener's event comes first: the new connection replaces the old one and takes over its slot, \
          and with it its token. The old connection's event, which has been fetched already, then finds \
          the new connection. Neither deregistering nor closing a socket takes back an event that has \
          been fetched. Note all events first and act on them afterwards: while the server notes, no \
          slot changes hands. (Or put a generation number into the token, and drop events that carry an \
          old one.)",
    sources: "epoll(7), \"If using an event cache\"; src/server/event_loop.rs",
    comparison: SideBySide::Mistake,
    check: Ok("connect-and-leave"),
    source: include_str!("token_reuse.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct OneConnection {
    variant: Variant,
}

impl Behaviour for OneConnection {
    fn iterate(&mut self, server: &mut TestServer, timeout: Duration) -> io::Result<bool> {
        let events = server.wait(self, timeout)?;
        match self.variant {
            Variant::Wrong => {
                for event in &events {
                    server.note(event);
                    server.admit(self)?;
                    server.serve(self);
                }
            }
            Variant::Right => {
                for event in &events {
                    server.note(event);
                }
                server.admit(self)?;
                server.serve(self);
            }
        }
        Ok(!events.is_empty())
    }

    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        while server.has_backlog()? {
            server.close_all("replaced");
            server.accept()?;
        }
        Ok(())
    }

    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        connection.flush();
        let mut buffer = [0; 64];
        while connection.flags.readable && !connection.has_pending() {
            match connection.read(&mut buffer) {
                ReadResult::Bytes(bytes) => connection.echo(bytes),
                ReadResult::WouldBlock => break,
                ReadResult::Fin => return Flow::Close,
            }
        }
        let is_finished = connection.flags.read_closed && !connection.has_pending();
        if is_finished { Flow::Close } else { Flow::Park }
    }
}

fn server(variant: Variant) -> OneConnection {
    OneConnection { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const HELLO: &[u8] = b"hello";

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let mut old = harness.connect()?;
    // Two things happen before the server looks again, in this order.
    let mut new = harness.connect_to_backlog()?;
    until("the new connection is in the backlog", || {
        harness.has_backlog()
    })?;
    old.send_fin()?;
    harness.await_arrival(&old)?;
    harness.step_until("the new connection is accepted", |harness| {
        Ok(harness.server.accepted == 2)
    })?;

    if harness.is_open(&new) {
        new.send(HELLO)?;
    }
    let end = harness.exchange(&mut new, HELLO.len())?;
    let outcome = match (end, new.sent) {
        (ExchangeEnd::Complete, _) if new.received == HELLO => VariantOutcome::Correct,
        (ExchangeEnd::Closed(CloseKind::Fin), 0) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let state = match new.closed {
        None => "open",
        Some(_) => "closed by the server",
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe("the new connection", state)
        .observe_bytes("sent on it", new.sent)
        .observe_bytes("came back on it", new.received.len()))
}
