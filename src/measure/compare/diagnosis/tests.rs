use super::*;
use crate::measure::compare::example;
use crate::measure::compare::failure::ContenderFailure;
use crate::measure::compare::metric::Metric;
use crate::measure::compare::model::MeasurementStatus;
use crate::measure::compare::summary::RowStatus;
use crate::measure::process::Pinning;

#[test]
fn an_undisturbed_comparison_has_no_warnings() {
    assert_eq!(warnings(&example::comparison()), []);
}

#[test]
fn warnings_about_the_whole_run_come_first() {
    let mut comparison = example::comparison();
    comparison.machine.build = Build::Debug;
    comparison.machine.load_average = Some(1.7);
    comparison.machine.governor = Some("powersave".to_owned());
    comparison.pinning = Pinning::Unavailable;
    comparison.ended_early = true;
    comparison.rounds = 5;
    let expected = [
        Warning::DebugBuild,
        Warning::EndedEarly,
        Warning::BusyMachine {
            load_average: 1.7,
            cores: 2,
        },
        Warning::SharedCores {
            pinning: Pinning::Unavailable,
            cores: 2,
        },
        Warning::VariableFrequency {
            governor: "powersave".to_owned(),
        },
        Warning::TooFewRounds {
            rounds: 5,
            comparisons: 41,
            needed: 11,
        },
    ];
    assert_eq!(warnings(&comparison), expected);
}

#[test]
fn stolen_time_is_reported_with_its_largest_share() {
    let mut comparison = example::comparison();
    comparison.scenarios[0].measurements[1].stolen_share = Some(0.07);
    comparison.scenarios[1].measurements[5].stolen_share = Some(0.25);
    let text = warnings(&comparison)[0].to_string();
    assert!(
        text.contains("25 %") && text.contains("2 measurements"),
        "{text}"
    );
}

#[test]
fn a_generator_that_was_busier_than_the_server_was_the_limit() {
    let mut comparison = example::comparison();
    for measurement in &mut comparison.scenarios[0].measurements {
        let MeasurementStatus::Measured(values) = &mut measurement.status else {
            continue;
        };
        // Contender 1 is busier than the generator, so the generator did not limit it.
        values.generator_cpu_ns = 970_000_000;
        let busy = if measurement.contender == 1 { 990 } else { 700 };
        values.server.as_mut().unwrap().system_ns = busy * 1_000_000;
    }
    let warnings = warnings(&comparison);
    let text = warnings[0].to_string();
    assert!(
        matches!(
            warnings[0],
            Warning::OfContenders {
                kind: ContenderWarning::GeneratorWasTheLimit,
                ..
            }
        ),
        "{text}"
    );
    assert!(
        text.contains("event-loop") && !text.contains("threads"),
        "{text}"
    );
}

#[test]
fn a_server_whose_messages_cost_less_than_a_system_call_was_not_seen() {
    let mut comparison = example::comparison();
    for measurement in &mut comparison.scenarios[0].measurements {
        if let MeasurementStatus::Measured(values) = &mut measurement.status
            && measurement.contender == 1
        {
            let cost = values.server.as_mut().unwrap();
            (cost.user_ns, cost.system_ns) = (values.messages * 50, 0);
        }
    }
    let text = warnings(&comparison)[0].to_string();
    assert!(
        text.contains("the CPU time of threads was not seen"),
        "{text}"
    );
    let tables = summary::tables(&comparison);
    for metric in [Metric::CpuPerMessage, Metric::SwitchesPerMessage] {
        assert_eq!(tables[0].rows[1].cell(metric), None, "a dash, and not 0");
        assert!(tables[0].rows[0].cell(metric).is_some());
    }
}

#[test]
fn a_contender_and_a_generator_that_waited_for_a_core_are_named() {
    let mut comparison = example::comparison();
    for measurement in &mut comparison.scenarios[0].measurements {
        if measurement.contender == 1 {
            let values = example::values_of(measurement);
            values.generator_run_queue_delay_ns = Some(60_000_000);
            let cost = values.server.as_mut().unwrap();
            cost.run_queue_delay_ns = Some(60_000_000);
        }
    }
    let (scenario, contenders) = (comparison.scenarios[0].scenario, vec!["threads".to_owned()]);
    let of_contenders = |kind| Warning::OfContenders {
        kind,
        scenario,
        contenders: contenders.clone(),
    };
    let server = of_contenders(ContenderWarning::ServerWaitedForCore);
    let generator = of_contenders(ContenderWarning::GeneratorWaitedForCore);
    assert_eq!(warnings(&comparison), [server, generator]);
}

