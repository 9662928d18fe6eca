//! `threads-vs-loop`: a thread for each idle connection, and one loop for all of them.
//!
//! The mistake is not in the code but in its use. Both servers are `mio-echo serve`, each a process of its own,
//! so that its memory and its context switches can be told from those of the clients.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    IdleCost, MANY, MeasuredServer, round_trip_cost, serve_in_mode, trace_pings,
};
use crate::learn::lab::variant::Variant;
use crate::server::{Mode, connections_that_fit, raise_descriptor_limit};
use std::io;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "threads-vs-loop",
    mistake: "dedicating a thread to each idle connection",
    chapter: Chapter::Contrast,
    prediction: "memory and threads grow with each connection, even an idle one",
    why: "A blocked thread occupies a user stack, a kernel stack and an entry in the scheduler in order to \
          wait for a single peer; to wait for anything else, even for a request to stop, takes extra \
          machinery. An event loop keeps a few words per connection, sleeps once for all of them, and can \
          be woken once for many. Threads win elsewhere: with few, busy peers a message costs them two \
          system calls, and the loop a third one to wait; they use all cores; and their code reads from \
          top to bottom (src/server/threads/connection.rs). The CPU time of a busy connection is shown \
          for comparison only.",
    sources: "pthreads(7); proc(5); src/server/threads/mod.rs, src/server/event_loop.rs",
    comparison: SideBySide::Ways("threads", "event loop"),
    check: Err("both are correct"),
    source: include_str!("threads_vs_loop.rs"),
    run,
    serve: |variant, address, ready| serve_in_mode(mode(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

fn mode(variant: Variant) -> Mode {
    match variant {
        Variant::Wrong => Mode::Threads, // src/server/threads/connection.rs
        Variant::Right => Mode::EventLoop, // src/server/event_loop.rs
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// Connections of the server that is traced.
const TRACED: usize = 5;
/// Bytes per idle connection: an event loop needs far fewer, a thread far more.
const THRESHOLD: usize = 4096;

fn run(variant: Variant, environment: &Environment) -> io::Result<VariantRun> {
    let mode = mode(variant);
    let _before = raise_descriptor_limit();
    if connections_that_fit(Mode::EventLoop) < MANY {
        let text = format!("the limit on open files does not allow {MANY} connections");
        return Err(io::Error::other(text));
    }
    let start = || MeasuredServer::start(&environment.program, mode);
    let idle = IdleCost::measure(&start()?)?;
    let busy = round_trip_cost(&start()?)?;
    let each = idle.many / MANY;

    let outcome = match (idle.threads, each) {
        (1, ..THRESHOLD) => VariantOutcome::Correct,
        (MANY.., THRESHOLD..) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(trace_pings(mode, TRACED)?, outcome)
        .observe_bytes("memory for 1 idle connection", idle.few)
        .observe_bytes("memory for 100", idle.some)
        .observe_bytes("memory for 5,000", idle.many)
        .observe_bytes("memory for each of them", each)
        .observe_count("threads", idle.threads)
        .observe_count("context switches, 1 B echoed each", idle.switches)
        .observe_time("CPU per round trip, 1 connection", busy))
}
