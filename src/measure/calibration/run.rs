//! Measures one injection, and puts what was injected beside what was measured.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and sizes that a float holds exactly"
)]

use super::injection::{FROZEN_CONNECTIONS, Injection, OVERLOAD_RATE};
use super::row::{CalibrationRow, FigureUnit};
use super::servers::{BURN, CEILING, DELAY, DELAYED_SHARE, Falsification, RESIDENT};
use super::target::{CalibrationObserver, CalibrationTarget, Suspension};
use crate::measure::bench::{BenchWarning, UsageSampler, Values};
use crate::measure::load::{self, LoadPlan, LoadResults};
use crate::text::units::nanoseconds;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What was measured of one injection, and what is known of it.
#[derive(Debug)]
struct InjectionRun {
    plan: LoadPlan,
    results: LoadResults,
    sampler: Option<UsageSampler>,
    suspensions: Vec<Suspension>,
    /// When the run was over.
    ended: Instant,
}

/// Measures `injection` with a server that `program`, which is this one, runs as a process. When `stop` is set, the run
/// ends early.
///
/// # Errors
///
/// The server could not be started, or the load could not be generated.
pub fn measure(
    injection: Injection,
    program: &Path,
    stop: &AtomicBool,
) -> io::Result<Vec<CalibrationRow>> {
    let target = CalibrationTarget::start(injection.server(), program)?;
    let plan = injection.plan(target.address);
    let mut observer = CalibrationObserver::new(&target, injection.spans(), stop);
    let results = load::run(&plan, &mut observer);
    let ended = Instant::now();
    let suspensions = observer.suspensions();
    observer.suspender.resume()?;
    Ok(InjectionRun {
        plan,
        results: results?,
        sampler: observer.sampler,
        suspensions: suspensions?,
        ended,
    }
    .rows(injection))
}

impl InjectionRun {
    fn rows(&self, injection: Injection) -> Vec<CalibrationRow> {
        match injection {
            Injection::Delay => self.delay(),
            Injection::Stalls => self.stalls(),
            Injection::Frozen => self.frozen(),
            Injection::Starved => vec![exact(
                "no echo on 1 connection of 10: starved",
                1,
                self.results.starved as u64,
            )],
            Injection::BurnInChild => vec![self.burn()],
            Injection::Resident => vec![self.resident()],
            Injection::Ceiling => vec![CalibrationRow::new(
                "at most 2,000 messages per second: throughput",
                FigureUnit::PerSecond,
                f64::from(CEILING),
                Some(self.results.messages_per_second()),
                0.02,
            )],
            Injection::Overload => vec![self.overload()],
            Injection::GeneratorOverload => vec![exact(
                "more due than can be sent: server not blamed",
                1,
                u64::from(self.is_generator_suspected()),
            )],
            Injection::Falsified(how) => vec![self.falsified(how)],
        }
    }

    fn delay(&self) -> Vec<CalibrationRow> {
        let service = &self.results.service;
        let delayed = service
            .histogram()
            .count_between(nanoseconds(DELAY / 2), u64::MAX);
        vec![
            // The delayed messages begin at p95. A quantile among them depends least on outliers in their middle.
            CalibrationRow::new(
                "1 message of 20 echoed 50 ms later: p97",
                FigureUnit::Seconds,
                DELAY.as_secs_f64(),
                seconds(service.quantile(0.97)),
                0.05,
            ),
            CalibrationRow::new(
                "1 message of 20 echoed 50 ms later: their share",
                FigureUnit::Fraction,
                DELAYED_SHARE,
                fraction(delayed, service.count()),
                0.05,
            ),
        ]
    }

