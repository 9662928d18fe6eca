//! The faults to inject, and the plan for one connection.

use super::corruption::Corruption;
use super::counts::{Fault, MisbehaviourCounts};
use super::pacing::{Chunks, Throttle};
use crate::rng::SplitMix64;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How a server is to misbehave. [`Misbehaviour::default`] does nothing wrong.
///
/// Each setting applies to a connection with its own probability. The seed and the number of the connection decide which
/// settings apply to it, and each size and delay, so that a run can be repeated. Adding a setting does not change what is
/// decided for the others.
#[derive(Debug, Clone, Default)]
pub struct Misbehaviour {
    /// The seed of all random decisions.
    pub seed: u64,
    /// Send every byte this much later. At most one read buffer is delayed at any time for each connection.
    pub delay: Option<WithProbability<Delay>>,
    /// Send in writes of a random size from this range, in bytes, at least 1.
    pub chunk: Option<WithProbability<RangeInclusive<usize>>>,
    /// Send at most this many bytes per second.
    pub throttle: Option<WithProbability<NonZeroU64>>,
    /// Change one bit or more of each byte whose number in the stream, counted from 1, is a multiple of this.
    pub corrupt_every: Option<WithProbability<NonZeroU64>>,
    /// Echo this many bytes, then send FIN and discard what arrives until the peer's.
    pub close_after: Option<WithProbability<u64>>,
    /// Echo this many bytes, then send RST.
    pub reset_after: Option<WithProbability<u64>>,
    /// Echo this many bytes, then neither read nor write any more, and stay open: until the idle timeout or a stop.
    pub stall_after: Option<WithProbability<u64>>,
    /// How many connections have been affected. A clone shows the counts of the running server.
    pub counts: MisbehaviourCounts,
}

/// A setting that applies to a part of the connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WithProbability<T> {
    /// The setting.
    pub value: T,
    /// The probability that it applies to a connection, from 0 to 1.
    pub probability: f64,
}

/// For tests: a setting that applies to every connection.
#[cfg(test)]
pub(super) fn always<T>(value: T) -> WithProbability<T> {
    WithProbability {
        value,
        probability: 1.0,
    }
}

/// A delay with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The mean.
    pub mean: Duration,
    /// Each delay is at most this much shorter or longer than the mean, and not longer than it; uniformly distributed.
    pub jitter: Duration,
}

/// What one connection does wrong.
#[derive(Debug, Default)]
pub(super) struct ConnectionPlan {
    pub(super) delays: Option<Delays>,
    pub(super) chunks: Option<Chunks>,
    pub(super) throttle: Option<Throttle>,
    pub(super) corruption: Option<Corruption>,
    /// How it ends, and after how many bytes of the echo.
    pub(super) ending: Option<(Ending, u64)>,
}

/// How a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Reset,
    Stall,
}

impl Ending {
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Close => Fault::Close,
            Self::Reset => Fault::Reset,
            Self::Stall => Fault::Stall,
        }
    }
}

/// The delays of one connection.
#[derive(Debug)]
pub(super) struct Delays {
    delay: Delay,
    rng: SplitMix64,
}

impl Delays {
    /// The delay of the next bytes.
    pub(super) fn choose(&mut self) -> Duration {
        let Delay { mean, jitter } = self.delay;
        let spread = usize::try_from(2 * jitter.as_nanos()).unwrap_or(usize::MAX);
        let beyond_least = self.rng.below(spread.saturating_add(1)) as u64;
        mean.saturating_sub(jitter) + Duration::from_nanos(beyond_least)
    }
}

impl Misbehaviour {
    /// What is decided for the connection with this number.
    pub(super) fn plan_for(&self, number: u64) -> ConnectionPlan {
        let of_seed = SplitMix64::new(self.seed).next_u64();
        let mut rng = SplitMix64::new(of_seed ^ number);
        // Each setting takes two numbers, whether it is asked for or not: the others must not depend on it.
        let delay = applies(self.delay.as_ref(), &mut rng);
        let chunk = applies(self.chunk.as_ref(), &mut rng);
        let throttle = applies(self.throttle.as_ref(), &mut rng);
        let corrupt = applies(self.corrupt_every.as_ref(), &mut rng);
        let endings = [
            (Ending::Close, &self.close_after),
            (Ending::Reset, &self.reset_after),
            (Ending::Stall, &self.stall_after),
        ];
        let endings = endings.map(|(ending, setting)| {
            applies(setting.as_ref(), &mut rng).map(|(after, _)| (ending, after))
        });
        ConnectionPlan {
            delays: delay.map(|(delay, rng)| Delays { delay, rng }),
            chunks: chunk.map(|(sizes, rng)| Chunks::new(sizes, rng)),
            throttle: throttle.map(|(rate, _)| Throttle::new(rate)),
            corruption: corrupt.map(|(every, rng)| Corruption::new(every, rng)),
            ending: endings.into_iter().flatten().min_by_key(|(_, at)| *at),
        }
    }
}

