//! The stages of a run, as a pure state machine.
//!
//! ```text
//! Connecting ─ all connected ─► WarmingUp ─ time over ─► Measuring ─ stop condition ─► Draining ─► Done
//!      └──── no connection left, or ended by the observer ──┴── no connection left ──────┴──────────►┘
//! ```
//!
//! A measurement that the observer ends is drained too, but only for [`STOP_GRACE`].

use super::clock::{Nanos, after};
use super::observer::LoadObserver;
use super::plan::{LoadPlan, StopCondition};
use super::results::{WarmUp, WarmUpEnd};
use crate::text::units::nanoseconds;
use std::time::Duration;

/// How long a run that the observer has ended still waits for the messages in flight. A server that keeps up needs far
/// less, and the person who pressed Ctrl-C does not notice it.
const STOP_GRACE: Duration = Duration::from_millis(200);

/// How often the observer is asked whether the server is warm.
const WARM_UP_STEP: Duration = Duration::from_millis(100);

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunStage {
    /// Connections are being established.
    Connecting,
    /// The load runs, but is not measured yet.
    WarmingUp {
        since: Nanos,
        /// When the observer is asked next whether the server is warm.
        until: Nanos,
    },
    /// The load is measured.
    Measuring { since: Nanos },
    /// No new message starts, but those in flight, or due during the measurement, may still be echoed.
    Draining {
        since: Nanos,
        ended: Nanos,
        until: Nanos,
    },
    /// The run is over.
    Done,
}

/// What the next stage depends on.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the inputs are exactly these independent facts"
)]
#[derive(Debug, Clone, Copy)]
pub(super) struct StageInputs {
    pub(super) now: Nanos,
    /// Every connection is established or has failed.
    pub(super) is_built_up: bool,
    /// The observer finds the server warm.
    pub(super) is_warm: bool,
    /// The observer has ended the run.
    pub(super) stop_requested: bool,
    /// No connection is left, or none can be opened.
    pub(super) is_hopeless: bool,
    /// The number of messages at which the measurement stops has been reached.
    pub(super) has_enough_messages: bool,
    /// Measured messages may still be echoed.
    pub(super) has_outstanding_messages: bool,
}

impl RunStage {
    /// The stage that follows; often the same.
    pub(super) fn next(self, inputs: StageInputs, plan: &LoadPlan) -> Self {
        let StageInputs { now, .. } = inputs;
        if inputs.is_hopeless {
            return Self::Done;
        }
        match self {
            Self::Connecting | Self::WarmingUp { .. } if inputs.stop_requested => Self::Done,
            Self::Measuring { since } if inputs.stop_requested => Self::Draining {
                since,
                ended: now,
                until: after(now, plan.timeout.min(STOP_GRACE)),
            },
            Self::Connecting if inputs.is_built_up => Self::WarmingUp {
                since: now,
                until: after(now, plan.warm_up),
            },
            Self::WarmingUp { since, until } if now >= until => {
                let longest = plan.warm_up.saturating_add(plan.warm_up_extension);
                if inputs.is_warm || now >= after(since, longest) {
                    Self::Measuring { since: now }
                } else {
                    let until = after(now, WARM_UP_STEP);
                    Self::WarmingUp { since, until }
                }
            }
            Self::Measuring { since }
                if inputs.has_enough_messages || has_elapsed(plan, since, now) =>
            {
                Self::Draining {
                    since,
                    ended: now,
                    until: after(now, plan.timeout),
                }
            }
            Self::Draining { until, .. } if now >= until || !inputs.has_outstanding_messages => {
                Self::Done
            }
            Self::Draining {
                since,
                ended,
                until,
            } if inputs.stop_requested => Self::Draining {
                since,
                ended,
                until: until.min(after(now, STOP_GRACE)),
            },
            stage => stage,
        }
    }

    /// What follows a measurement of a set length, at its exact end. Each thread of a generator finds it alone, so that
    /// none ends later than the others.
    pub(super) fn after_set_length(self, plan: &LoadPlan) -> Option<Self> {
        let (Self::Measuring { since }, StopCondition::Elapsed(time)) = (self, plan.stop_when)
        else {
            return None;
        };
        let ended = after(since, time);
        Some(Self::Draining {
            since,
            ended,
            until: after(ended, plan.timeout),
        })
    }

    /// When it begins; 0 if it is not known beforehand.
    pub(super) fn begins(self) -> Nanos {
        match self {
            Self::WarmingUp { since, .. } | Self::Measuring { since } => since,
            Self::Draining { ended, .. } => ended,
            Self::Connecting | Self::Done => 0,
        }
    }

