//! What a run is made of: numbers, each of which decides one thing.

/// The source of every decision of a run: of the kernel, of the peers, of the operator.
///
/// Zero is always the harmless choice, and so is every choice after the last number: a run whose numbers are used up
/// comes to an end by itself. That makes a failure easy to shrink: drop numbers, or set them to zero.
#[derive(Debug)]
pub(super) struct Decisions {
    numbers: Vec<u8>,
    made: usize,
}

impl Decisions {
    pub(super) fn new(numbers: &[u8]) -> Self {
        Self {
            numbers: numbers.to_vec(),
            made: 0,
        }
    }

    /// One of `options`, at most 256 of them, counted from 0.
    pub(super) fn choose(&mut self, options: usize) -> usize {
        let number = self.numbers.get(self.made).copied().unwrap_or(0);
        self.made += 1;
        usize::from(number) % options
    }

    /// Yes in one case of `cases`.
    pub(super) fn one_in(&mut self, cases: usize) -> bool {
        self.choose(cases) + 1 == cases
    }

    /// Whether no number is left.
    pub(super) fn are_used_up(&self) -> bool {
        self.made >= self.numbers.len()
    }
}

/// The numbers of a seed. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (`SplitMix64`).
pub(super) fn of_seed(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let count = 100 + next() % 1500;
    (0..count).map(|_| next().to_le_bytes()[0]).collect()
}

/// The shortest and calmest numbers found for which `fails` still holds: ever smaller parts are left out, then set to
/// zero.
pub(super) fn shrink(numbers: Vec<u8>, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = numbers;
    for calm in [false, true] {
        let mut part = best.len() / 2;
        while part > 0 {
            let mut at = 0;
            while at + part <= best.len() {
                let mut shorter = best.clone();
                let changed = if calm {
                    shorter[at..at + part].fill(0);
                    shorter != best
                } else {
                    shorter.drain(at..at + part);
                    true
                };
                if changed && fails(&shorter) {
                    best = shorter;
                    at += if calm { part } else { 0 };
                } else {
                    at += part;
                }
            }
            part /= 2;
        }
    }
    best
}

#[test]
fn a_failure_shrinks_to_the_numbers_that_cause_it() {
    let numbers = of_seed(1);
    assert_eq!(numbers, of_seed(1), "a seed is a run");
    let fails = |numbers: &[u8]| numbers.iter().filter(|number| **number > 200).count() >= 2;
    assert!(fails(&numbers));
    let shrunk = shrink(numbers, fails);
    assert_eq!(shrunk.len(), 2, "{shrunk:?}");
}
