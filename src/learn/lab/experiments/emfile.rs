//! `emfile`: the process has no file descriptor left for the next connection.
//!
//! The experiment lowers the process's own limit on open files, so it must be alone in its process: other
//! threads cannot open files in the meantime.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, ExhaustedDescriptors, Harness, SocketBuffers, TestServer, Trigger,
    serve_until_signal, until,
};
use crate::learn::lab::variant::Variant;
use crate::trace::Trace;
use std::io;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "emfile",
    mistake: "carrying on without a pause after EMFILE",
    chapter: Chapter::Accepting,
    prediction: "level-triggered, the loop spins; edge-triggered, it stops accepting",
    why: "After EMFILE the connection is still in the backlog. A level-triggered poll therefore reports \
          the listener again at once, and the loop spends its CPU time on a call that cannot succeed. An \
          edge-triggered poll has reported the listener already: when descriptors are free again, the \
          server does not accept until another client connects. The cure is the same for both: pause \
          accepting and retry on a timer, because no event reports that a descriptor has become free.",
    sources: "accept(2); getrlimit(2); src/server/listener.rs",
    comparison: SideBySide::Mistake,
    check: Some("descriptor-limit"),
    source: include_str!("emfile.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

/// How long a server that may not accept waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

struct Acceptor {
    variant: Variant,
    trigger: Trigger,
    failures: usize,
}

impl Behaviour for Acceptor {
    fn trigger(&self) -> Trigger {
        self.trigger
    }

    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        loop {
            match server.accept() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.failures += 1;
                    server.accept_failed(&error);
                    match self.variant {
                        Variant::Wrong => {} // assumes that an event will report a free descriptor
                        Variant::Right => server.pause_accepting(PAUSE),
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn server(variant: Variant) -> Acceptor {
    let (trigger, failures) = (Trigger::Level, 0);
    Acceptor {
        variant,
        trigger,
        failures,
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

/// This many failures are a loop that spins.
const SPIN: usize = 1000;
/// How long a server that does not spin has no descriptors.
const WINDOW: Duration = Duration::from_millis(50);

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let level = accept_late(variant, Trigger::Level)?;
    let edge = accept_late(variant, Trigger::Edge)?;
    let outcome = match (&level, &edge) {
        (level, edge) if level.is_paced() && edge.is_paced() => VariantOutcome::Correct,
        (
            LateAccept {
                failures: SPIN,
                is_accepted: true,
                ..
            },
            edge,
        ) if edge.is_forgotten() => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let client = |late: &LateAccept| {
        if late.is_accepted {
            "accepted"
        } else {
            "in the backlog"
        }
    };
    let (level_client, edge_client) = (client(&level), client(&edge));
    Ok(VariantRun::new(edge.trace, outcome)
        .observe_count("level-triggered: failed accepts", level.failures)
        .observe("  client, with descriptors free", level_client)
        .observe_count("edge-triggered: failed accepts", edge.failures)
        .observe("  client, with descriptors free", edge_client))
}

/// A client that connects while there is no descriptor for it.
#[derive(Debug)]
struct LateAccept {
    trace: Trace,
    failures: usize,
    /// How long there was no descriptor.
    time: Duration,
    /// Whether the server accepted it once there was one.
    is_accepted: bool,
}

impl LateAccept {
    fn is_paced(&self) -> bool {
        let most = 1 + self.time.as_millis() / PAUSE.as_millis();
        self.is_accepted && (1..=most).contains(&(self.failures as u128))
    }

    fn is_forgotten(&self) -> bool {
        self.failures == 1 && !self.is_accepted
    }
}

fn accept_late(variant: Variant, trigger: Trigger) -> io::Result<LateAccept> {
    let server = Acceptor {
        trigger,
        ..server(variant)
    };
    let mut harness = Harness::new(SocketBuffers::default(), server)?;
    let _client = harness.connect_to_backlog()?;
    until("the client is in the backlog", || harness.has_backlog())?;
    let exhausted = ExhaustedDescriptors::new()?;
    let start = Instant::now();
    let mut has_work = true;
    while harness.behaviour.failures < SPIN && (has_work || start.elapsed() < WINDOW) {
        has_work = harness.step(PAUSE / 2)?;
    }
    let time = start.elapsed();
    drop(exhausted);
    let failures = harness.behaviour.failures;
    let is_accepted = harness.accept_until_stalled(1)?;
    Ok(LateAccept {
        trace: harness.into_trace(),
        failures,
        time,
        is_accepted,
    })
}
