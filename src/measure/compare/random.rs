//! Chance that can be repeated: the same seed draws the same lots on every machine and in every version.
//!
//! Own, because a generator of a library may change its numbers with the library, and then a seed in an
//! old report would mean nothing. Ten lines are enough for shuffling a handful of contenders; nothing
//! here is a secret.

/// `SplitMix64`: a counter that is mixed until it looks like chance.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, each equally likely.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        // The high word of the product spreads the 64-bit range over the bound. The bias is `bound` in
        // 2^64: for a handful of contenders, none.
        let product = u128::from(self.draw()) * bound as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Puts `items` into one of their orders, each equally likely (Fisher and Yates).
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
    fn a_seed_draws_the_same_numbers_as_everywhere_else() {
        // The values that other implementations print for this seed.
        let mut lots = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| lots.draw()).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn every_order_is_drawn_about_as_often() {
        let mut lots = SplitMix64::new(7);
        let mut seen: HashMap<[u8; 3], u32> = HashMap::new();
        for _ in 0..6_000 {
            let mut items = [0, 1, 2];
            lots.shuffle(&mut items);
            *seen.entry(items).or_default() += 1;
        }
        assert_eq!(seen.len(), 6, "expected all orders of three");
        for (order, count) in seen {
            assert!((880..1120).contains(&count), "{order:?} came {count} times");
        }
    }

    #[test]
    fn nothing_is_below_zero() {
        assert_eq!(SplitMix64::new(1).below(0), 0);
    }
}
