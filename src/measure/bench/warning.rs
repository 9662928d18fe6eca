//! Conditions under which the figures of a measurement do not describe the server.

use super::machine::MAX_STOLEN_SHARE;
use super::values::Values;
use crate::measure::load::WarmUpEnd;
use crate::text::units;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A generator whose threads use more than this share of a core each has no capacity left to load the server with.
const SATURATED_SHARE: f64 = 0.95;

/// A server that uses less than this share of a core beside a saturated generator was not the limit.
const UNSATURATED_SHARE: f64 = 0.90;

/// With a rate, a generator that is busy for more than this share of the time may have been late for lack of it.
const BUSY_SHARE: f64 = 0.80;

/// The generator's own part of the response time disturbs the measurement if its p99, times this, exceeds the p99 of the
/// whole.
const LEAST_RATIO: u64 = 10;

/// A side that was ready to run and waited for a core for more than this share of the measurement was disturbed.
const MAX_DELAYED_SHARE: f64 = 0.05;

/// A wake-up counts as a wait of some microseconds, until the task runs: 20,000 messages per second on a machine that did
/// nothing else came to 17 % of the time, and one busy program beside them to 40 %. Above this share of the measurement,
/// other programs competed for the cores.
const MAX_PRESSURE_SHARE: f64 = 0.30;

/// If less than this share of the messages due came back in time, the rate was not reached.
pub const MIN_RATE_SHARE: f64 = 0.99;

/// A condition under which the figures do not describe the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BenchWarning {
    /// The generator used all of its core and the server did not: the rate is the generator's.
    GeneratorWasTheLimit {
        /// The share of its core that the generator used.
        generator_cpu_share: f64,
        /// The share of one core that the server used.
        server_cpu_share: f64,
    },
    /// The generator used all of its core, and the server's process is not visible.
    GeneratorMayHaveBeenTheLimit {
        /// The share of its core that the generator used.
        generator_cpu_share: f64,
    },
    /// The generator's own part of the response time is not small: its p99 is more than a tenth of that of the whole.
    ScheduleNotKept {
        /// 99th percentile of its own part.
        p99_lag_ns: u64,
        /// 99th percentile of the response time.
        p99_response_ns: u64,
    },
    /// Fewer messages per second came back than were due, and the generator was neither busy nor late.
    ServerDidNotKeepUp {
        /// Messages that came back, as a fraction of those due.
        fraction: f64,
    },
    /// Fewer messages per second came back than were due, because the generator was busy or late, and the server was not
    /// busy.
    GeneratorDidNotKeepUp {
        /// Messages that came back, as a fraction of those due.
        fraction: f64,
        /// The share of its core that the generator used.
        generator_cpu_share: f64,
        /// The share of one core that the server used.
        server_cpu_share: f64,
    },
    /// Fewer messages per second came back than were due. The generator was busy or late; the server was busy as well, or
    /// its process is not visible.
    RateNotReached {
        /// Messages that came back, as a fraction of those due.
        fraction: f64,
        /// The share of its core that the generator used.
        generator_cpu_share: f64,
        /// The share of one core that the server used; `None` if its process is not visible.
        server_cpu_share: Option<f64>,
    },
    /// The cost of a message still fell at the end of the longest warm-up.
    NotWarm {
        /// How long the warm-up lasted.
        lasted_ns: u64,
    },
    /// The processor time of the server was not seen: its messages seem to have cost less than a system call can.
    CostNotSeen,
    /// Another thread had the core of a server that has only one thread, while the server was ready to run. Several threads
    /// also wait for each other, which is no disturbance.
    ServerWaitedForCore {
        /// The share of the time.
        share: f64,
    },
    /// Another thread had the core of the generator, while the generator was ready to run.
    GeneratorWaitedForCore {
        /// The share of the time.
        share: f64,
    },
    /// Some task of the machine waited for a core, neither the generator nor the server, which has only one thread: other
    /// programs were running.
    CpuPressure {
        /// The share of the time.
        share: f64,
    },
    /// The hypervisor gave processor time to other machines.
    StolenTime {
        /// The share of the processor time of the cores in use.
        share: f64,
    },
    /// The processor's frequency depends on the load.
    VariableFrequency {
        /// The kernel's name for its policy.
        governor: String,
    },
    /// The generator had more threads than cores.
    ThreadsShareCores {
        /// Its threads.
        threads: usize,
        /// Its cores.
        cores: usize,
    },
    /// Server and generator ran on different cores that are threads of one physical core.
    SharedPhysicalCore,
    /// This program is a debug build, which measures itself more than the server.
    DebugBuild,
}

