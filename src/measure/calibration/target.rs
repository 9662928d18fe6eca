//! A calibration server as a process: started, suspended at known times, sampled.

use super::servers::{CalibrationServer, READY, SUBCOMMAND};
use crate::measure::bench::UsageSampler;
use crate::measure::load::{LoadObserver, Progress};
use crate::measure::process::{Child, CommandLine};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running calibration server. Dropping it ends its process.
#[derive(Debug)]
pub(super) struct CalibrationTarget {
    child: Child,
    pub(super) address: SocketAddr,
}

impl CalibrationTarget {
    /// Starts `server` as a process of `program`, which is this one, and waits until it listens.
    pub(super) fn start(server: CalibrationServer, program: &Path) -> io::Result<Self> {
        let command = CommandLine::new(program, [SUBCOMMAND, &server.to_string()]);
        let mut child = Child::spawn(&command, None)?;
        let line = child.ready_line(START_TIMEOUT);
        let line = line.map_err(|failure| io::Error::other(failure.to_string()))?;
        let address = line.strip_prefix(READY).and_then(|it| it.parse().ok());
        let unexpected = || io::Error::other(format!("the server printed `{line}`"));
        Ok(Self {
            address: address.ok_or_else(unexpected)?,
            child,
        })
    }

    pub(super) fn sampler(&self) -> io::Result<UsageSampler> {
        UsageSampler::new(self.child.pid())
    }

    pub(super) fn suspender(&self) -> Suspender {
        Suspender {
            pid: self.child.pid(),
        }
    }
}

/// Suspends a process, and lets it continue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspender {
    pid: u32,
}

impl Suspender {
    /// Suspends the process for each of these spans after now, and returns how long each suspension really was.
    fn run(self, spans: &[SuspensionSpan]) -> io::Result<Vec<Suspension>> {
        let start = Instant::now();
        let wait_until = |time| {
            thread::sleep((start + time).saturating_duration_since(Instant::now()));
        };
        let mut suspensions = Vec::new();
        for span in spans {
            wait_until(span.from);
            self.send(Signal::STOP)?;
            let since = Instant::now();
            if let Some(length) = span.length {
                wait_until(span.from + length);
                self.send(Signal::CONT)?;
            }
            let length = since.elapsed();
            suspensions.push(Suspension { since, length });
        }
        Ok(suspensions)
    }

    /// Lets a process that was suspended for good continue, so that it can end.
    pub(super) fn resume(self) -> io::Result<()> {
        self.send(Signal::CONT)
    }

    fn send(self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        kill_process(pid, signal).map_err(Into::into)
    }
}

/// When a process is to be suspended, counted from the start of the measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct SuspensionSpan {
    pub(super) from: Duration,
    /// `None` for good.
    pub(super) length: Option<Duration>,
}

/// When a process was suspended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspension {
    pub(super) since: Instant,
    pub(super) length: Duration,
}

/// Samples the costs of the server, suspends it, and ends the load when asked to.
#[derive(Debug)]
pub(super) struct CalibrationObserver<'a> {
    pub(super) sampler: Option<UsageSampler>,
    pub(super) suspender: Suspender,
    pub(super) spans: &'static [SuspensionSpan],
    /// The thread that suspends the server, once the measurement has started.
    suspending: Option<thread::JoinHandle<io::Result<Vec<Suspension>>>>,
    stop: &'a AtomicBool,
}

impl<'a> CalibrationObserver<'a> {
    pub(super) fn new(
        target: &CalibrationTarget,
        spans: &'static [SuspensionSpan],
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            sampler: target.sampler().ok(),
            suspender: target.suspender(),
            spans,
            suspending: None,
            stop,
        }
    }

    /// How often and for how long the server was suspended.
    pub(super) fn suspensions(&mut self) -> io::Result<Vec<Suspension>> {
        let Some(suspending) = self.suspending.take() else {
            return Ok(Vec::new());
        };
        let panicked = |_| io::Error::other("the thread that suspends the server panicked");
        suspending.join().map_err(panicked)?
    }
}

impl LoadObserver for CalibrationObserver<'_> {
    fn measurement_started(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_start);
        let (suspender, spans) = (self.suspender, self.spans);
        if !spans.is_empty() {
            self.suspending = Some(thread::spawn(move || suspender.run(spans)));
        }
    }

    fn measurement_ended(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_end);
    }

    fn progress(&mut self, _progress: &Progress) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
