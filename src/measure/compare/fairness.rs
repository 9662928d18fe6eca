//! Who keeps their manners among neighbours: paced connections, beside one that floods and one that never
//! reads.
//!
//! The flood is a load of its own on a thread of its own, so that what is measured is the server's sense of
//! justice and not the generator's. What the paced ones wait counts from the moment at which their message was
//! due.

use crate::measure::load::{self, LoadObserver, LoadPattern, LoadPlan, LoadResults, Progress};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Messages a second from each of the paced connections: often enough for a p99 after a second, seldom enough
/// that they alone would be no work.
const PACE: f64 = 50.0;

/// Bytes of a message of the flood.
const FLOOD: usize = 1024 * 1024;

/// What the silent one sends at most. A server that takes it all buffers without bound.
const MOST_UNREAD: usize = 64 * 1024 * 1024;

/// A write that has not gone on for so long is blocked.
const BLOCKED: Duration = Duration::from_millis(100);

/// What a load brought in.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) outcome: LoadResults,
    /// What came of the connection that floods, where there is one.
    pub(super) flood: Option<LoadResults>,
}

/// Puts `paced` on its target, with a rate, while somebody floods it and somebody does not read.
pub(super) fn run(paced: &LoadPlan, watch: &mut impl LoadObserver) -> io::Result<Taken> {
    let _held_open = never_read(paced.target, paced.timeout)?;
    let enough = AtomicBool::new(false);
    let (flooding, floods) = mpsc::channel();
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            load::run(
                &flood_of(paced),
                &mut Flood {
                    enough: &enough,
                    flooding,
                },
            )
        });
        // It may have failed; then the channel is closed, and its outcome says so.
        let _either_way = floods.recv_timeout(paced.timeout);
        let mut plan = paced.clone();
        plan.rate = Some(PACE * super::statistics::float(plan.connections as u64));
        let outcome = load::run(&plan, watch);
        enough.store(true, Ordering::Relaxed);
        let flood = flood
            .join()
            .map_err(|_| io::Error::other("the flood panicked"))?;
        Ok(Taken {
            outcome: outcome?,
            flood: Some(flood?),
        })
    })
}

fn flood_of(paced: &LoadPlan) -> LoadPlan {
    LoadPlan {
        pattern: LoadPattern::Stream,
        connections: 1,
        size: FLOOD,
        depth: 1,
        // Ended by its watch, long before.
        stop_when: load::StopCondition::Elapsed(Duration::from_hours(24)),
        warm_up: Duration::ZERO,
        ..paced.clone()
    }
}

struct Flood<'a> {
    enough: &'a AtomicBool,
    flooding: Sender<()>,
}

impl LoadObserver for Flood<'_> {
    fn measurement_started(&mut self) {
        let _nobody_waits_any_more = self.flooding.send(());
    }

    fn progress(&mut self, _so_far: &Progress) -> ControlFlow<()> {
        if self.enough.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// A connection that sends until nobody takes anything any more, and reads nothing. It lives until the
/// returned stream is dropped.
fn never_read(target: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&target, patience)?;
    stream.set_nonblocking(true)?;
    let bytes = vec![0x5a; 64 * 1024];
    let (mut sent, mut last_progress) = (0, Instant::now());
    while sent < MOST_UNREAD && last_progress.elapsed() < BLOCKED {
        match stream.write(&bytes) {
            Ok(taken) => {
                sent += taken;
                last_progress = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It was thrown out: that too is a way to deal with it.
            Err(_) => break,
        }
    }
    Ok(stream)
}
