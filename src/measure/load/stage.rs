//! How far the load is: what is begun, what counts, when it is over.
//!
//! ```text
//! Connecting ── all are there ──► WarmingUp ── its time ──► Measuring ── enough ──► Draining ──► Done
//!      └────────────── nobody left, or told to stop ───────────┴────────────────────────────────►┘
//! ```

use super::conversation::Nanos;
use super::{End, Plan};

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
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
pub(super) struct Situation {
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

impl Stage {
    /// The stage that follows in this situation; often the same.
    pub(super) fn after(self, situation: Situation, plan: &Plan) -> Self {
        let Situation { now, .. } = situation;
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
                    until: now + nanos(plan.patience),
                }
            }
            Self::Draining { until, .. } if now >= until || !situation.is_outstanding => Self::Done,
            _ => self,
        }
    }

    /// When time alone moves it on, if ever.
    pub(super) fn deadline(self, plan: &Plan) -> Option<Nanos> {
        match (self, plan.end) {
            (Self::WarmingUp { until } | Self::Draining { until, .. }, _) => Some(until),
            (Self::Measuring { since }, End::After(duration)) => Some(since + nanos(duration)),
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

impl Plan {
    fn is_over(&self, since: Nanos, now: Nanos) -> bool {
        match self.end {
            End::After(duration) => now - since >= nanos(duration),
            End::Messages(_) => false,
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

    const QUIET: Situation = Situation {
        now: 100,
        is_built_up: false,
        is_hopeless: false,
        is_enough: false,
        is_outstanding: false,
    };

    fn plan() -> Plan {
        Plan {
            warm_up: Duration::from_nanos(10),
            end: End::After(Duration::from_nanos(50)),
            patience: Duration::from_micros(1),
            ..Plan::new(([127, 0, 0, 1], 7).into())
        }
    }

    #[test]
    fn each_stage_waits_for_its_end() {
        for stage in [
            Stage::Connecting,
            Stage::WarmingUp { until: 101 },
            Stage::Measuring { since: 51 },
        ] {
            assert_eq!(stage.after(QUIET, &plan()), stage);
        }
    }

    #[test]
    fn the_stages_follow_each_other() {
        let built_up = Situation {
            is_built_up: true,
            ..QUIET
        };
        let warming_up = Stage::Connecting.after(built_up, &plan());
        assert_eq!(warming_up, Stage::WarmingUp { until: 110 });
        let measuring = warming_up.after(Situation { now: 111, ..QUIET }, &plan());
        assert_eq!(measuring, Stage::Measuring { since: 111 });
        let over = Situation {
            now: 161,
            is_outstanding: true,
            ..QUIET
        };
        let draining = measuring.after(over, &plan());
        assert!(!draining.counts() && draining.sends(160) && !draining.sends(161));
        assert_eq!(draining.after(over, &plan()), draining);
        assert_eq!(draining.after(QUIET, &plan()), Stage::Done);
        let late = Situation { now: 1161, ..over };
        assert_eq!(draining.after(late, &plan()), Stage::Done);
    }

    #[test]
    fn enough_messages_end_the_measuring_before_its_time() {
        let enough = Situation {
            is_enough: true,
            ..QUIET
        };
        let next = Stage::Measuring { since: 99 }.after(enough, &plan());
        assert!(matches!(next, Stage::Draining { ended: 100, .. }));
    }

    #[test]
    fn without_hope_every_stage_is_the_last() {
        let hopeless = Situation {
            is_hopeless: true,
            ..QUIET
        };
        for stage in [Stage::Connecting, Stage::Measuring { since: 99 }] {
            assert_eq!(stage.after(hopeless, &plan()), Stage::Done);
        }
    }

    #[test]
    fn what_was_due_while_it_counted_counts_while_draining() {
        let draining = Stage::Draining {
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
