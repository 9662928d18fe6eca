//! How many datagrams of one source are answered per second.
//!
//! A token bucket per source address, in a table of fixed size. Nothing is ever evicted: sources whose addresses have the
//! same hash share a bucket. The hash has a random key, so a sender cannot choose which other source it shares with. A
//! flood from many forged addresses uses up the buckets of other sources too, and that bounds all replies together.

use crate::server::limits::{DATAGRAM_BURST, DATAGRAM_INTERVAL, RATE_BUCKETS};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The buckets of all sources.
#[derive(Debug)]
pub(super) struct SourceRates {
    hasher: RandomState,
    /// When each bucket is full again. The time left until then corresponds to the tokens that it lacks.
    full_at: Vec<Instant>,
}

impl SourceRates {
    /// Every bucket is full.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            hasher: RandomState::new(),
            full_at: vec![now; RATE_BUCKETS],
        }
    }

    /// Takes a token for each of `wanted` datagrams, or as many as there are. Returns their number.
    pub(super) fn take(&mut self, source: IpAddr, wanted: usize, now: Instant) -> usize {
        let Some(full_at) = self.bucket(source) else {
            return 0;
        };
        let missing = full_at.saturating_duration_since(now);
        let left = (DATAGRAM_INTERVAL * DATAGRAM_BURST).saturating_sub(missing);
        let tokens = left.as_nanos() / DATAGRAM_INTERVAL.as_nanos();
        let taken = wanted.min(usize::try_from(tokens).unwrap_or(usize::MAX));
        *full_at = now.max(*full_at) + interval_of(taken);
        taken
    }

    /// An IPv6 host has a whole network of 64 bits to itself (RFC 4291, section 2.5.4), so all its addresses share a
    /// bucket.
    fn bucket(&mut self, source: IpAddr) -> Option<&mut Instant> {
        let hash = match source.to_canonical() {
            IpAddr::V4(address) => self.hasher.hash_one(address),
            IpAddr::V6(address) => self.hasher.hash_one(address.to_bits() >> 64),
        };
        let buckets = self.full_at.len() as u64;
        let number = usize::try_from(hash.checked_rem(buckets)?).ok()?;
        self.full_at.get_mut(number)
    }
}

fn interval_of(tokens: usize) -> Duration {
    DATAGRAM_INTERVAL.saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: usize = DATAGRAM_BURST as usize;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_gets_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut rate = SourceRates::new(start);
        let peer = address("192.0.2.1");
        assert_eq!(rate.take(peer, BURST - 1, start), BURST - 1);
        assert_eq!(rate.take(peer, 5, start), 1);
        assert_eq!(rate.take(peer, 1, start), 0);
        assert_eq!(rate.take(peer, 9, start + DATAGRAM_INTERVAL * 3), 3);
        let much_later = start + Duration::from_hours(1);
        assert_eq!(rate.take(peer, BURST * 2, much_later), BURST);
    }

    #[test]
    fn one_source_does_not_use_up_the_rate_of_another() {
        let start = Instant::now();
        let mut rate = SourceRates::new(start);
        rate.take(address("192.0.2.1"), BURST, start);
        let others = (1..=20).map(|host| IpAddr::from([198, 51, 100, host]));
        let answered = others
            .filter(|other| rate.take(*other, 1, start) == 1)
            .count();
        assert!(answered > 18, "a bucket in thousands is shared: {answered}");
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_share_a_bucket() {
        let start = Instant::now();
        let mut rate = SourceRates::new(start);
        rate.take(address("2001:db8::1"), BURST, start);
        assert_eq!(rate.take(address("2001:db8::2:3"), 1, start), 0);
    }
}
