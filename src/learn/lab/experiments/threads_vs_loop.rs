//! `threads-vs-loop`: a thread for each idle connection, and one loop for all of them.
//!
//! The mistake is not in the code but in its use. Both servers are `mio-echo serve`, each a process of its own,
//! so that its memory and its context switches can be told from those of the clients.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, Variant, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{MeasuredServer, connect, ping, trace_pings};
use crate::server::{Mode, connections_that_fit, raise_descriptor_limit};
use std::io;
use std::time::{Duration, Instant};

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
    run,
};

/// Idle connections, in steps.
const FEW: usize = 1;
const SOME: usize = 100;
const MANY: usize = 5000;
/// Connections of the server that is traced.
const TRACED: usize = 5;
/// Connections made before the server is waited for.
const BATCH: usize = 500;
/// Round trips of the busy connection, or as many as fit into [`LONG_ENOUGH`].
const ROUND_TRIPS: u32 = 10_000;
const LONG_ENOUGH: Duration = Duration::from_secs(1);
/// Bytes per idle connection: an event loop needs far fewer, a thread far more.
const THRESHOLD: usize = 4096;

fn run(variant: Variant, environment: &Environment) -> io::Result<VariantRun> {
    let mode = match variant {
        Variant::Wrong => Mode::Threads,
        Variant::Right => Mode::EventLoop,
    };
    raise_descriptor_limit();
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

/// What idle connections cost a server.
struct IdleCost {
    /// Bytes of memory for [`FEW`].
    few: usize,
    /// For [`SOME`].
    some: usize,
    /// For [`MANY`].
    many: usize,
    /// Threads with [`MANY`].
    threads: usize,
    /// Voluntary context switches while each of [`MANY`] sends one byte and receives it back.
    switches: usize,
}

impl IdleCost {
    fn measure(server: &MeasuredServer) -> io::Result<Self> {
        let before = server.usage()?.resident;
        let mut idle = Vec::new();
        let mut memory_for = |connections: usize| {
            while idle.len() < connections {
                let missing = connections - idle.len();
                let mut new = connect(server.address, missing.min(BATCH))?;
                // A byte that came back proves that the connection is being served.
                ping(&mut new)?;
                idle.extend(new);
            }
            server
                .usage()
                .map(|usage| whole(usage.resident.saturating_sub(before)))
        };
        let (few, some, many) = (memory_for(FEW)?, memory_for(SOME)?, memory_for(MANY)?);
        let full = server.usage()?;
        ping(&mut idle)?;
        Ok(Self {
            few,
            some,
            many,
            threads: whole(full.threads),
            switches: whole(server.usage()?.since(&full).voluntary_switches),
        })
    }
}

/// The server's CPU time per round trip of one byte, on its only connection.
fn round_trip_cost(server: &MeasuredServer) -> io::Result<Duration> {
    let mut connections = connect(server.address, 1)?;
    ping(&mut connections)?;
    let before = server.usage()?;
    let start = Instant::now();
    let mut round_trips = 0;
    while round_trips < ROUND_TRIPS && start.elapsed() < LONG_ENOUGH {
        ping(&mut connections)?;
        round_trips += 1;
    }
    Ok(server.usage()?.since(&before).cpu() / round_trips.max(1))
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
