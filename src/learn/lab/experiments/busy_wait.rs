//! `busy-wait`: the server tries every socket in turn, over and over, instead of waiting.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, ExchangeEnd, Harness, SocketBuffers, TestServer, serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "busy-wait",
    mistake: "trying every socket instead of waiting",
    chapter: Chapter::Readiness,
    prediction: "an idle server makes system calls as fast as it can",
    why: "Non-blocking sockets alone give a server that is correct and never sleeps: each pass of its loop \
          costs a system call for the listener and one for every connection, whether anything has happened or \
          not, and an idle server occupies a whole core. One wait for all of them replaces these calls: it \
          sleeps until there is something to do, and reports for which sockets. A sleep between two passes is \
          no cure. It trades CPU time for latency, and each pass still costs a call for every connection.",
    sources: "read(2), EAGAIN; epoll_wait(2); examples/step2_spinning.rs; src/server/event_loop.rs",
    comparison: SideBySide::Mistake,
    check: Ok("idle-cpu"),
    source: include_str!("busy_wait.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct Looping {
    variant: Variant,
}

impl Behaviour for Looping {
    fn iterate(&mut self, server: &mut TestServer, timeout: Duration) -> io::Result<bool> {
        match self.variant {
            Variant::Wrong => server.assume_all_ready(), // those that are not will say so: WouldBlock
            Variant::Right => {
                for event in server.wait(self, timeout)? {
                    server.note(&event);
                }
            }
        }
        let has_admitted = server.admit(self)?;
        Ok(server.serve(self) || has_admitted)
    }
}

fn server(variant: Variant) -> Looping {
    Looping { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const CLIENTS: usize = 5;
/// Passes of the loop while no client sends.
const PASSES: usize = 100;
/// This many passes that end without anything to do prove that it sleeps.
const PROOF: usize = 3;
/// The timeout of each wait.
const SLEEP: Duration = Duration::from_millis(20);

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let clients: io::Result<Vec<_>> = (0..CLIENTS).map(|_| harness.connect_to_backlog()).collect();
    let mut clients = clients?;
    let mut end = ExchangeEnd::Complete;
    for client in &mut clients {
        client.send(b"hello")?;
        end = harness.exchange(client, 5)?;
    }
    while variant == Variant::Right && harness.step(Duration::ZERO)? {}

    // From here on, no client sends anything.
    let (start, calls) = (Instant::now(), harness.server.system_calls);
    let (mut passes, mut asleep) = (0, 0);
    while passes < PASSES && asleep < PROOF {
        passes += 1;
        asleep += usize::from(!harness.step(SLEEP)?);
    }
    let calls = harness.server.system_calls - calls;
    let rate = calls as u128 * 1_000_000_000 / start.elapsed().as_nanos().max(1);

    let outcome = match (end, passes, calls) {
        (ExchangeEnd::Complete, PROOF, PROOF) => VariantOutcome::Correct,
        (ExchangeEnd::Complete, PASSES, _) if calls == PASSES * (1 + CLIENTS) => {
            VariantOutcome::FailedAsPredicted
        }
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("idle connections", CLIENTS)
        .observe_count("passes of the loop", passes)
        .observe_count("passes that slept", asleep)
        .observe_count("system calls", calls)
        .observe_count(
            "system calls per second",
            rate.try_into().unwrap_or(usize::MAX),
        ))
}
