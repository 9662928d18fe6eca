//! `emfile`: the process has no file descriptor left for the next connection.
//!
//! The experiment lowers the process's own limit on open files, so it must be alone in its process: other
//! threads cannot open files in the meantime.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, Variant, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, ExhaustedDescriptors, Harness, SocketBuffers, TestServer, socket_probe, until,
};
use crate::text::os_error;
use crate::text::units::{self, TIME};
use crate::trace::{Event, Lane};
use std::fmt;
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
    run,
};

/// How often the level-triggered server waits.
const WAITS: usize = 1000;
/// How many iterations the edge-triggered server makes without descriptors.
const ITERATIONS: usize = 5;
/// The timeout of each wait.
const SLEEP: Duration = Duration::from_millis(100);
/// How long the right server pauses after a failed accept.
const PAUSE: Duration = Duration::from_millis(50);

/// An edge-triggered server that may retry on a timer.
struct EdgeTriggered {
    variant: Variant,
    retry_at: Option<Instant>,
    failures: usize,
}

impl Behaviour for EdgeTriggered {
    fn iterate(&mut self, server: &mut TestServer, timeout: Duration) -> io::Result<bool> {
        let until_retry = |at: Instant| at.saturating_duration_since(Instant::now());
        for event in server.wait(self.retry_at.map_or(timeout, until_retry))? {
            server.note(&event);
        }
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            server.trace.woke(0);
            server.listener_ready = true;
        }
        server.admit(self)
    }

    fn admit(&mut self, server: &mut TestServer) -> io::Result<()> {
        self.retry_at = None;
        loop {
            match server.accept() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.failures += 1;
                    record_failure(server, &error);
                    match self.variant {
                        Variant::Wrong => {} // assumes that an event will report a free descriptor
                        Variant::Right => self.retry_at = Some(Instant::now() + PAUSE),
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// A level-triggered server: waits [`WAITS`] times and accepts each time that the listener is reported. Returns
/// how many accepts failed.
fn level_triggered(server: &mut TestServer) -> io::Result<usize> {
    let mut failures = 0;
    for _ in 0..WAITS {
        server.trace.wait_started();
        if socket_probe::wait_readable(&server.listener, SLEEP)? {
            server.trace.woke(1);
            if let Err(error) = server.accept() {
                failures += 1;
                record_failure(server, &error);
            }
        }
    }
    Ok(failures)
}

fn record_failure(server: &mut TestServer, error: &io::Error) {
    let error = os_error::describe(error);
    server
        .trace
        .record(Lane::Loop, Event::AcceptFailed { error });
}

/// Accepts that failed, and how long the server took over them.
struct FailedAccepts {
    count: usize,
    time: Duration,
}

impl FailedAccepts {
    fn during(server: impl FnOnce() -> io::Result<usize>) -> io::Result<Self> {
        let start = Instant::now();
        let count = server()?;
        let time = start.elapsed();
        Ok(Self { count, time })
    }
}

impl fmt::Display for FailedAccepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = units::value(self.time.as_secs_f64(), TIME);
        write!(f, "{} in {time}", units::count(self.count))
    }
}

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let behaviour = EdgeTriggered {
        variant,
        retry_at: None,
        failures: 0,
    };
    let mut harness = Harness::new(SocketBuffers::default(), behaviour)?;
    let _client = harness.connect_to_backlog()?;
    until("the client is in the backlog", || harness.has_backlog())?;

    let exhausted = ExhaustedDescriptors::new()?;
    let level = match variant {
        Variant::Wrong => Some(FailedAccepts::during(|| {
            level_triggered(&mut harness.server)
        })?),
        Variant::Right => None,
    };
    let edge = FailedAccepts::during(|| {
        for _ in 0..ITERATIONS {
            harness.step(SLEEP)?;
        }
        Ok(harness.behaviour.failures)
    })?;
    drop(exhausted);

    // Descriptors are free again, and the client is still in the backlog.
    let is_backlog_empty = harness.accept_until_stalled(1)?;
    let level_count = level.as_ref().map(|level| level.count);
    let outcome = match (
        level_count,
        edge.count,
        harness.server.accepted,
        is_backlog_empty,
    ) {
        (None, 1..=ITERATIONS, 1, true) => VariantOutcome::Correct,
        (Some(WAITS), 1, 0, false) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let client = if is_backlog_empty {
        "accepted"
    } else {
        "still in the backlog"
    };
    let level = level.map_or("not run".to_owned(), |level| level.to_string());
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe("level-triggered: failed accepts", level)
        .observe("edge-triggered: failed accepts", edge.to_string())
        .observe("client, with descriptors free", client))
}
