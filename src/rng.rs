//! Random numbers that can be reproduced: a seed yields the same sequence on every machine and in every
//! version of this program.
//!
//! The generator is our own because the generator of a library may change with a new version, and then the seed in an old
//! report would no longer reproduce anything. Payloads and orders need no secrecy.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random seed, short enough to be typed again.
pub fn random_seed() -> u64 {
    // The keys of this hasher are random.
    RandomState::new().build_hasher().finish() % 1_000_000
}

/// `SplitMix64`: a counter whose bits are mixed.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The generator for `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, uniformly distributed over all values.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The high word of the product scales the 64-bit range down to the bound. The bias is at most
        // `bound` in 2^64, which is negligible here.
        let product = u128::from(self.next_u64()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Shuffles `items`, with every order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_seed_yields_the_published_sequence() {
        let mut rng = SplitMix64::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        // The values that other implementations yield for this seed.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_order_is_about_equally_frequent() {
        let mut rng = SplitMix64::new(7);
        let mut seen: HashMap<[u8; 3], u32> = HashMap::new();
        for _ in 0..6_000 {
            let mut items = [0, 1, 2];
            rng.shuffle(&mut items);
            *seen.entry(items).or_default() += 1;
        }
        assert_eq!(seen.len(), 6, "expected all orders of three");
        for (order, count) in seen {
            assert!((880..1120).contains(&count), "{order:?} came {count} times");
        }
    }

    #[test]
    fn below_zero_is_zero() {
        assert_eq!(SplitMix64::new(1).below(0), 0);
    }
}
