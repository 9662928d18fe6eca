//! `always-writable`: a level-triggered server asks for room to write while it has nothing to write.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, ExchangeEnd, Harness, Interest, SocketBuffers, TestConnection, Trigger,
    serve_until_signal,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "always-writable",
    mistake: "level-triggered, always interested in writability",
    chapter: Chapter::Readiness,
    prediction: "every wait returns at once, with nothing to do",
    why: "A level-triggered poll reports a condition for as long as it holds, and a socket nearly always \
          has room in its send buffer. A server that always asks for WRITABLE therefore never sleeps: \
          every wait returns at once, and the loop spins without doing any work. With level triggers, \
          ask for WRITABLE only while bytes are pending. With edge triggers, WRITABLE may stay \
          registered: only the change is reported.",
    sources: "poll(2); epoll(7); src/readiness/mod.rs",
    comparison: SideBySide::Mistake,
    check: Ok("idle-cpu"),
    source: include_str!("always_writable.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct LevelTriggered {
    variant: Variant,
}

impl Behaviour for LevelTriggered {
    fn trigger(&self) -> Trigger {
        Trigger::Level
    }

    fn interest(&self, connection: &TestConnection) -> Interest {
        match self.variant {
            Variant::Wrong => Interest::READABLE | Interest::WRITABLE,
            Variant::Right => {
                if connection.has_pending() {
                    Interest::WRITABLE
                } else {
                    Interest::READABLE
                }
            }
        }
    }
}

fn server(variant: Variant) -> LevelTriggered {
    LevelTriggered { variant }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// How often the idle server waits.
const WAITS: usize = 1000;
/// How many of these waits without an event prove that it sleeps.
const PROOF: usize = 5;
/// The timeout of each wait.
const SLEEP: Duration = Duration::from_millis(20);

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let mut client = harness.connect()?;
    harness.deliver(&mut client, b"hello")?;
    let end = harness.exchange(&mut client, 5)?;

    // From here on the client sends nothing.
    let start = Instant::now();
    let (mut waits, mut wakeups) = (0, 0);
    while waits < WAITS && waits < wakeups + PROOF {
        waits += 1;
        wakeups += usize::from(harness.step(SLEEP)?);
    }
    let rate = wakeups as u128 * 1_000_000_000 / start.elapsed().as_nanos().max(1);

    let outcome = match (end, waits, wakeups) {
        (ExchangeEnd::Complete, PROOF, 0) => VariantOutcome::Correct,
        (ExchangeEnd::Complete, WAITS, WAITS) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("waits of the idle server", waits)
        .observe_count("wake-ups, with nothing to do", wakeups)
        .observe_count("wake-ups per second", rate.try_into().unwrap_or(usize::MAX)))
}
