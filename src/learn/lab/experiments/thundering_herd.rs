//! `thundering-herd`: several loops at one address, with one listener for all of them or a listener for each.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    LOOPBACK, ManyLoops, TcpListener, listener_for_all, listener_for_each, serve_in_loops,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::net::SocketAddr;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "thundering-herd",
    mistake: "several loops that wait on one listener",
    chapter: Chapter::Beyond,
    prediction: "each connection wakes all loops, and all but one in vain",
    why: "The kernel reports a listener to every epoll instance in which it is registered, because it cannot \
          know which loop will accept. One loop gets the connection; the others have been woken, which costs \
          each a context switch, to find that accept(2) returns WouldBlock. The cost of a connection grows \
          with the number of loops. With SO_REUSEPORT each loop has a listener and a backlog of its own, and \
          the kernel assigns a connection to one of them. EPOLLEXCLUSIVE keeps the shared listener and wakes \
          at least one of the loops, usually not all.",
    sources: "socket(7), SO_REUSEPORT; epoll_ctl(2), EPOLLEXCLUSIVE; src/server/bind.rs",
    comparison: SideBySide::Mistake,
    check: Err("both serve alike: what differs is how often they wake up"),
    source: include_str!("thundering_herd.rs"),
    run,
    serve: |variant, address, ready| serve_in_loops(listeners(variant, address)?, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

/// What each of the loops listens on.
fn listeners(variant: Variant, address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    match variant {
        Variant::Wrong => listener_for_all(LOOPS, address), // one socket
        Variant::Right => listener_for_each(LOOPS, address), // SO_REUSEPORT
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const LOOPS: usize = 4;
const CLIENTS: usize = 10;

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut loops = ManyLoops::new(listeners(variant, LOOPBACK)?)?;
    let (mut woken, mut accepted) = (0, 0);
    for _ in 0..CLIENTS {
        let _client = loops.connect_to_backlog()?;
        // All are awake before the first of them accepts, as on a machine with a core for each.
        let awake = loops.wait()?;
        woken += awake.len();
        for one in awake {
            accepted += usize::from(loops.accept(one)?);
        }
    }
    let outcome = match (accepted, woken) {
        (CLIENTS, CLIENTS) => VariantOutcome::Correct,
        (CLIENTS, all) if all == CLIENTS * LOOPS => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(loops.into_trace(), outcome)
        .observe_count("loops", LOOPS)
        .observe_count("connections accepted", accepted)
        .observe_count("loops woken", woken)
        .observe_count("woken in vain", woken - accepted))
}
