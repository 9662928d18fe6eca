//! The open loop: when messages are sent, and where their response time comes from.

use super::{assert_flawless, honest, plan, run, server};
use mio_echo::measure::load::{Arrivals, LoadPlan, LoadResults, StopCondition};
use std::time::Duration;

fn at_rate(rate: f64) -> LoadPlan {
    LoadPlan {
        connections: 10,
        rate: Some(rate),
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        ..plan(server(honest))
    }
}

/// The mean times from due to sent, from sent to echoed, and from due to echoed.
fn means(results: &LoadResults) -> [Duration; 3] {
    let (wait, response) = (&results.wait, &results.response);
    [wait.as_ref(), Some(&results.service), response.as_ref()].map(|it| it.unwrap().mean().unwrap())
}

#[test]
fn the_response_time_is_the_sum_of_its_parts() {
    for arrivals in [Arrivals::Fixed, Arrivals::Poisson { seed: 3 }] {
        let results = run(&LoadPlan {
            arrivals,
            ..at_rate(4000.0)
        });
        assert_flawless(&results);
        let [wait, service, response] = means(&results).map(|it| it.as_secs_f64());
        let difference = (response / (wait + service) - 1.0).abs();
        assert!(difference < 0.01, "{wait} + {service} = {response}");
        let lag = results.generator.lag.unwrap();
        assert_eq!(lag.count(), results.service.count());
        assert!(lag.max() <= results.response.unwrap().max());
    }
}

#[test]
fn poisson_arrivals_reach_the_rate() {
    let results = run(&LoadPlan {
        arrivals: Arrivals::Poisson { seed: 1 },
        ..at_rate(4000.0)
    });
    // 2,000 messages with a standard deviation of 45; on a busy machine the measurement ends late, and more are due.
    let due = 4000.0 * results.elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let share = results.response.unwrap().count() as f64 / due;
    assert!((0.85..1.15).contains(&share), "{share} of {due}");
}

#[test]
fn with_a_slack_messages_wait_for_others() {
    let results = run(&LoadPlan {
        slack: Some(Duration::from_millis(40)),
        ..at_rate(1000.0)
    });
    assert_flawless(&results);
    let [wait, ..] = means(&results);
    assert!(wait > Duration::from_millis(5), "{wait:?}");
}

#[test]
fn the_generator_knows_that_it_had_nothing_to_do() {
    let results = run(&at_rate(20.0));
    assert!(
        results.generator.waited * 2 > results.elapsed,
        "{results:?}"
    );
}
