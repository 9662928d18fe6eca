//! How much is sent at once, and when the next bytes may be sent.

use crate::rng::SplitMix64;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Writes of a random size.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Bytes; never empty, and from 1 on.
    sizes: RangeInclusive<usize>,
    rng: SplitMix64,
    /// Bytes of the next write.
    next: usize,
}

impl Chunks {
    pub(super) fn new(sizes: RangeInclusive<usize>, rng: SplitMix64) -> Self {
        let mut chunks = Self {
            sizes,
            rng,
            next: 1,
        };
        chunks.choose();
        chunks
    }

    /// The most bytes that the next write may have.
    pub(super) fn size(&self) -> usize {
        self.next
    }

    /// The size of the write after the one that was made.
    pub(super) fn choose(&mut self) {
        let (least, most) = (*self.sizes.start(), *self.sizes.end());
        let choices = most.saturating_sub(least).saturating_add(1);
        self.next = least.saturating_add(self.rng.below(choices)).max(1);
    }
}

/// A limit on the rate of one connection, without bursts: what was not used is lost.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Bytes per second.
    rate: NonZeroU64,
    /// Before this, nothing may be sent.
    next: Option<Instant>,
}

/// A throttled connection sends this often. More often would be smoother, and cost more.
const SENDS_PER_SECOND: u64 = 100;

impl Throttle {
    pub(super) fn new(rate: NonZeroU64) -> Self {
        Self { rate, next: None }
    }

    /// When something may be sent, if that is after `now`.
    pub(super) fn not_before(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// The most bytes that one write may have.
    pub(super) fn size(&self) -> usize {
        let size = self.rate.get().div_ceil(SENDS_PER_SECOND);
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// Accounts for `bytes` that were sent at `now`.
    ///
    /// A timer is late by a fraction of a millisecond and more. The next time counts from when this one was due, so that
    /// the lateness does not add up; but no further back than one interval, so that a pause is not made up for.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        let interval = Duration::from_secs(1) / u32::try_from(SENDS_PER_SECOND).unwrap_or(1);
        let was_due = self.next.filter(|next| *next + interval > now);
        let nanoseconds = u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.rate.get());
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.next = was_due.unwrap_or(now).checked_add(takes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_every_size_of_their_range_and_no_other() {
        let mut chunks = Chunks::new(2..=5, SplitMix64::new(1));
        let mut seen = [0; 8];
        for _ in 0..200 {
            seen[chunks.size()] += 1;
            chunks.choose();
        }
        let found = seen.map(|times| times > 0);
        assert_eq!(found, [false, false, true, true, true, true, false, false]);
    }

    #[test]
    fn late_timers_do_not_lower_the_rate_and_a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let millis = |millis| start + Duration::from_millis(millis);
        let mut throttle = Throttle::new(NonZeroU64::new(1000).unwrap());
        assert_eq!(throttle.size(), 10);
        assert_eq!(throttle.not_before(start), None);
        throttle.sent(10, start);
        assert_eq!(throttle.not_before(millis(9)), Some(millis(10)));
        throttle.sent(10, millis(13));
        assert_eq!(throttle.not_before(millis(13)), Some(millis(20)));
        throttle.sent(10, millis(30));
        assert_eq!(throttle.not_before(millis(30)), Some(millis(40)));
        throttle.sent(10, millis(500));
        assert_eq!(throttle.not_before(millis(500)), Some(millis(510)));
    }

    #[test]
    fn the_slowest_rate_is_a_byte_at_a_time() {
        let start = Instant::now();
        let mut throttle = Throttle::new(NonZeroU64::MIN);
        assert_eq!(throttle.size(), 1);
        throttle.sent(1, start);
        let second = Duration::from_secs(1);
        assert_eq!(throttle.not_before(start), Some(start + second));
    }
}
