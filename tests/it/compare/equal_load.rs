//! Contenders are compared at the same rates.

use super::{comparison, measured, text, values};
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::{OfferedLoad, report};
use std::time::{Duration, Instant};

/// A brief load of few messages, so that a busy machine holds the rates.
const FEW: [&str; 4] = [
    "--duration=60ms",
    "--warmup=10ms",
    "--connections=2",
    "--rounds=1",
];

fn compared(arguments: &[&str]) -> Comparison {
    let finished = measured(&[&FEW, arguments, &["--json=-"]].concat());
    comparison(text(&finished))
}

#[test]
fn all_contenders_get_the_rates_that_were_asked_for() {
    let comparison = compared(&["--rate=500,1000"]);
    let loads = comparison.scenarios.iter().map(|it| it.scenario.load);
    let loads: Vec<OfferedLoad> = loads.collect();
    assert_eq!(loads, [OfferedLoad::Rate(500), OfferedLoad::Rate(1000)]);
    for results in &comparison.scenarios {
        for measurement in &results.measurements {
            let values = values(measurement);
            assert!(values.response_time.is_some(), "{values:?}");
        }
        assert_eq!(results.latencies.len(), 3, "one for each contender");
    }
}

#[test]
fn by_default_saturation_is_followed_by_half_of_what_the_slowest_reached() {
    let comparison = compared(&[]);
    let [saturated, common] = comparison.scenarios.as_slice() else {
        panic!("{comparison:?}");
    };
    assert_eq!(saturated.scenario.load, OfferedLoad::Saturation);
    let OfferedLoad::CommonRate(rate) = common.scenario.load else {
        panic!("{:?}", common.scenario);
    };
    let measurements = saturated.measurements.iter();
    let reached = measurements.map(|it| values(it).messages_per_second());
    let slowest = reached.fold(f64::INFINITY, f64::min);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let share = rate as f64 / slowest;
    assert!(share < 0.53, "{rate} of {slowest}");
    let table = report::terminal(&comparison);
    assert!(table.contains("connections, saturated\n"), "{table}");
    assert!(table.contains(" messages/s\n"), "{table}");
}

#[test]
fn a_sweep_draws_a_curve_over_the_rate() {
    let comparison = compared(&["--sweep", "event-loop"]);
    let rates = comparison.scenarios.iter().map(|it| it.scenario.rate());
    let rates: Vec<Option<u64>> = rates.collect();
    assert_eq!(rates.len(), 7, "saturation and six rates: {rates:?}");
    assert!(rates.is_sorted() && rates[0].is_none(), "{rates:?}");
}

#[test]
fn the_highest_rate_that_keeps_a_threshold_is_found_for_each_contender() {
    let comparison = compared(&["--find-rate=p50<5s", "event-loop"]);
    let found = &comparison.scenarios[0].highest_rates;
    assert_eq!(found.len(), 2, "the baseline is searched twice: {found:?}");
    for found in found {
        assert!(found.attempts.len() > 2, "{found:?}");
        let held = found.attempts.iter().filter(|it| it.is_held);
        let highest = held.map(|it| it.rate).max();
        assert!(found.held <= highest, "{found:?}");
        assert!(
            found
                .held
                .is_none_or(|held| found.missed.is_none_or(|it| held < it))
        );
    }
    assert!(
        report::terminal(&comparison)
            .starts_with("Highest rate in messages/s with p50<5s at 2 connections")
    );
    let lines = report::csv(&comparison).lines().count();
    let attempts = found.iter().map(|it| it.attempts.len()).sum::<usize>();
    assert_eq!(lines, 1 + 2 + attempts);
}

#[test]
fn a_contender_that_does_not_hold_a_rate_is_a_row_that_says_so() {
    let overload = ["--rate=2000000", "--timeout=500ms", "event-loop"];
    let finished = measured(&[&FEW[..], &overload].concat());
    let table = text(&finished);
    assert!(
        table.contains("event-loop did not hold the rate: "),
        "{table}"
    );
}

#[test]
fn connections_are_opened_and_messages_due_as_asked() {
    let asked = [
        "--arrivals=poisson",
        "--connect-rate=100",
        "--seed=7",
        "--threads=2",
    ];
    let load = ["--duration=30ms", "--warmup=0s", "--rounds=1"];
    let scenario = ["--connections=20", "--rate=500", "--json=-", "event-loop"];
    let started = Instant::now();
    let finished = measured(&[&asked[..], &load, &scenario].concat());
    let opening = 2 * Duration::from_millis(190);
    assert!(started.elapsed() >= opening, "{:?}", started.elapsed());
    let comparison = comparison(text(&finished));
    let (arrivals, rate) = (comparison.arrivals.as_str(), comparison.connect_rate);
    assert_eq!((arrivals, rate), ("poisson", Some(100.0)));
    let table = report::terminal(&comparison);
    assert_eq!(comparison.threads, 2);
    let words = "100 connections opened per second; poisson arrivals where there is a rate; from 2 threads of the generator";
    let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains(words), "{table}");
}
