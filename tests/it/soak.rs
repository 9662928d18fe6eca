//! The judgement of the soak (`cargo bench --bench soak`): growth is found, and noise is not taken for it.

#![allow(clippy::cast_precision_loss, reason = "the numbers are small")]

#[path = "../../benches/soak/trend.rs"]
mod trend;

use mio_echo::rng::SplitMix64;
use trend::{BLOCKS, Judgement, Slope};

/// Samples of a value that grows by `growth` in one unit of time, with uniform noise of -1 to 1.
fn series(growth: f64, seed: u64) -> Vec<(f64, f64)> {
    let mut rng = SplitMix64::new(seed);
    let mut noise = || rng.below(2001) as f64 / 1000.0 - 1.0;
    (0..200)
        .map(|number| f64::from(number) / 200.0)
        .map(|time| (time, growth * time + noise()))
        .collect()
}

#[test]
fn the_interval_holds_the_true_slope_in_95_of_100_series() {
    let holds = |seed: &u64| {
        let slope = Slope::of(&series(3.0, *seed)).unwrap();
        (slope.low..=slope.high).contains(&3.0)
    };
    let covered = (0..1000).filter(holds).count();
    assert!((930..=970).contains(&covered), "{covered} of 1000");
}

#[test]
fn growth_beyond_the_bound_is_found_and_noise_is_not_taken_for_it() {
    for seed in 0..100 {
        let growing = Slope::of(&series(3.0, seed)).unwrap();
        assert_eq!(growing.judge(1.0), Judgement::Exceeded, "{growing:?}");
        let steady = Slope::of(&series(0.0, seed)).unwrap();
        assert_eq!(steady.judge(1.5), Judgement::Held, "{steady:?}");
    }
    let slope = Slope::of(&series(1.0, 1)).unwrap();
    assert_eq!(slope.judge(slope.value), Judgement::Undecided);
}

#[test]
fn there_is_no_slope_without_a_sample_in_each_block() {
    let few = series(1.0, 1).split_off(200 - BLOCKS + 1);
    assert_eq!(Slope::of(&few), None);
    assert_eq!(Slope::of(&[(1.0, 2.0); BLOCKS]), None, "no time has passed");
}
