//! How far the load is: what is begun, what counts, when it is over.
//!
//! ```text
//! Connecting ── all are there ──► WarmingUp ── its time ──► Measuring ── enough ──► Draining ──► Done
//!      └────────────── nobody left, or told to stop ───────────┴────────────────────────────────►┘
//! ```

use super::client_connection::Nanos;
use super::{LoadPlan, StopCondition};

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunStage {
    /// Connections are being opened.
    Connecting,
    /// The load runs, and does not count yet.
    WarmingUp { until: Nanos },
    /// The load counts.
    Measuring { since: Nanos },
    /// Open loop only: nothing new is due; what was due while it counted may still come back.
    Draining {
        since: Nanos,
        ended: Nanos,
        until: Nanos,
    },
    /// Over.
    Done,
}

/// What the next stage depends on.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a situation is exactly these independent facts"
)]
#[derive(Debug, Clone, Copy)]
pub(super) struct StageInputs {
    pub(super) now: Nanos,
    /// Everybody is connected, or has failed to.
    pub(super) is_built_up: bool,
    /// Told to stop, or nobody is left.
    pub(super) is_hopeless: bool,
    /// As many messages have come back as should.
    pub(super) is_enough: bool,
    /// Something that is due has not come back.
    pub(super) is_outstanding: bool,
}

impl RunStage {
    /// The stage that follows in this situation; often the same.
    pub(super) fn after(self, situation: StageInputs, plan: &LoadPlan) -> Self {
        let StageInputs { now, .. } = situation;
        if situation.is_hopeless {
            return Self::Done;
        }
        match self {
            Self::Connecting if situation.is_built_up => Self::WarmingUp {
                until: now + nanos(plan.warm_up),
            },
            Self::WarmingUp { until } if now >= until => Self::Measuring { since: now },
            Self::Measuring { since } if situation.is_enough || plan.is_over(since, now) => {
                Self::Draining {
                    since,
                    ended: now,
                    until: now + nanos(plan.timeout),
                }
            }
            Self::Draining { until, .. } if now >= until || !situation.is_outstanding => Self::Done,
            _ => self,
        }
    }

    /// When time alone moves it on, if ever.
    pub(super) fn deadline(self, plan: &LoadPlan) -> Option<Nanos> {
        match (self, plan.stop_when) {
            (Self::WarmingUp { until } | Self::Draining { until, .. }, _) => Some(until),
            (Self::Measuring { since }, StopCondition::Elapsed(duration)) => {
                Some(since + nanos(duration))
            }
            _ => None,
        }
    }

    /// Whether a message that is due at `moment` is to be sent.
    pub(super) fn sends(self, moment: Nanos) -> bool {
        match self {
            Self::WarmingUp { .. } | Self::Measuring { .. } => true,
            Self::Draining { ended, .. } => moment < ended,
            Self::Connecting | Self::Done => false,
        }
    }

    /// Whether what comes back counts.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Measuring { .. })
    }

    /// Whether what was due at `moment` counts, whenever it comes back.
    pub(super) fn covers(self, moment: Nanos) -> bool {
        match self {
            Self::Measuring { since } => moment >= since,
            Self::Draining { since, ended, .. } => (since..ended).contains(&moment),
            Self::Connecting | Self::WarmingUp { .. } | Self::Done => false,
        }
    }
}

impl LoadPlan {
    fn is_over(&self, since: Nanos, now: Nanos) -> bool {
        match self.stop_when {
            StopCondition::Elapsed(duration) => now - since >= nanos(duration),
            StopCondition::Messages(_) => false,
        }
    }
}

/// Half a millennium at most.
pub(super) fn nanos(duration: std::time::Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const QUIET: StageInputs = StageInputs {
        now: 100,
        is_built_up: false,
        is_hopeless: false,
        is_enough: false,
        is_outstanding: false,
    };

    fn plan() -> LoadPlan {
        LoadPlan {
            warm_up: Duration::from_nanos(10),
            stop_when: StopCondition::Elapsed(Duration::from_nanos(50)),
            timeout: Duration::from_micros(1),
            ..LoadPlan::new(([127, 0, 0, 1], 7).into())
        }
    }

    #[test]
    fn each_stage_waits_for_its_end() {
        for stage in [
            RunStage::Connecting,
            RunStage::WarmingUp { until: 101 },
            RunStage::Measuring { since: 51 },
        ] {
            assert_eq!(stage.after(QUIET, &plan()), stage);
        }
    }

    #[test]
    fn the_stages_follow_each_other() {
        let built_up = StageInputs {
            is_built_up: true,
            ..QUIET
        };
        let warming_up = RunStage::Connecting.after(built_up, &plan());
        assert_eq!(warming_up, RunStage::WarmingUp { until: 110 });
        let measuring = warming_up.after(StageInputs { now: 111, ..QUIET }, &plan());
        assert_eq!(measuring, RunStage::Measuring { since: 111 });
        let over = StageInputs {
            now: 161,
            is_outstanding: true,
            ..QUIET
        };
        let draining = measuring.after(over, &plan());
        assert!(!draining.counts() && draining.sends(160) && !draining.sends(161));
        assert_eq!(draining.after(over, &plan()), draining);
        assert_eq!(draining.after(QUIET, &plan()), RunStage::Done);
        let late = StageInputs { now: 1161, ..over };
        assert_eq!(draining.after(late, &plan()), RunStage::Done);
    }

    #[test]
    fn enough_messages_end_the_measuring_before_its_time() {
        let enough = StageInputs {
            is_enough: true,
            ..QUIET
        };
        let next = RunStage::Measuring { since: 99 }.after(enough, &plan());
        assert!(matches!(next, RunStage::Draining { ended: 100, .. }));
    }

    #[test]
    fn without_hope_every_stage_is_the_last() {
        let hopeless = StageInputs {
            is_hopeless: true,
            ..QUIET
        };
        for stage in [RunStage::Connecting, RunStage::Measuring { since: 99 }] {
            assert_eq!(stage.after(hopeless, &plan()), RunStage::Done);
        }
    }

    #[test]
    fn what_was_due_while_it_counted_counts_while_draining() {
        let draining = RunStage::Draining {
            since: 10,
            ended: 20,
            until: 30,
        };
        assert_eq!(
            [9, 10, 19, 20].map(|at| draining.covers(at)),
            [false, true, true, false]
        );
    }
}
