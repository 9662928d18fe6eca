//! What a soak has found.

use super::mixture::{Kind, MIXTURE};
use super::trend::{Judgement, Slope};
use std::fmt;
use std::io;
use std::time::Duration;

/// Bytes of memory per hour that a server may grow. Less is noise of the allocator.
const MEMORY_BOUND: f64 = 1024.0 * 1024.0;

/// Bytes of memory that a server may grow in a whole run, until the allocator has found its size: what bounds a run that is
/// too short to know better.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryNoise(f64);

impl MemoryNoise {
    pub(crate) const ONE_THREAD: Self = Self(1024.0 * 1024.0);
    /// The allocator has an arena for each of the first threads.
    pub(crate) const THREADS: Self = Self(8.0 * 1024.0 * 1024.0);
}

/// As for memory: descriptors per hour, and in a whole run. The mixture has about 150 connections open, whose number is never
/// quite steady.
const DESCRIPTOR_BOUND: f64 = 10.0;
const DESCRIPTOR_NOISE: f64 = 20.0;

/// Failures that are reported in full.
const REPORTED: usize = 5;

/// What the server occupied at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Since the start of the run.
    pub(crate) seconds: f64,
    /// Bytes of resident memory.
    pub(crate) resident: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
}

/// How the episodes of one kind went.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    episodes: u64,
    /// Bytes that came back and were right.
    bytes: u64,
    failures: u64,
    /// The first failures, each with the number of its episode.
    reported: Vec<String>,
}

impl Tally {
    pub(crate) fn count(&mut self, outcome: io::Result<u64>, episode: u64) {
        self.episodes += 1;
        match outcome {
            Ok(bytes) => self.bytes += bytes,
            Err(error) => {
                self.failures += 1;
                if self.reported.len() < REPORTED {
                    self.reported.push(format!("episode {episode:#x}: {error}"));
                }
            }
        }
    }
}

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tallies: [(Kind, Tally); MIXTURE.len()],
    pub(crate) samples: Vec<Sample>,
    pub(crate) memory_noise: MemoryNoise,
    /// Seconds at the beginning that are not judged.
    pub(crate) warm_up: f64,
    /// Processor cores that the server used on average.
    pub(crate) cores: f64,
    pub(crate) descriptors_at_start: usize,
    pub(crate) descriptors_at_end: usize,
    /// How long the stop took, or how it failed; `None` if the server has no stop.
    pub(crate) stop: Option<Result<Duration, String>>,
}

impl Report {
    /// Whether nothing failed and nothing grew.
    pub(crate) fn held(&self) -> bool {
        let failures = self.tallies.iter().map(|(_, tally)| tally.failures);
        let episodes = self.tallies.iter().map(|(_, tally)| tally.episodes);
        failures.sum::<u64>() == 0
            && episodes.min() > Some(0)
            && self.descriptors_at_end <= self.descriptors_at_start
            && self
                .memory()
                .is_some_and(|trend| trend.judgement() != Judgement::Exceeded)
            && self
                .descriptors()
                .is_some_and(|trend| trend.judgement() != Judgement::Exceeded)
            && !matches!(self.stop, Some(Err(_)))
    }

    fn memory(&self) -> Option<Trend> {
        let bound = self.bound(MEMORY_BOUND, self.memory_noise.0);
        self.trend(|sample| sample.resident as f64, bound)
    }

    fn descriptors(&self) -> Option<Trend> {
        let bound = self.bound(DESCRIPTOR_BOUND, DESCRIPTOR_NOISE);
        self.trend(|sample| sample.descriptors as f64, bound)
    }

    fn judged(&self) -> impl Iterator<Item = &Sample> {
        let judged = |sample: &&Sample| sample.seconds >= self.warm_up;
        self.samples.iter().filter(judged)
    }

    /// A bound per hour: `per_hour`, or in a short run what amounts to `noise` within the run.
    fn bound(&self, per_hour: f64, noise: f64) -> f64 {
        let end = self.samples.last().map_or(0.0, |sample| sample.seconds);
        per_hour.max(noise * 3600.0 / (end - self.warm_up))
    }

    fn trend(&self, value: fn(&Sample) -> f64, bound: f64) -> Option<Trend> {
        let hours = |sample: &Sample| sample.seconds / 3600.0;
        let samples: Vec<_> = self.judged().map(|it| (hours(it), value(it))).collect();
        let slope = Slope::of(&samples)?;
        Some(Trend { slope, bound })
    }
}

/// A slope per hour, and the largest that is allowed.
struct Trend {
    slope: Slope,
    bound: f64,
}

impl Trend {
    fn judgement(&self) -> Judgement {
        self.slope.judge(self.bound)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, unit: &str, scale: f64) -> fmt::Result {
        let Slope { value, low, high } = self.slope;
        let judgement = match self.judgement() {
            Judgement::Held => "held",
            Judgement::Undecided => "undecided",
            Judgement::Exceeded => "EXCEEDED",
        };
        writeln!(
            f,
            "{:+.3} {unit} per hour (95 %: {:+.3} to {:+.3}), at most {:.1}: {judgement}",
            value / scale,
            low / scale,
            high / scale,
            self.bound / scale
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = 1024.0 * 1024.0;
        writeln!(
            f,
            "{:<24}{:>10}{:>14}{:>10}",
            "kind", "episodes", "MiB verified", "failures"
        )?;
        for (kind, tally) in &self.tallies {
            let (name, mib) = (kind.name(), tally.bytes as f64 / MIB);
            writeln!(
                f,
                "{name:<24}{:>10}{mib:>14.1}{:>10}",
                tally.episodes, tally.failures
            )?;
        }
        for (kind, tally) in &self.tallies {
            for failure in &tally.reported {
                writeln!(f, "FAILED: {}, {failure}", kind.name())?;
            }
        }
        let most = |value: fn(&Sample) -> u64| self.samples.iter().map(value).max().unwrap_or(0);
        writeln!(
            f,
            "server         {:.0} % of a core; at most {:.1} MiB resident, {} descriptors; {} samples",
            100.0 * self.cores,
            most(|sample| sample.resident) as f64 / MIB,
            most(|sample| sample.descriptors as u64),
            self.samples.len()
        )?;
        for (name, trend, unit, scale) in [
            ("memory         ", self.memory(), "MiB", MIB),
            ("descriptors    ", self.descriptors(), "descriptors", 1.0),
        ] {
            f.write_str(name)?;
            match trend {
                Some(trend) => trend.write(f, unit, scale)?,
                None => writeln!(f, "FAILED: too few samples")?,
            }
        }
        let (start, end) = (self.descriptors_at_start, self.descriptors_at_end);
        let words = if end <= start {
            "all closed"
        } else {
            "NOT CLOSED"
        };
        writeln!(
            f,
            "without peers  {start} descriptors at the start, {end} at the end: {words}"
        )?;
        match &self.stop {
            None => {}
            Some(Ok(time)) => writeln!(f, "stop           exit code 0 after {time:.1?}")?,
            Some(Err(error)) => writeln!(f, "stop           FAILED: {error}")?,
        }
        writeln!(f, "{}", if self.held() { "held" } else { "FAILED" })
    }
}