impl BenchWarning {
    /// That too much of the processor time was stolen, if it was.
    pub(super) fn stolen(share: Option<f64>) -> Option<Self> {
        let share = share.filter(|share| *share > MAX_STOLEN_SHARE)?;
        Some(Self::StolenTime { share })
    }

    /// That a generator with these threads had fewer cores, if it had.
    pub(in crate::measure) fn threads_share_cores(threads: usize, cores: usize) -> Option<Self> {
        (threads > cores).then_some(Self::ThreadsShareCores { threads, cores })
    }

    /// All warnings that apply to a measurement at `rate` messages per second, in the closed loop without one, with
    /// `depth` messages in flight on a connection.
    pub fn all(rate: Option<f64>, depth: usize, values: &Values) -> Vec<Self> {
        let cost = values.server.as_ref();
        let is_unseen = cost.is_some_and(|cost| !cost.is_plausible(values.messages, depth));
        [
            limit(rate, values),
            missed_schedule(values),
            not_warm(values),
            is_unseen.then_some(Self::CostNotSeen),
            server_delayed(values),
            generator_delayed(values),
            cpu_pressure(values),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn server_delayed(values: &Values) -> Option<BenchWarning> {
    let has_one_thread = values.server.is_some_and(|cost| cost.threads == 1);
    let share = values.server_delayed_share().filter(|_| has_one_thread)?;
    (share > MAX_DELAYED_SHARE).then_some(BenchWarning::ServerWaitedForCore { share })
}

fn generator_delayed(values: &Values) -> Option<BenchWarning> {
    let share = values.generator_delayed_share()?;
    (share > MAX_DELAYED_SHARE).then_some(BenchWarning::GeneratorWaitedForCore { share })
}

/// Not in addition to the delay of either side. Several threads of a server make each other wait.
fn cpu_pressure(values: &Values) -> Option<BenchWarning> {
    let has_one_thread = values.server.is_some_and(|cost| cost.threads == 1);
    let is_told = server_delayed(values)
        .or(generator_delayed(values))
        .is_some();
    let share = values.cpu_pressure_share();
    let share = share.filter(|it| *it > MAX_PRESSURE_SHARE && has_one_thread && !is_told)?;
    Some(BenchWarning::CpuPressure { share })
}

/// Which side was the limit, on the evidence of both; `None` if neither side was, or only the server.
fn limit(rate: Option<f64>, values: &Values) -> Option<BenchWarning> {
    match rate {
        Some(rate) => shortfall(rate, values),
        None => generator_limit(values),
    }
}

/// In the closed loop the generator needs time to spare. With a rate it may be busy, as long as it keeps its
/// schedule.
fn generator_limit(values: &Values) -> Option<BenchWarning> {
    if values.generator_share_per_thread() < SATURATED_SHARE {
        return None;
    }
    let generator_cpu_share = values.generator_share();
    let Some(server_cpu_share) = values.server_share() else {
        return Some(BenchWarning::GeneratorMayHaveBeenTheLimit {
            generator_cpu_share,
        });
    };
    (server_cpu_share < UNSATURATED_SHARE).then_some(BenchWarning::GeneratorWasTheLimit {
        generator_cpu_share,
        server_cpu_share,
    })
}

fn not_warm(values: &Values) -> Option<BenchWarning> {
    let warm_up = values.warm_up?;
    let lasted_ns = warm_up.lasted_ns;
    (warm_up.end == WarmUpEnd::NotWarm).then_some(BenchWarning::NotWarm { lasted_ns })
}

fn missed_schedule(values: &Values) -> Option<BenchWarning> {
    let p99_lag_ns = values.generator_lag.as_ref()?.percentile("p99")?;
    let p99_response_ns = values.response_time.as_ref()?.percentile("p99")?;
    let is_large = p99_lag_ns.saturating_mul(LEAST_RATIO) > p99_response_ns;
    is_large.then_some(BenchWarning::ScheduleNotKept {
        p99_lag_ns,
        p99_response_ns,
    })
}

/// The messages that came back, as a fraction of those due, if they are too few.
fn fraction_missed(rate: f64, values: &Values) -> Option<f64> {
    let fraction = values.messages_per_second() / rate;
    (fraction < MIN_RATE_SHARE).then_some(fraction)
}

fn shortfall(rate: f64, values: &Values) -> Option<BenchWarning> {
    let fraction = fraction_missed(rate, values)?;
    let generator_cpu_share = values.generator_share();
    // Its processor time does not tell: a sleep and a wake-up cost more of it than a message.
    let had_time_to_spare = values.generator_busy_share() < BUSY_SHARE;
    let generator_kept_up = had_time_to_spare && missed_schedule(values).is_none();
    Some(match values.server_share() {
        _ if generator_kept_up => BenchWarning::ServerDidNotKeepUp { fraction },
        Some(server_cpu_share) if server_cpu_share < UNSATURATED_SHARE => {
            BenchWarning::GeneratorDidNotKeepUp {
                fraction,
                generator_cpu_share,
                server_cpu_share,
            }
        }
        server_cpu_share => BenchWarning::RateNotReached {
            fraction,
            generator_cpu_share,
            server_cpu_share,
        },
    })
}

fn waited_for_core(f: &mut fmt::Formatter<'_>, side: &str, share: f64) -> fmt::Result {
    write!(
        f,
        "the {side} was ready to run and waited for a core for {:.0} % of the time: other threads used it",
        share * 100.0
    )
}

fn time(nanoseconds: u64) -> String {
    let time = Duration::from_nanos(nanoseconds);
    units::value(time.as_secs_f64(), units::TIME)
}

impl fmt::Display for BenchWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GeneratorWasTheLimit {
                generator_cpu_share,
                server_cpu_share,
            } => write!(
                f,
                "the generator was the limit, not the server: it used {:.0} % of a core, the server {:.0} %",
                generator_cpu_share * 100.0,
                server_cpu_share * 100.0
            ),
            Self::GeneratorMayHaveBeenTheLimit {
                generator_cpu_share,
            } => write!(
                f,
                "the generator may have been the limit: it used {:.0} % of a core, and the server's usage is unknown",
                generator_cpu_share * 100.0
            ),
            Self::ScheduleNotKept {
                p99_lag_ns,
                p99_response_ns,
            } => write!(
                f,
                "the generator's own part of the response time has a p99 of {}, more than a tenth of the whole ({}); \
                 from 80,000 messages per second on, --slack 0s makes it smaller",
                time(*p99_lag_ns),
                time(*p99_response_ns)
            ),
            Self::ServerDidNotKeepUp { fraction } => write!(
                f,
                "the server did not keep up: {:.1} % of the messages due came back in time",
                fraction * 100.0
            ),
            Self::GeneratorDidNotKeepUp {
                fraction,
                generator_cpu_share,
                server_cpu_share,
            } => write!(
                f,
                "the generator did not keep up, not the server: {:.1} % of the messages due came back in time; it used \
                 {:.0} % of a core, the server {:.0} %",
                fraction * 100.0,
                generator_cpu_share * 100.0,
                server_cpu_share * 100.0
            ),
            Self::RateNotReached {
                fraction,
                generator_cpu_share,
                server_cpu_share,
            } => {
                write!(
                    f,
                    "the rate was not reached, and either side may be the reason: {:.1} % of the messages due came back \
                     in time; the generator used {:.0} % of a core, the server ",
                    fraction * 100.0,
                    generator_cpu_share * 100.0
                )?;
                match server_cpu_share {
                    Some(share) => write!(f, "{:.0} %", share * 100.0),
                    None => f.write_str("an unknown share"),
                }
            }
            Self::NotWarm { lasted_ns } => write!(
                f,
                "the cost of a message still fell after a warm-up of {}: --warmup sets a longer one",
                time(*lasted_ns)
            ),
            Self::CostNotSeen => f.write_str(
                "the CPU time of the server was not seen: its messages seem to cost less than a system call can, so other \
                 processes than the observed ones have served them",
            ),
            Self::ServerWaitedForCore { share } => waited_for_core(f, "server", *share),
            Self::GeneratorWaitedForCore { share } => waited_for_core(f, "generator", *share),
            Self::CpuPressure { share } => write!(
                f,
                "other programs waited for a core for {:.0} % of the time: the machine was busy",
                share * 100.0
            ),
            Self::StolenTime { share } => write!(
                f,
                "other machines on the host took {:.0} % of the processor time",
                share * 100.0
            ),
            Self::VariableFrequency { governor } => write!(
                f,
                "the processor's frequency follows the load (governor {governor}): times depend on how busy it was before"
            ),
            Self::ThreadsShareCores { threads, cores } => write!(
                f,
                "the generator had {threads} threads on {}: they take time from each other",
                units::counted(*cores, "core", "cores")
            ),
            Self::SharedPhysicalCore => f.write_str(
                "server and generator ran on threads of one physical core: they take time from each other",
            ),
            Self::DebugBuild => f.write_str(
                "this is a debug build of mio-echo: it measures itself more than the server",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