#[test]
fn a_contender_that_was_not_pinned_beside_others_that_were_is_named() {
    let mut comparison = example::comparison();
    comparison.contenders[1].launch = Launch::Running;
    let text = warnings(&comparison)[0].to_string();
    assert!(
        text.starts_with("the scheduler placed threads, and"),
        "{text}"
    );
    comparison.pinning = Pinning::Off;
    let kinds = warnings(&comparison);
    assert!(
        matches!(kinds.as_slice(), [Warning::SharedCores { .. }]),
        "none was pinned: {kinds:?}"
    );
}

#[test]
fn threads_of_one_physical_core_are_not_separate_cores() {
    let mut comparison = example::comparison();
    comparison.machine.smt_siblings = vec![vec![0, 1]];
    let text = warnings(&comparison)[0].to_string();
    assert!(text.contains("one physical core (cores 0, 1)"), "{text}");
    comparison.machine.smt_siblings = vec![vec![0, 2], vec![1, 3]];
    assert_eq!(warnings(&comparison), []);
}

#[test]
fn a_single_core_is_named_as_the_reason_for_pinning_nothing() {
    let mut comparison = example::comparison();
    (comparison.pinning, comparison.machine.cores) = (Pinning::Unavailable, 1);
    let text = warnings(&comparison)[0].to_string();
    assert!(
        text.contains("one core only, so nothing was pinned"),
        "{text}"
    );
}

#[test]
fn a_baseline_that_differs_from_itself_is_noise_with_its_interval() {
    let noise = noise_with_second_baseline_at(1100);
    assert_eq!(noise.len(), 1);
    assert!(
        noise[0].contains("messages/s, faster ×1.10 (1.10–1.10)"),
        "{noise:?}"
    );
}

#[test]
fn a_difference_inside_the_margin_is_no_noise() {
    assert!(noise_with_second_baseline_at(1040).is_empty());
}

/// The noise in throughput, if the second baseline has this many thousandths of the throughput of the first.
fn noise_with_second_baseline_at(thousandths: u64) -> Vec<String> {
    let mut comparison = example::comparison();
    let measurements = &mut comparison.scenarios[2].measurements;
    let first = measurements.iter().filter(|it| it.contender == 0);
    let first: Vec<_> = first.cloned().collect();
    let again = measurements.iter_mut().filter(|it| it.contender == 3);
    for (again, first) in again.zip(first) {
        again.status = first.status;
        if let MeasurementStatus::Measured(values) = &mut again.status {
            values.messages = values.messages * thousandths / 1000;
        }
    }
    let all = warnings(&comparison);
    all.into_iter()
        .filter(|warning| {
            let metric = Metric::Throughput;
            matches!(warning, Warning::Noise { metric: it, .. } if *it == metric)
        })
        .map(|warning| warning.to_string())
        .collect()
}

#[test]
fn a_silent_round_is_a_warning_and_the_other_rounds_remain() {
    let mut comparison = example::comparison();
    let starve = |comparison: &mut Comparison, rounds: &[u32]| {
        for measurement in &mut comparison.scenarios[0].measurements {
            if measurement.contender == 1 && rounds.contains(&measurement.round) {
                let starved = ContenderFailure::Starved { connections: 1 };
                measurement.status = MeasurementStatus::Failed(starved);
            }
        }
    };
    starve(&mut comparison, &[1, 3]);
    let found = warnings(&comparison);
    let text = found[0].to_string();
    assert!(
        text.ends_with(
            "threads failed in 2 of 11 rounds, which its figures leave out (round 1: starved 1 connection)"
        ),
        "{found:?}"
    );
    let tables = summary::tables(&comparison);
    let ratio = tables[0].rows[1].cell(Metric::Throughput).unwrap().ratio;
    assert_eq!(ratio.unwrap().rounds, 9, "their pairs are left out");
    assert!(summary::has_failures(&comparison));

    starve(&mut comparison, &[5, 7, 8, 9]);
    let status = &summary::tables(&comparison)[0].rows[1].status;
    assert!(
        matches!(status, RowStatus::Failed { round: 1, .. }),
        "half of its rounds: {status:?}"
    );
}

#[test]
fn a_contender_is_measured_again_after_one_silent_round_but_not_after_another_failure() {
    let comparison = example::comparison();
    let after = |failures: Vec<ContenderFailure>| {
        let mut results = comparison.scenarios[0].clone();
        results.measurements.truncate(failures.len());
        for (measurement, failure) in results.measurements.iter_mut().zip(failures) {
            measurement.contender = 0;
            measurement.status = MeasurementStatus::Failed(failure);
        }
        assert!(results.failure_of(0).is_some(), "it has no figures");
        results.has_failed_for_good(0)
    };
    let terminated = ContenderFailure::Terminated {
        reason: "signal 9".to_owned(),
        stderr: Vec::new(),
    };
    let unanswered = ContenderFailure::Unanswered { messages: 2 };
    assert!(!after(vec![ContenderFailure::Stalled]));
    assert!(after(vec![ContenderFailure::Stalled, unanswered]));
    assert!(after(vec![terminated]));
}
