//! An invented comparison for the tests of the reports: three contenders and the second baseline, three numbers of
//! connections, one failure, a machine whose speed drifts.

use super::failure::ContenderFailure;
use super::model::{
    Comparison, Contender, FORMAT, Launch, Measurement, MeasurementStatus, Role, ScenarioResults,
};
use super::ratio::Criterion;
use super::scenario::{OfferedLoad, Scenario, ScenarioPattern};
use crate::measure::bench::float;
use crate::measure::bench::{Build, LatencySummary, Machine, MemoryMethod, ServerCost, Values};
use crate::measure::load::{Arrivals, Mismatch, Verify};
use crate::measure::process::Pinning;
use crate::rng::SplitMix64;

/// Speed relative to the baseline, and bytes of memory per connection.
const CONTENDERS: [(&str, Role, f64, u64); 4] = [
    ("event-loop", Role::Baseline, 1.0, 105),
    ("threads", Role::Other, 0.6, 14_134),
    ("<other> & \"co\"", Role::Other, 0.9, 4_941),
    ("event-loop (again)", Role::Again, 1.0, 105),
];

/// Enough for conclusions from all of its comparisons.
const ROUNDS: u32 = 11;

/// The same on every call.
pub(super) fn comparison() -> Comparison {
    let mut rng = SplitMix64::new(1);
    let loads = [OfferedLoad::Saturation, OfferedLoad::CommonRate(12_000)];
    let connections = [1, 100, 10_000];
    let scenarios = Scenario::matrix(ScenarioPattern::Echo, &connections, &[64], &[1], &loads);
    Comparison {
        format: FORMAT,
        program: "mio-echo 0.1.0".to_owned(),
        command_line: ["mio-echo", "compare", "other=./other <{port}>"]
            .map(str::to_owned)
            .to_vec(),
        started: "2026-11-22T18:00:00Z".to_owned(),
        machine: Machine {
            processor: "An & Example".to_owned(),
            cores: 2,
            smt_siblings: Vec::new(),
            kernel: "Linux 6.18".to_owned(),
            load_average: Some(0.1),
            governor: None,
            build: Build::Release,
        },
        pinning: Pinning::Cores {
            server: vec![0],
            generator: vec![1],
        },
        seed: 42,
        rounds: ROUNDS,
        until: None,
        margin: Criterion::MARGIN,
        find_rate: None,
        duration_ns: 1_000_000_000,
        warm_up_ns: 200_000_000,
        warm_up_extension_ns: 0,
        arrivals: Arrivals::Fixed.to_string(),
        connect_rate: None,
        timeout_ns: Some(5_000_000_000),
        threads: 1,
        verify: Verify::EveryByte,
        contenders: CONTENDERS
            .map(|(name, role, ..)| contender(name, role))
            .to_vec(),
        scenarios: scenarios
            .into_iter()
            .map(|scenario| results(scenario, &mut rng))
            .collect(),
        ended_early: false,
        before: None,
        merged: Vec::new(),
    }
}

/// The same on a machine whose speed does not drift, without the contender that fails.
pub(super) fn steady() -> Comparison {
    let mut comparison = comparison();
    for results in &mut comparison.scenarios {
        let third = |it: &Measurement| it.round.is_multiple_of(3) && it.contender != 2;
        results.measurements.retain(third);
        // Three rounds are too few for an interval.
        let again = results.measurements.clone();
        results.measurements.extend(again.iter().cloned());
        results.measurements.extend(again);
    }
    comparison
}

fn contender(name: &str, role: Role) -> Contender {
    Contender {
        name: name.to_owned(),
        origin: "this program".to_owned(),
        role,
        launch: Launch::Started,
        warm_up_ns: None,
    }
}

fn results(scenario: Scenario, rng: &mut SplitMix64) -> ScenarioResults {
    let mut measurements = Vec::new();
    for round in 1..=ROUNDS {
        let machine = 1.0 + f64::from(round % 3) / 2.0;
        for (contender, (_, _, speed, memory)) in CONTENDERS.into_iter().enumerate() {
            let noise = 1.0 + 0.02 * (float(rng.below(1_000) as u64) / 1_000.0 - 0.5);
            let fails = contender == 2 && scenario.connections == 100;
            if fails && round > 2 {
                continue;
            }
            let values = values(&scenario, speed * noise / machine, memory);
            measurements.push(Measurement {
                contender,
                round,
                stolen_share: Some(0.0),
                discarded: 0,
                status: if fails && round == 2 {
                    MeasurementStatus::Failed(corrupted())
                } else {
                    MeasurementStatus::Measured(Box::new(values))
                },
            });
        }
    }
    ScenarioResults {
        measurements,
        ..ScenarioResults::new(scenario)
    }
}

/// The values of a measurement that has some.
pub(super) fn values_of(measurement: &mut Measurement) -> &mut Values {
    match &mut measurement.status {
        MeasurementStatus::Measured(values) => values,
        MeasurementStatus::Failed(failure) => panic!("{failure}"),
    }
}

fn corrupted() -> ContenderFailure {
    ContenderFailure::Corrupted(Mismatch {
        connection: 3,
        offset: 4096,
        expected: Some(0x5a),
        got: 0x00,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "invented numbers"
)]
fn values(scenario: &Scenario, speed: f64, memory: u64) -> Values {
    let many = if scenario.connections > 1 { 4.0 } else { 1.0 };
    let saturated = 40_000.0 * many * speed;
    let (messages, busy) = match scenario.rate() {
        Some(rate) => (float(rate), float(rate) / saturated),
        None => (saturated, 1.0),
    };
    let latency = float(scenario.connections as u64) / saturated * 1e9;
    let cpu = (0.9e9 / many.sqrt() * busy) as u64;
    Values {
        elapsed_ns: 1_000_000_000,
        messages: messages as u64,
        bytes: messages as u64 * 64,
        service_time: latency_summary(latency as u64),
        server: Some(ServerCost {
            user_ns: cpu / 20,
            system_ns: cpu / 20 * 19,
            voluntary_switches: 1_000,
            involuntary_switches: 10,
            run_queue_delay_ns: Some(0),
            threads: 1,
            processes: 1,
            memory_method: MemoryMethod::Resident,
            resident_bytes_before: 4_000_000,
            connections_before: 0,
            tcp_buffers_before: None,
            tcp_buffers: None,
            tcp_buffers_step: None,
            resident_bytes: 4_000_000 + scenario.connections as u64 * memory,
        }),
        generator_threads: 1,
        generator_cpu_ns: 700_000_000,
        ..Values::default()
    }
}

/// A distribution with this median.
fn latency_summary(median: u64) -> LatencySummary {
    let percentiles = [("p50", 10), ("p99", 18), ("p99.9", 25)];
    let percentile = |(name, tenths): (&str, u64)| (name.to_owned(), Some(median * tenths / 10));
    LatencySummary {
        count: 40_000,
        percentiles_ns: percentiles.into_iter().map(percentile).collect(),
        max_ns: Some(median * 9),
        ..LatencySummary::default()
    }
}
