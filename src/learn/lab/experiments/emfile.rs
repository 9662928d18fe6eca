//! `emfile`: the process has no file descriptor left for the next connection.
//!
//! The experiment lowers the process's own limit on open files, so it must be alone in its process: other
//! threads cannot open files in the meantime.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{Behaviour, LateAccept, TestServer, Trigger, serve_until_signal};
use crate::learn::lab::variant::Variant;
use std::io;
use std::time::Duration;

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
    check: Ok("descriptor-limit"),
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
                Ok(Some(_peer)) => {}
                Ok(None) => return Ok(()),
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
    Acceptor {
        variant,
        trigger: Trigger::Level,
        failures: 0,
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let with = |trigger| Acceptor {
        trigger,
        ..server(variant)
    };
    let level = LateAccept::by(with(Trigger::Level), |server| server.failures)?;
    let edge = LateAccept::by(with(Trigger::Edge), |server| server.failures)?;
    let outcome = if level.is_paced(PAUSE) && edge.is_paced(PAUSE) {
        VariantOutcome::Correct
    } else if level.spins() && edge.is_forgotten() {
        VariantOutcome::FailedAsPredicted
    } else {
        VariantOutcome::unexpected((&level, &edge))
    };
    let (level_client, edge_client) = (level.client(), edge.client());
    Ok(VariantRun::new(edge.trace, outcome)
        .observe_count("level-triggered: failed accepts", level.failures)
        .observe("  client, with descriptors free", level_client)
        .observe_count("edge-triggered: failed accepts", edge.failures)
        .observe("  client, with descriptors free", edge_client))
}
