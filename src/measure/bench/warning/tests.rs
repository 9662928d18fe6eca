use super::*;
use crate::measure::bench::cost::ServerCost;
use crate::measure::bench::values::LatencySummary;
use crate::measure::bench::warm_up::WarmUpReport;
use crate::measure::load::Latency;

/// A second with these shares of a core, in which 900 messages came back.
fn second(generator: f64, server: Option<f64>) -> Values {
    let nanoseconds = |share: f64| crate::text::units::nanoseconds(Duration::from_secs_f64(share));
    Values {
        elapsed_ns: 1_000_000_000,
        messages: 900,
        generator_cpu_ns: nanoseconds(generator),
        generator_waited_ns: nanoseconds(1.0 - generator),
        server: server.map(|share| ServerCost {
            system_ns: nanoseconds(share),
            ..ServerCost::default()
        }),
        ..Values::default()
    }
}

#[test]
fn a_saturated_generator_beside_an_unsaturated_server_was_the_limit() {
    let warning = |generator, server| limit(None, &second(generator, server));
    assert!(matches!(
        warning(0.99, Some(0.6)),
        Some(BenchWarning::GeneratorWasTheLimit { .. })
    ));
    assert!(matches!(
        warning(0.99, None),
        Some(BenchWarning::GeneratorMayHaveBeenTheLimit { .. })
    ));
    assert_eq!(warning(0.99, Some(0.97)), None, "both were saturated");
    assert_eq!(warning(0.80, Some(0.6)), None, "neither was");
}

#[test]
fn with_a_rate_only_the_schedule_counts() {
    let mut values = second(0.99, Some(0.1));
    assert_eq!(BenchWarning::all(Some(900.0), 1, &values), []);
    let of = |nanoseconds| {
        let mut latency = Latency::new();
        (0..10_000).for_each(|_| latency.record(nanoseconds));
        Some(LatencySummary::from(&latency))
    };
    values.response_time = of(2_000_000);
    values.generator_lag = of(100_000);
    assert_eq!(BenchWarning::all(Some(900.0), 1, &values), []);
    values.generator_lag = of(300_000);
    assert!(matches!(
        BenchWarning::all(Some(900.0), 1, &values).as_slice(),
        [BenchWarning::ScheduleNotKept { .. }]
    ));
}

#[test]
fn a_rate_that_was_not_reached_is_blamed_on_the_side_that_was_busy() {
    let limit = |generator, server| match limit(Some(1000.0), &second(generator, server)) {
        Some(BenchWarning::ServerDidNotKeepUp { .. }) => "server",
        Some(BenchWarning::GeneratorDidNotKeepUp { .. }) => "generator",
        Some(BenchWarning::RateNotReached { .. }) => "either",
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(0.85, Some(0.36)), "generator");
    assert_eq!(limit(0.85, Some(0.95)), "either");
    assert_eq!(limit(0.85, None), "either");
    assert_eq!(limit(0.36, Some(0.36)), "server");
    assert_eq!(limit(0.36, None), "server");
    assert_eq!(super::limit(Some(905.0), &second(0.3, Some(0.3))), None);
}

#[test]
fn a_server_that_is_measured_before_it_is_warm_has_a_warning() {
    let mut values = second(0.5, Some(0.5));
    let mut warnings = |end| {
        let lasted_ns = 10_000_000_000;
        values.warm_up = Some(WarmUpReport { lasted_ns, end });
        BenchWarning::all(None, 1, &values)
    };
    assert_eq!(warnings(WarmUpEnd::Warm), []);
    assert_eq!(warnings(WarmUpEnd::Fixed), []);
    let cold = warnings(WarmUpEnd::NotWarm);
    let text =
        "the cost of a message still fell after a warm-up of 10.0 s: --warmup sets a longer one";
    assert_eq!(cold.first().unwrap().to_string(), text);
}

#[test]
fn messages_that_cost_less_than_a_system_call_were_served_elsewhere() {
    let warnings = |share| BenchWarning::all(None, 1, &second(0.5, Some(share)));
    assert_eq!(warnings(0.0), [BenchWarning::CostNotSeen]);
    assert_eq!(warnings(0.01), []);
}

#[test]
fn a_side_that_waited_for_a_core_was_disturbed_but_not_by_its_own_threads() {
    let mut values = second(0.5, Some(0.5));
    let warnings = |values: &Values| BenchWarning::all(None, 1, values);
    let server = |values: &mut Values, threads, milliseconds: u64| {
        let cost = values.server.as_mut().unwrap();
        cost.threads = threads;
        cost.run_queue_delay_ns = Some(milliseconds * 1_000_000);
    };
    values.generator_run_queue_delay_ns = Some(40_000_000);
    server(&mut values, 1, 40);
    assert_eq!(warnings(&values), []);
    server(&mut values, 1, 60);
    let found = warnings(&values);
    let text = "the server was ready to run and waited for a core for 6 % of the time: other threads used it";
    assert_eq!(found.first().unwrap().to_string(), text);
    server(&mut values, 2, 60);
    values.generator_run_queue_delay_ns = Some(250_000_000);
    let share = 0.25;
    assert_eq!(
        warnings(&values),
        [BenchWarning::GeneratorWaitedForCore { share }]
    );
}

#[test]
fn other_programs_that_wait_for_a_core_are_a_disturbance_but_not_the_threads_of_the_server() {
    let mut values = second(0.5, Some(0.5));
    let mut warnings = |threads, milliseconds: u64| {
        values.cpu_pressure_ns = Some(milliseconds * 1_000_000);
        values.server.as_mut().unwrap().threads = threads;
        BenchWarning::all(None, 1, &values)
    };
    assert_eq!(warnings(1, 290), []);
    assert_eq!(warnings(4, 900), []);
    let found = warnings(1, 450);
    let text = "other programs waited for a core for 45 % of the time: the machine was busy";
    assert_eq!(found.first().unwrap().to_string(), text);
    values.generator_run_queue_delay_ns = Some(250_000_000);
    let found = BenchWarning::all(None, 1, &values);
    assert!(matches!(
        found.as_slice(),
        [BenchWarning::GeneratorWaitedForCore { .. }]
    ));
}

#[test]
fn stolen_time_is_a_warning_from_the_share_on_that_makes_compare_measure_again() {
    assert_eq!(BenchWarning::stolen(None), None);
    assert_eq!(BenchWarning::stolen(Some(0.05)), None);
    let text = BenchWarning::stolen(Some(0.2)).unwrap().to_string();
    assert_eq!(
        text,
        "other machines on the host took 20 % of the processor time"
    );
}