/// The setting, if it applies, with random numbers of its own.
fn applies<T: Clone>(
    setting: Option<&WithProbability<T>>,
    rng: &mut SplitMix64,
) -> Option<(T, SplitMix64)> {
    const PRECISION: usize = 1 << 32;
    let number = rng.below(PRECISION);
    let own = SplitMix64::new(rng.next_u64());
    #[expect(clippy::cast_precision_loss, reason = "both are exact in an f64")]
    let fraction = number as f64 / PRECISION as f64;
    let setting = setting.filter(|setting| fraction < setting.probability)?;
    Some((setting.value.clone(), own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "settings are options")]
    fn with<T>(value: T, probability: f64) -> Option<WithProbability<T>> {
        Some(WithProbability { value, probability })
    }

    fn affected(misbehaviour: &Misbehaviour) -> Vec<u64> {
        let numbers = 1..=1000;
        numbers
            .filter(|number| misbehaviour.plan_for(*number).ending.is_some())
            .collect()
    }

    #[test]
    fn a_setting_applies_to_its_part_of_the_connections_and_a_seed_repeats_which() {
        let misbehaviour = Misbehaviour {
            seed: 7,
            reset_after: with(1, 0.1),
            ..Misbehaviour::default()
        };
        let first = affected(&misbehaviour);
        assert!((60..140).contains(&first.len()), "{}", first.len());
        assert_eq!(affected(&misbehaviour), first);
        let other = Misbehaviour {
            seed: 8,
            ..misbehaviour.clone()
        };
        assert_ne!(affected(&other), first);
        let with_another_setting = Misbehaviour {
            corrupt_every: with(NonZeroU64::MIN, 0.5),
            ..misbehaviour
        };
        assert_eq!(affected(&with_another_setting), first);
    }

    #[test]
    fn a_probability_of_one_is_certain_and_zero_is_never() {
        for (probability, count) in [(1.0, 1000), (0.0, 0)] {
            let misbehaviour = Misbehaviour {
                stall_after: with(1, probability),
                ..Misbehaviour::default()
            };
            assert_eq!(affected(&misbehaviour).len(), count);
        }
        // The state before the one from which the generator makes the number 0.
        let mut least = SplitMix64::new(0x9E37_79B9_7F4A_7C15_u64.wrapping_neg());
        assert_eq!(least.clone().next_u64(), 0);
        assert!(applies(with(1, 0.0).as_ref(), &mut least).is_none());
    }

    #[test]
    fn the_first_of_several_endings_is_the_one() {
        let misbehaviour = Misbehaviour {
            close_after: with(20, 1.0),
            reset_after: with(10, 1.0),
            stall_after: with(30, 1.0),
            ..Misbehaviour::default()
        };
        let plan = misbehaviour.plan_for(1);
        assert_eq!(plan.ending, Some((Ending::Reset, 10)));
    }

    #[test]
    fn delays_are_spread_over_their_whole_range() {
        let millis = Duration::from_millis;
        let misbehaviour = Misbehaviour {
            delay: with(
                Delay {
                    mean: millis(20),
                    jitter: millis(5),
                },
                1.0,
            ),
            ..Misbehaviour::default()
        };
        let mut delays = misbehaviour.plan_for(1).delays.unwrap();
        let chosen: Vec<_> = (0..1000).map(|_| delays.choose()).collect();
        let (least, most) = (*chosen.iter().min().unwrap(), *chosen.iter().max().unwrap());
        assert!(millis(15) <= least && least < millis(16), "{least:?}");
        assert!(millis(24) < most && most <= millis(25), "{most:?}");
    }
}