    /// When the measurement ended, if it did and is drained.
    pub(super) fn measurement_ended(self) -> Option<Nanos> {
        match self {
            Self::Draining { ended, .. } => Some(ended),
            Self::Connecting | Self::WarmingUp { .. } | Self::Measuring { .. } | Self::Done => None,
        }
    }

    /// When the stage ends by time alone, if it does.
    pub(super) fn deadline(self, plan: &LoadPlan) -> Option<Nanos> {
        match (self, plan.stop_when) {
            (Self::WarmingUp { until, .. } | Self::Draining { until, .. }, _) => Some(until),
            (Self::Measuring { since }, StopCondition::Elapsed(time)) => Some(after(since, time)),
            (Self::Measuring { .. }, StopCondition::Messages(_))
            | (Self::Connecting | Self::Done, _) => None,
        }
    }

    /// Whether a message that is due at this time is still sent.
    pub(super) fn sends_message_due_at(self, time: Nanos) -> bool {
        match self {
            Self::WarmingUp { .. } | Self::Measuring { .. } => true,
            Self::Draining { ended, .. } => time < ended,
            Self::Connecting | Self::Done => false,
        }
    }

    /// Whether a message that is due at this time is measured, whenever it is echoed.
    pub(super) fn measures_message_due_at(self, time: Nanos) -> bool {
        match self {
            Self::Measuring { since } => time >= since,
            Self::Draining { since, ended, .. } => (since..ended).contains(&time),
            Self::Connecting | Self::WarmingUp { .. } | Self::Done => false,
        }
    }

    /// How much of the measurement is complete, in thousandths.
    pub(super) fn per_mille(self, now: Nanos, messages: u64, plan: &LoadPlan) -> u64 {
        let of = |done: u64, all: u64| (done.saturating_mul(1000) / all.max(1)).min(1000);
        match (self, plan.stop_when) {
            (Self::Connecting | Self::WarmingUp { .. }, _) => 0,
            (Self::Measuring { since }, StopCondition::Elapsed(time)) => {
                of(now.saturating_sub(since), nanoseconds(time))
            }
            (Self::Measuring { .. }, StopCondition::Messages(count)) => of(messages, count),
            (Self::Draining { .. } | Self::Done, _) => 1000,
        }
    }

    /// How long the measurement has lasted.
    pub(super) fn measured(self, now: Nanos) -> Option<Duration> {
        match self {
            Self::Measuring { since } => Some(Duration::from_nanos(now.saturating_sub(since))),
            _ => None,
        }
    }

    /// Whether the server is warm: the observer is asked when it is time to, unless the length of the warm-up is fixed.
    pub(super) fn is_warm(
        self,
        now: Nanos,
        plan: &LoadPlan,
        messages: u64,
        observer: &mut impl LoadObserver,
    ) -> bool {
        plan.warm_up_extension.is_zero()
            || (self.warm_up_to_judge(now)).is_some_and(|lasted| observer.is_warm(lasted, messages))
    }

    /// The warm-up that is over.
    pub(super) fn warm_up(self, inputs: StageInputs, plan: &LoadPlan) -> WarmUp {
        WarmUp {
            lasted: self.warm_up_to_judge(inputs.now).unwrap_or_default(),
            end: match inputs.is_warm {
                _ if plan.warm_up_extension.is_zero() => WarmUpEnd::Fixed,
                true => WarmUpEnd::Warm,
                false => WarmUpEnd::NotWarm,
            },
        }
    }

    /// How long the warm-up has lasted, when it is time to ask whether the server is warm.
    fn warm_up_to_judge(self, now: Nanos) -> Option<Duration> {
        match self {
            Self::WarmingUp { since, until } if now >= until => {
                Some(Duration::from_nanos(now.saturating_sub(since)))
            }
            _ => None,
        }
    }

    pub(super) fn is_warming_up(self) -> bool {
        matches!(self, Self::WarmingUp { .. })
    }

    pub(super) fn is_measuring(self) -> bool {
        matches!(self, Self::Measuring { .. })
    }

    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }
}

fn has_elapsed(plan: &LoadPlan, since: Nanos, now: Nanos) -> bool {
    match plan.stop_when {
        StopCondition::Elapsed(time) => now - since >= nanoseconds(time),
        StopCondition::Messages(_) => false,
    }
}

#[cfg(test)]
mod tests;