    /// A message that is due during a suspension waits for the rest of it, so the delays are uniformly distributed. The
    /// hundredth part of all messages with the longest delays are those due at the beginnings of the suspensions.
    fn stalls(&self) -> Vec<CalibrationRow> {
        let lengths = self.suspensions.iter().map(|it| it.length.as_secs_f64());
        let count = self.suspensions.len().max(1) as f64;
        let mean = lengths.clone().sum::<f64>() / count;
        let p99 = mean - 0.01 * self.results.elapsed.as_secs_f64() / count;
        let response = self.results.response.as_ref();
        vec![
            CalibrationRow::new(
                "stopped 200 ms every 2 s, 10,000/s: response p99",
                FigureUnit::Seconds,
                p99,
                seconds(response.and_then(|it| it.quantile(0.99))),
                0.05,
            ),
            CalibrationRow::new(
                "stopped 200 ms every 2 s: longest stall",
                FigureUnit::Seconds,
                lengths.fold(0.0, f64::max),
                seconds(Some(Duration::from_nanos(self.results.longest_gap))),
                0.05,
            ),
        ]
    }

    fn frozen(&self) -> Vec<CalibrationRow> {
        let frozen = self.suspensions.first();
        let age = frozen.map_or(Duration::ZERO, |it| self.ended.duration_since(it.since));
        vec![
            exact(
                "frozen to the end, 4 in flight: unanswered",
                FROZEN_CONNECTIONS as u64,
                self.results.unanswered,
            ),
            CalibrationRow::new(
                "frozen to the end: maximum latency",
                FigureUnit::Seconds,
                age.as_secs_f64(),
                seconds(self.results.service.max()),
                0.05,
            ),
        ]
    }

    fn burn(&self) -> CalibrationRow {
        let cost = self.sampler.as_ref().and_then(UsageSampler::cost);
        let each = cost.map(|cost| cost.cpu_ns() as f64 / 1e9 / self.results.messages as f64);
        CalibrationRow::new(
            "200 µs of CPU in a child process: CPU per message",
            FigureUnit::Seconds,
            BURN.as_secs_f64(),
            each,
            0.05,
        )
    }

    fn resident(&self) -> CalibrationRow {
        let cost = self.sampler.as_ref().and_then(UsageSampler::cost);
        let each = cost.map(|cost| cost.bytes_per_connection(self.plan.connections));
        CalibrationRow::new(
            "1 MiB in use per connection: memory per connection",
            FigureUnit::Bytes,
            RESIDENT as f64,
            each,
            0.05,
        )
    }

    /// The share of the messages that came back, if that is blamed on the server.
    fn overload(&self) -> CalibrationRow {
        let blamed = self.warnings().into_iter().find_map(|it| match it {
            BenchWarning::ServerDidNotKeepUp { fraction } => Some(fraction),
            _ => None,
        });
        CalibrationRow::new(
            "4,000/s due, at most 2,000/s echoed: server blamed",
            FigureUnit::Fraction,
            f64::from(CEILING) / OVERLOAD_RATE,
            blamed,
            0.02,
        )
    }

    /// Whether the rate that was not reached is blamed on the generator, or on either side.
    fn is_generator_suspected(&self) -> bool {
        self.warnings().iter().any(|it| {
            matches!(
                it,
                BenchWarning::GeneratorDidNotKeepUp { .. } | BenchWarning::RateNotReached { .. }
            )
        })
    }

    fn warnings(&self) -> Vec<BenchWarning> {
        let cost = self.sampler.as_ref().and_then(UsageSampler::cost);
        let values = Values::new(&self.results, cost);
        BenchWarning::all(self.plan.rate, self.plan.depth, &values)
    }

    fn falsified(&self, how: Falsification) -> CalibrationRow {
        let what = match how {
            Falsification::Corrupted => "byte 1000 corrupted: first wrong byte",
            Falsification::Lost => "byte 1000 lost: first wrong byte",
            Falsification::Doubled => "byte 1000 doubled: first wrong byte",
            Falsification::Swapped => "bytes 1000 and 1001 swapped: first wrong byte",
        };
        let offset = self.results.first_mismatch.map(|it| it.offset as f64);
        let injected = how.first_wrong() as f64;
        CalibrationRow::new(what, FigureUnit::Number, injected, offset, 0.0)
    }
}

/// A count that has to be exact.
fn exact(what: &'static str, injected: u64, measured: u64) -> CalibrationRow {
    let (injected, measured) = (injected as f64, measured as f64);
    CalibrationRow::new(what, FigureUnit::Number, injected, Some(measured), 0.0)
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

/// `part` of `whole`; `None` without samples.
fn fraction(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
