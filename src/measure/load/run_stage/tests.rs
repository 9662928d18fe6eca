use super::*;
use std::time::Duration;

const NOTHING_NEW: StageInputs = StageInputs {
    now: 100,
    is_built_up: false,
    is_warm: true,
    stop_requested: false,
    is_hopeless: false,
    has_enough_messages: false,
    has_outstanding_messages: false,
};

fn plan() -> LoadPlan {
    LoadPlan {
        warm_up: Duration::from_nanos(10),
        stop_when: StopCondition::Elapsed(Duration::from_nanos(50)),
        timeout: Duration::from_micros(1),
        ..LoadPlan::new(std::net::SocketAddr::from(([127, 0, 0, 1], 7)))
    }
}

#[test]
fn each_stage_lasts_until_its_end() {
    for stage in [
        RunStage::Connecting,
        RunStage::WarmingUp {
            since: 0,
            until: 101,
        },
        RunStage::Measuring { since: 51 },
    ] {
        assert_eq!(stage.next(NOTHING_NEW, &plan()), stage);
    }
}

#[test]
fn the_stages_follow_each_other() {
    let plan = plan();
    let built_up = StageInputs {
        is_built_up: true,
        ..NOTHING_NEW
    };
    let warming_up = RunStage::Connecting.next(built_up, &plan);
    let (since, until) = (100, 110);
    assert_eq!(warming_up, RunStage::WarmingUp { since, until });
    let warm = StageInputs {
        now: 111,
        ..NOTHING_NEW
    };
    let measuring = warming_up.next(warm, &plan);
    assert_eq!(measuring, RunStage::Measuring { since: 111 });
    let elapsed = StageInputs {
        now: 161,
        has_outstanding_messages: true,
        ..NOTHING_NEW
    };
    let draining = measuring.next(elapsed, &plan);
    assert!(!draining.is_measuring());
    assert!(draining.sends_message_due_at(160) && !draining.sends_message_due_at(161));
    assert_eq!(draining.next(elapsed, &plan), draining);
    assert_eq!(draining.next(NOTHING_NEW, &plan), RunStage::Done);
    let late = StageInputs {
        now: 1161,
        ..elapsed
    };
    assert_eq!(draining.next(late, &plan), RunStage::Done);
}

#[test]
fn a_warm_up_is_extended_until_the_server_is_warm_or_the_time_is_over() {
    let plan = LoadPlan {
        warm_up_extension: Duration::from_millis(150),
        ..plan()
    };
    let warming_up = RunStage::WarmingUp {
        since: 90,
        until: 100,
    };
    let cold = StageInputs {
        is_warm: false,
        ..NOTHING_NEW
    };
    let extended = RunStage::WarmingUp {
        since: 90,
        until: after(100, WARM_UP_STEP),
    };
    assert_eq!(warming_up.next(cold, &plan), extended);
    assert_eq!(extended.next(cold, &plan), extended, "not time to ask yet");
    let (now, later) = (after(100, WARM_UP_STEP), after(100, 2 * WARM_UP_STEP));
    let warm = StageInputs { now, ..NOTHING_NEW };
    let since = now;
    assert_eq!(extended.next(warm, &plan), RunStage::Measuring { since });
    let over = StageInputs { now: later, ..cold };
    let since = later;
    assert_eq!(extended.next(over, &plan), RunStage::Measuring { since });
}

#[test]
fn enough_messages_end_the_measurement_before_its_time() {
    let enough = StageInputs {
        has_enough_messages: true,
        ..NOTHING_NEW
    };
    let next = RunStage::Measuring { since: 99 }.next(enough, &plan());
    assert!(matches!(next, RunStage::Draining { ended: 100, .. }));
}

#[test]
fn a_run_without_connections_is_over_in_every_stage() {
    let hopeless = StageInputs {
        is_hopeless: true,
        ..NOTHING_NEW
    };
    for stage in [RunStage::Connecting, RunStage::Measuring { since: 99 }] {
        assert_eq!(stage.next(hopeless, &plan()), RunStage::Done);
    }
}

#[test]
fn a_stop_drains_what_was_measured_but_not_for_the_whole_timeout() {
    let plan = LoadPlan {
        timeout: Duration::from_secs(5),
        ..plan()
    };
    let stop = StageInputs {
        stop_requested: true,
        has_outstanding_messages: true,
        ..NOTHING_NEW
    };
    assert_eq!(RunStage::Connecting.next(stop, &plan), RunStage::Done);
    let drained = RunStage::Draining {
        since: 99,
        ended: 100,
        until: after(100, STOP_GRACE),
    };
    let measuring = RunStage::Measuring { since: 99 };
    assert_eq!(measuring.next(stop, &plan), drained);
    let patient = RunStage::Draining {
        since: 99,
        ended: 100,
        until: u64::MAX,
    };
    assert_eq!(patient.next(stop, &plan), drained);
    let later = StageInputs { now: 200, ..stop };
    assert_eq!(drained.next(later, &plan), drained, "the deadline stays");
}

#[test]
fn messages_due_during_the_measurement_are_measured_while_draining() {
    let draining = RunStage::Draining {
        since: 10,
        ended: 20,
        until: 30,
    };
    assert_eq!(
        [9, 10, 19, 20].map(|time| draining.measures_message_due_at(time)),
        [false, true, true, false]
    );
}
