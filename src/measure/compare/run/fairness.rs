//! How a server treats well-behaved connections beside abusive ones: paced connections, one that floods the server,
//! and one that never reads.
//!
//! The flood is a load of its own on a thread of its own, so that the measurement shows how the server divides its
//! time, not how the generator does. The latency of the paced connections counts from the time at which a message
//! was due.

use crate::measure::bench::float;
use crate::measure::bench::{Flood, Values};
use crate::measure::load::{
    self, LoadObserver, LoadPattern, LoadPlan, LoadResults, Progress, StopCondition,
};
use crate::text::address::Address;
use crate::text::connect::connect;
use crate::text::units::nanoseconds;
use socket2::Socket;
use std::io::{self, ErrorKind, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Messages per second on each paced connection: enough for a p99 after a second, few enough that they alone are
/// hardly any work.
const PACE: f64 = 50.0;

/// Bytes in a message of the flood.
const FLOOD_MESSAGE: usize = 1024 * 1024;

/// The most that the connection that never reads sends. A server that takes it all buffers without a bound.
const MAX_UNREAD: usize = 64 * 1024 * 1024;

/// A write without progress for this long is blocked.
const BLOCKED_AFTER: Duration = Duration::from_millis(100);

/// Runs `paced` with a rate, beside a connection that floods its target and one that never reads. Returns the results of
/// the paced connections and those of the flood.
pub(super) fn run(
    paced: &LoadPlan,
    observer: &mut impl LoadObserver,
) -> io::Result<(LoadResults, LoadResults)> {
    let _held_open = never_read(&paced.target, paced.timeout)?;
    let is_over = AtomicBool::new(false);
    let (started, flood_started) = mpsc::channel();
    thread::scope(|scope| {
        let mut flood_observer = FloodObserver {
            is_over: &is_over,
            started,
        };
        let flood = scope.spawn(move || load::run(&flood_plan(paced), &mut flood_observer));
        // A flood that fails closes the channel, and its results say why.
        let _started_or_failed = flood_started.recv_timeout(paced.timeout);
        let paced = LoadPlan {
            rate: Some(PACE * float(paced.connections as u64)),
            ..paced.clone()
        };
        let results = load::run(&paced, observer);
        is_over.store(true, Ordering::Relaxed);
        let flood = flood
            .join()
            .map_err(|_| io::Error::other("the flood panicked"))?;
        Ok((results?, flood?))
    })
}

/// Adds the traffic of the flood to the values of the paced connections. A flood that failed makes the measurement fail.
pub(super) fn add_flood(values: &mut Values, flood: &LoadResults) {
    if flood.failures.total() > 0 {
        values.failures = flood.failures;
        values.first_timeout = flood.first_timeout;
        values.first_mismatch = values.first_mismatch.or(flood.first_mismatch);
    }
    values.flood = Some(Flood {
        bytes: flood.bytes,
        elapsed_ns: nanoseconds(flood.elapsed),
    });
}

fn flood_plan(paced: &LoadPlan) -> LoadPlan {
    LoadPlan {
        pattern: LoadPattern::Stream,
        connections: 1,
        threads: 1,
        size: FLOOD_MESSAGE,
        depth: 1,
        // The observer stops it long before.
        stop_when: StopCondition::Elapsed(Duration::from_hours(24)),
        warm_up: Duration::ZERO,
        warm_up_extension: Duration::ZERO,
        ..paced.clone()
    }
}

/// Reports when the flood has started, and stops it.
struct FloodObserver<'a> {
    is_over: &'a AtomicBool,
    started: Sender<()>,
}

impl LoadObserver for FloodObserver<'_> {
    fn measurement_started(&mut self) {
        // Fails after the timeout, when the receiver no longer waits.
        let _received_or_not = self.started.send(());
    }

    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        if self.is_over.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// A connection that sends until the server takes no more, and reads nothing. It is open until the returned stream
/// is dropped.
fn never_read(target: &Address, timeout: Duration) -> io::Result<Socket> {
    let mut stream = connect(target, timeout)?;
    stream.set_nonblocking(true)?;
    let bytes = vec![0x5a; 64 * 1024];
    let (mut sent, mut last_progress) = (0, Instant::now());
    while sent < MAX_UNREAD && last_progress.elapsed() < BLOCKED_AFTER {
        match stream.write(&bytes) {
            Ok(written) => {
                sent += written;
                last_progress = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The server closed the connection, which is a legitimate defence.
            Err(_) => break,
        }
    }
    Ok(stream)
}
