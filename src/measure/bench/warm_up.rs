//! How long the load runs before it is measured: for a fixed time, or until the server is warm.
//!
//! A server that compiles its code while it runs, grows its heap or fills its caches needs less processor time for each
//! message from second to second. It is warm when that stops.

use crate::measure::load::{WarmUp, WarmUpEnd};
use crate::measure::process::Usage;
use crate::text::units::{self, nanoseconds};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A server is warm if a message costs no less than this share of what it cost before.
const STEADY_SHARE: f64 = 0.97;

/// With fewer samples, a pause between two compilations looks like the end of them. With a sample each tenth of a second,
/// a warm-up lasts 0.8 s or longer.
const LEAST_SAMPLES: usize = 8;

/// How long the load runs before the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmUpLength {
    /// This long.
    Fixed(Duration),
    /// Until the cost of a message has stopped falling ([`WarmUpJudge`]), at most [`WarmUpLength::LONGEST`].
    UntilWarm,
}

impl WarmUpLength {
    /// The longest warm-up, unless a length is asked for.
    pub const LONGEST: Duration = Duration::from_secs(10);

    /// The first sample of the costs.
    const STEP: Duration = Duration::from_millis(100);

    /// How long it lasts at least.
    pub fn least(self) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::UntilWarm => Self::STEP,
        }
    }

    /// How much longer it lasts at most.
    pub fn extension(self) -> Duration {
        match self {
            Self::Fixed(_) => Duration::ZERO,
            Self::UntilWarm => Self::LONGEST.saturating_sub(Self::STEP),
        }
    }

    /// How long it lasts for a server that is warm at once.
    pub fn usual(self) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::UntilWarm => 8 * Self::STEP,
        }
    }
}

/// Judges from samples whether a server is warm: whether in the last quarter of the warm-up a message has cost about as
/// much as in the quarter before. So the longer the costs have been falling, the longer they are observed.
///
/// The cost is the processor time of the server; where that is not visible, the time that has passed.
#[derive(Debug, Clone)]
pub struct WarmUpJudge {
    /// The leader of the server's processes; `None` if it is not visible.
    pid: Option<u32>,
    samples: Vec<WarmUpSample>,
}

/// What the warm-up has come to.
#[derive(Debug, Clone, Copy)]
struct WarmUpSample {
    lasted: Duration,
    messages: u64,
    /// What the messages have cost since some time before the warm-up.
    cost: Duration,
}

impl WarmUpJudge {
    /// Without samples.
    pub fn new(pid: Option<u32>) -> Self {
        let samples = Vec::new();
        Self { pid, samples }
    }

    /// Takes a sample after `messages` messages. Returns whether the server is warm, which it also is if it has ended: the
    /// measurement shows that.
    pub fn is_warm(&mut self, lasted: Duration, messages: u64) -> bool {
        let Ok(cost) = self.pid.map_or(Ok(lasted), Usage::cpu_of_group) else {
            return true;
        };
        self.note(WarmUpSample {
            lasted,
            messages,
            cost,
        })
    }

    fn note(&mut self, now: WarmUpSample) -> bool {
        self.samples.push(now);
        let (half, most) = (now.lasted / 2, now.lasted * 3 / 4);
        let (Some(half), Some(most)) = (self.sample_at(half), self.sample_at(most)) else {
            return false;
        };
        let before = most.since(half);
        let latest = now.since(most);
        // Cost per message, without a division by no messages: those show nothing.
        let is_steady = latest.0 * before.1 >= STEADY_SHARE * before.0 * latest.1;
        self.samples.len() >= LEAST_SAMPLES && is_steady
    }

    /// The sample that was taken closest to this time.
    fn sample_at(&self, time: Duration) -> Option<WarmUpSample> {
        let samples = self.samples.iter();
        let closest = samples.min_by_key(|sample| sample.lasted.abs_diff(time));
        closest.copied()
    }
}

impl WarmUpSample {
    /// Cost in seconds, and messages, since `earlier`.
    #[expect(clippy::cast_precision_loss, reason = "compared to three hundredths")]
    fn since(self, earlier: Self) -> (f64, f64) {
        let cost = self.cost.saturating_sub(earlier.cost);
        let messages = self.messages.saturating_sub(earlier.messages);
        (cost.as_secs_f64(), messages as f64)
    }
}

/// The warm-up before a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpReport {
    /// How long it lasted.
    pub lasted_ns: u64,
    /// Why it ended.
    pub end: WarmUpEnd,
}

impl From<WarmUp> for WarmUpReport {
    fn from(warm_up: WarmUp) -> Self {
        Self {
            lasted_ns: nanoseconds(warm_up.lasted),
            end: warm_up.end,
        }
    }
}

/// `800 ms, until the cost of a message no longer fell`.
impl fmt::Display for WarmUpReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasted = Duration::from_nanos(self.lasted_ns).as_secs_f64();
        f.write_str(&units::value(lasted, units::TIME))?;
        f.write_str(match self.end {
            WarmUpEnd::Fixed => ", as asked",
            WarmUpEnd::Warm => ", until the cost of a message no longer fell",
            WarmUpEnd::NotWarm => ", and the cost of a message still fell",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a server is warm whose messages cost this many microseconds after a time in seconds.
    fn warm_after(cost: impl Fn(f64) -> f64) -> Option<Duration> {
        let mut judge = WarmUpJudge::new(None);
        let (mut now, mut spent) = (0.0, 0.0);
        for tenth in 1..=100_u32 {
            // A thousand messages each tenth of a second.
            spent += cost(now) * 1e-6 * 1_000.0;
            now = f64::from(tenth) / 10.0;
            let is_warm = judge.note(WarmUpSample {
                lasted: Duration::from_secs_f64(now),
                messages: u64::from(tenth) * 1_000,
                cost: Duration::from_secs_f64(spent),
            });
            if is_warm {
                return Some(Duration::from_secs_f64(now));
            }
        }
        None
    }

    #[test]
    fn a_server_is_warm_when_the_cost_of_a_message_has_stopped_falling() {
        let least = Some(Duration::from_millis(800));
        assert_eq!(warm_after(|_| 5.0), least);
        assert_eq!(warm_after(|now| 5.0 + now), least, "a rise is no warm-up");
        let compiles_for_two_seconds = |now: f64| if now < 2.0 { 20.0 - 7.5 * now } else { 5.0 };
        let warm = warm_after(compiles_for_two_seconds).unwrap().as_secs_f64();
        assert!((3.0..5.0).contains(&warm), "{warm}");
        assert_eq!(warm_after(|now| 20.0 / (1.0 + now)), None, "it never stops");
    }

    #[test]
    fn without_messages_there_is_nothing_to_wait_for() {
        let mut judge = WarmUpJudge::new(None);
        let mut at = |tenths: u64| judge.is_warm(Duration::from_millis(100 * tenths), 0);
        assert!(![1, 2, 3, 4, 5, 6, 7].into_iter().any(&mut at));
        assert!(at(8));
    }

    #[test]
    fn the_cost_of_a_process_is_its_processor_time_and_one_that_has_ended_is_measured() {
        let mut own = WarmUpJudge::new(Some(std::process::id()));
        own.is_warm(Duration::from_millis(100), 1);
        assert!(!cfg!(target_os = "linux") || own.samples.len() == 1);
        let mut none = WarmUpJudge::new(Some(u32::MAX));
        assert!(none.is_warm(Duration::from_millis(100), 1));
    }
}
