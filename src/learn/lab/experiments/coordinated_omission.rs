//! `coordinated-omission`: two clients measure a server that pauses, one in a closed loop and one in an open loop.
//!
//! Time is counted in ticks of the schedule, so that the latencies do not depend on the machine.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{Correct, Harness, SocketBuffers, serve_until_signal};
use crate::learn::lab::variant::Variant;
use std::io;
use std::ops::Range;
use std::thread;
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "coordinated-omission",
    mistake: "measuring with a client that waits out each pause",
    chapter: Chapter::Measuring,
    prediction: "the pause delays only one of its messages, and its p99 hides it",
    why: "A closed-loop client sends its next message when the echo of the last one is back. While the server \
          pauses, it sends nothing, so the pause delays a single message, and no percentile but the highest \
          shows it. Outside a benchmark, requests go on arriving during a pause, and each of them waits. An \
          open loop sends on a schedule and measures from the time at which a message was due: the messages \
          in the receive buffer are those that the closed loop omits. A closed loop answers another question: \
          how many round trips one client completes.",
    sources: "Gil Tene, \"How NOT to Measure Latency\"; src/measure/load/schedule.rs",
    comparison: SideBySide::Ways("closed loop", "open loop"),
    check: Err("what differs is the client"),
    source: include_str!("coordinated_omission.rs"),
    run,
    serve: |_, address, ready| serve_until_signal(Correct, address, ready),
};

// ── the client ────────────────────────────────────────────────────────────────────────────────

/// Whether to send a message in this tick.
fn is_due(variant: Variant, unanswered: usize) -> bool {
    match variant {
        Variant::Wrong => unanswered == 0, // the next one follows the echo
        Variant::Right => true,            // the schedule does not wait
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const TICK: Duration = Duration::from_millis(1);
const TICKS: usize = 200;
/// The ticks in which the server does nothing.
const PAUSE: Range<usize> = 90..110;
const MESSAGE: &[u8] = b"ping";

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), Correct)?;
    let mut client = harness.connect()?;
    // The ticks in which the unanswered messages were due.
    let mut unanswered = Vec::new();
    let mut latencies = Vec::new();
    let mut unread = 0;
    for tick in 0..TICKS {
        thread::sleep(TICK);
        if is_due(variant, unanswered.len()) {
            harness.deliver(&mut client, MESSAGE)?;
            unanswered.push(tick);
        }
        if PAUSE.contains(&tick) {
            unread = harness.unread(&client)?;
            continue;
        }
        let sent = client.sent;
        harness.exchange(&mut client, sent)?;
        latencies.extend(unanswered.drain(..).map(|due| tick - due));
    }
    latencies.sort_unstable();

    let delayed = latencies.iter().filter(|latency| **latency > 0).count();
    let outcome = match (delayed, unread / MESSAGE.len()) {
        (1, 1) => VariantOutcome::FailedAsPredicted,
        (delayed, unread) if delayed == PAUSE.len() && unread == delayed => VariantOutcome::Correct,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("messages sent", latencies.len())
        .observe_bytes("unread at the end of the pause", unread)
        .observe_count("messages that the pause delays", delayed)
        .observe("latency, median", percentile(&latencies, 50))
        .observe("latency, p99", percentile(&latencies, 99))
        .observe("latency, maximum", percentile(&latencies, 100)))
}

/// The percentile by nearest rank, of latencies in ascending order.
fn percentile(latencies: &[usize], percent: usize) -> String {
    let rank = (latencies.len() * percent).div_ceil(100);
    match latencies.get(rank.saturating_sub(1)) {
        Some(0) => "under 1 ms".to_owned(),
        Some(ticks) => format!("{ticks} ms"),
        None => "none".to_owned(),
    }
}
