//! `echo-loop`: two servers of datagrams that answer each other.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{DatagramServers, serve_datagrams};
use crate::learn::lab::variant::Variant;
use std::io;
use std::net::SocketAddr;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "echo-loop",
    mistake: "answering whatever address a datagram names",
    chapter: Chapter::Datagrams,
    prediction: "one forged datagram, and two servers answer each other without end",
    why: "The source address of a datagram is what its sender has written there. A datagram to one echo server \
          that names another one as its source makes the first answer the second, which answers the first: an \
          exchange that no client takes part in, and that ends only when a datagram is lost. So a server does \
          not answer its own port number, whatever the address, because another server like it is likely to \
          have the same; nor the ports below 1024, where echo, chargen, DNS and TFTP answer everything. Between \
          two servers on different ports from 1024 on, nothing tells the other one from a client: there only a \
          limit on the rate ends the exchange.",
    sources: "CERT CA-1996-01; CVE-2024-2169; src/server/datagrams/guard.rs, src/server/datagrams/rate.rs",
    comparison: SideBySide::Mistake,
    check: Err("it takes datagrams to tell them apart: mio-echo check --udp --only datagram-loop"),
    source: include_str!("echo_loop.rs"),
    run,
    serve: |variant, address, ready| {
        let is_answered = move |source, own_port| is_answered(variant, source, own_port);
        serve_datagrams(address, is_answered, ready)
    },
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

/// Whether a server on `own_port` answers a datagram that names this source.
fn is_answered(variant: Variant, source: SocketAddr, own_port: u16) -> bool {
    match variant {
        Variant::Wrong => true,                      // a source is a client
        Variant::Right => source.port() != own_port, // it may be a server like this one
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// The experiment ends the exchange here; the servers would not.
const MOST: usize = 1000;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut servers = DatagramServers::new()?;
    let port = servers.port;
    servers.answer_forged(b"hello")?;
    servers.exchange(MOST, |source| is_answered(variant, source, port))?;

    let (sent, refused) = (servers.sent, servers.refused);
    let outcome = match (sent, refused) {
        (1, 1) => VariantOutcome::Correct,
        (MOST, 0) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(servers.into_trace(), outcome)
        .observe_count("datagrams forged", 1)
        .observe_count("datagrams sent because of it", sent)
        .observe_count("datagrams not answered", refused))
}
