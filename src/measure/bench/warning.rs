//! Conditions under which the figures of a measurement do not describe the server.

use crate::measure::load::{LoadPlan, LoadResults};
use crate::text::units::nanoseconds;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A generator that uses more than this share of its core has no capacity left to load the server with.
const SATURATED_SHARE: f64 = 0.95;

/// A server that uses less than this share of a core beside a saturated generator was not the limit.
const UNSATURATED_SHARE: f64 = 0.90;

/// With a rate, a generator that uses more than this share of its core may have been late for lack of it.
const BUSY_SHARE: f64 = 0.80;

/// A schedule whose p99 lag exceeds this was not kept.
const MAX_LAG: Duration = Duration::from_millis(1);

/// A server that echoes less than this fraction of the messages due did not keep up.
const MIN_FRACTION: f64 = 0.99;

/// A condition under which the figures do not describe the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
    /// The generator sent messages too long after they were due.
    ScheduleNotKept {
        /// 99th percentile of the time by which it was late.
        p99_lag_ns: u64,
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
    /// This program is a debug build, which measures itself more than the server.
    DebugBuild,
}

impl BenchWarning {
    /// All warnings that apply. The shares are those of one core, from 0 to 1 for the generator; the server's is
    /// `None` if its process is not visible.
    pub(super) fn all(
        plan: &LoadPlan,
        results: &LoadResults,
        generator_cpu_share: f64,
        server_cpu_share: Option<f64>,
    ) -> Vec<Self> {
        [
            generator_limit(plan, generator_cpu_share, server_cpu_share),
            missed_schedule(results),
            shortfall(plan, results, generator_cpu_share, server_cpu_share),
            cfg!(debug_assertions).then_some(Self::DebugBuild),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// In the closed loop the generator needs time to spare. With a rate it may be busy, as long as it keeps its
/// schedule.
fn generator_limit(
    plan: &LoadPlan,
    generator_cpu_share: f64,
    server_cpu_share: Option<f64>,
) -> Option<BenchWarning> {
    if plan.rate.is_some() || generator_cpu_share < SATURATED_SHARE {
        return None;
    }
    let Some(server_cpu_share) = server_cpu_share else {
        return Some(BenchWarning::GeneratorMayHaveBeenTheLimit {
            generator_cpu_share,
        });
    };
    (server_cpu_share < UNSATURATED_SHARE).then_some(BenchWarning::GeneratorWasTheLimit {
        generator_cpu_share,
        server_cpu_share,
    })
}

fn missed_schedule(results: &LoadResults) -> Option<BenchWarning> {
    late_by(results).map(|lag| BenchWarning::ScheduleNotKept {
        p99_lag_ns: nanoseconds(lag),
    })
}

/// The p99 of the generator's own lateness, if its schedule was not kept.
fn late_by(results: &LoadResults) -> Option<Duration> {
    let lag = results.generator.lag.as_ref()?.quantile(0.99)?;
    (lag > MAX_LAG).then_some(lag)
}

/// Which side was the limit if the rate was not reached, on the evidence of both.
fn shortfall(
    plan: &LoadPlan,
    results: &LoadResults,
    generator_cpu_share: f64,
    server_cpu_share: Option<f64>,
) -> Option<BenchWarning> {
    let fraction = results.messages_per_second() / plan.rate?;
    if fraction >= MIN_FRACTION {
        return None;
    }
    let generator_kept_up = generator_cpu_share < BUSY_SHARE && late_by(results).is_none();
    Some(match server_cpu_share {
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
            Self::ScheduleNotKept { p99_lag_ns } => write!(
                f,
                "the generator did not keep its schedule: it was more than {:.1} ms late for one message in a hundred",
                Duration::from_nanos(*p99_lag_ns).as_secs_f64() * 1e3
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
            Self::DebugBuild => f.write_str(
                "this is a debug build of mio-echo: it measures itself more than the server",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::load::Latency;

    fn plan(rate: Option<f64>) -> LoadPlan {
        LoadPlan {
            rate,
            ..LoadPlan::new(([127, 0, 0, 1], 7).into())
        }
    }

    #[test]
    fn a_saturated_generator_beside_an_unsaturated_server_was_the_limit() {
        let warning = |generator, server| generator_limit(&plan(None), generator, server);
        assert!(matches!(
            warning(0.99, Some(0.6)),
            Some(BenchWarning::GeneratorWasTheLimit { .. })
        ));
        assert!(matches!(
            warning(0.99, None),
            Some(BenchWarning::GeneratorMayHaveBeenTheLimit { .. })
        ));
        assert_eq!(warning(0.99, Some(0.97)), None, "both were saturated");
        assert_eq!(warning(0.80, Some(0.6)), None, "neither was");
    }

    #[test]
    fn with_a_rate_only_the_schedule_counts() {
        assert_eq!(generator_limit(&plan(Some(1e4)), 0.99, Some(0.1)), None);
        let mut lag = Latency::new();
        (0..10_000).for_each(|_| lag.record(2_000_000));
        let mut results = LoadResults::empty();
        results.generator.lag = Some(lag);
        assert!(matches!(
            missed_schedule(&results),
            Some(BenchWarning::ScheduleNotKept { .. })
        ));
    }

    #[test]
    fn a_server_that_echoes_less_than_is_due_did_not_keep_up() {
        let mut results = LoadResults::empty();
        (results.messages, results.elapsed) = (900, Duration::from_secs(1));
        let at = |rate| shortfall(&plan(rate), &results, 0.3, Some(0.3));
        assert!(matches!(
            at(Some(1000.0)),
            Some(BenchWarning::ServerDidNotKeepUp { .. })
        ));
        assert_eq!(at(Some(905.0)), None);
        assert_eq!(at(None), None);
    }

    #[test]
    fn a_rate_that_was_not_reached_is_blamed_on_the_side_that_was_busy() {
        let mut results = LoadResults::empty();
        (results.messages, results.elapsed) = (900, Duration::from_secs(1));
        let limit = |generator, server| {
            let warning = shortfall(&plan(Some(1000.0)), &results, generator, server);
            match warning.unwrap() {
                BenchWarning::ServerDidNotKeepUp { .. } => "server",
                BenchWarning::GeneratorDidNotKeepUp { .. } => "generator",
                BenchWarning::RateNotReached { .. } => "either",
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(limit(0.85, Some(0.36)), "generator");
        assert_eq!(limit(0.85, Some(0.95)), "either");
        assert_eq!(limit(0.85, None), "either");
        assert_eq!(limit(0.36, Some(0.36)), "server");
        assert_eq!(limit(0.36, None), "server");
    }
}
