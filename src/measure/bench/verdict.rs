//! What has to be known to read the figures.

use super::generator::GeneratorReport;
use super::server::ServerReport;
use crate::measure::load::{LoadPlan, LoadResults};
use crate::text::units::nanoseconds;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A generator that uses this share of its core has nothing left to put on the server.
const BUSY: f64 = 0.95;

/// A server that uses less than this share of one core while the generator is busy was not the limit.
const IDLE: f64 = 0.90;

/// A schedule whose p99 is later than this was not kept.
const LATE: Duration = Duration::from_millis(1);

/// What has to be known to read the figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// The generator used all of its core and the server did not: the rate is the generator's.
    GeneratorWasTheLimit {
        /// The generator's share of its core.
        generator: f64,
        /// The server's.
        server: f64,
    },
    /// The generator used all of its core, and nobody saw the server.
    GeneratorMayHaveBeenTheLimit {
        /// The generator's share of its core.
        generator: f64,
    },
    /// Messages were noticed too late to be sent when they were due.
    ScheduleNotKept {
        /// How late, p99.
        lag_ns: u64,
    },
    /// Fewer messages a second came back than were due.
    ServerDidNotKeepUp {
        /// What came back, of what was due, from 0 to 1.
        part: f64,
    },
    /// This program was built to be debugged, and measures itself.
    DebugBuild,
}

impl Verdict {
    pub(super) fn all(
        plan: &LoadPlan,
        outcome: &LoadResults,
        generator: &GeneratorReport,
        server: Option<&ServerReport>,
    ) -> Vec<Self> {
        [
            limit(plan, generator.cpu_share, server),
            lag(outcome),
            shortfall(plan, outcome),
            cfg!(debug_assertions).then_some(Self::DebugBuild),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// In the closed loop the generator must have time to spare. With a rate it may be busy, as long as it keeps its
/// schedule.
fn limit(plan: &LoadPlan, generator: f64, server: Option<&ServerReport>) -> Option<Verdict> {
    if plan.rate.is_some() {
        return None;
    }
    match server.map(|server| server.cpu_share) {
        _ if generator < BUSY => None,
        None => Some(Verdict::GeneratorMayHaveBeenTheLimit { generator }),
        Some(server) if server < IDLE => Some(Verdict::GeneratorWasTheLimit { generator, server }),
        Some(_) => None,
    }
}

fn lag(outcome: &LoadResults) -> Option<Verdict> {
    let lag = outcome.generator.lag.as_ref()?.quantile(0.99)?;
    let lag_ns = nanoseconds(lag);
    (lag > LATE).then_some(Verdict::ScheduleNotKept { lag_ns })
}

fn shortfall(plan: &LoadPlan, outcome: &LoadResults) -> Option<Verdict> {
    let part = outcome.messages_per_second() / plan.rate?;
    (part < 0.99).then_some(Verdict::ServerDidNotKeepUp { part })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GeneratorWasTheLimit { generator, server } => write!(
                f,
                "the generator was the limit, not the server: it used {:.0} % of a core, the server {:.0} %",
                generator * 100.0,
                server * 100.0
            ),
            Self::GeneratorMayHaveBeenTheLimit { generator } => write!(
                f,
                "the generator may have been the limit: it used {:.0} % of a core, and the server could not be seen",
                generator * 100.0
            ),
            Self::ScheduleNotKept { lag_ns } => write!(
                f,
                "the generator did not keep its schedule: one message in a hundred was noticed more than {:.1} ms late",
                Duration::from_nanos(*lag_ns).as_secs_f64() * 1e3
            ),
            Self::ServerDidNotKeepUp { part } => write!(
                f,
                "the server did not keep up: {:.1} % of the messages that were due came back in time",
                part * 100.0
            ),
            Self::DebugBuild => f.write_str(
                "this is a debug build of mio-echo: it measures itself more than the server",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rate: Option<f64>) -> LoadPlan {
        LoadPlan {
            rate,
            ..LoadPlan::new(([127, 0, 0, 1], 7).into())
        }
    }

    /// A server that used this share of a core.
    fn server(cpu_share: f64) -> ServerReport {
        ServerReport {
            pid: 1,
            cpu_us_per_message: None,
            user_us_per_message: None,
            system_us_per_message: None,
            cpu_share,
            voluntary_switches_per_message: None,
            involuntary_switches_per_message: None,
            resident_bytes_before: 0,
            resident_bytes: 0,
            threads: 1,
        }
    }

    #[test]
    fn a_busy_generator_beside_an_idle_server_was_the_limit() {
        let said = |generator, server: Option<f64>| {
            let server = server.map(self::server);
            limit(&plan(None), generator, server.as_ref())
        };
        assert!(matches!(
            said(0.99, Some(0.6)),
            Some(Verdict::GeneratorWasTheLimit { .. })
        ));
        assert!(matches!(
            said(0.99, None),
            Some(Verdict::GeneratorMayHaveBeenTheLimit { .. })
        ));
        assert_eq!(said(0.99, Some(0.97)), None, "both were busy");
        assert_eq!(said(0.80, Some(0.6)), None, "neither was");
    }

    #[test]
    fn with_a_rate_only_the_schedule_counts() {
        assert_eq!(limit(&plan(Some(1e4)), 0.99, Some(&server(0.1))), None);
        let mut outcome = LoadResults::empty();
        let mut late = crate::measure::load::Latency::new();
        (0..10_000).for_each(|_| late.record(2_000_000));
        outcome.generator.lag = Some(late);
        assert!(matches!(
            lag(&outcome),
            Some(Verdict::ScheduleNotKept { .. })
        ));
    }

    #[test]
    fn a_server_that_answers_less_than_is_due_did_not_keep_up() {
        let mut outcome = LoadResults::empty();
        (outcome.messages, outcome.elapsed) = (900, Duration::from_secs(1));
        assert!(shortfall(&plan(Some(1000.0)), &outcome).is_some());
        assert_eq!(shortfall(&plan(Some(905.0)), &outcome), None);
        assert_eq!(shortfall(&plan(None), &outcome), None);
    }
}
