//! One measurement: a contender under the load of a scenario, with its values or its failure.

use super::fairness;
use crate::measure::bench::{
    BenchServer, LaunchError, MIN_RATE_SHARE, SamplingObserver, UsageSampler, Values, WarmUpLength,
    last_lines,
};
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::extra::Extra;
use crate::measure::compare::failure::ContenderFailure;
use crate::measure::compare::metric::has_memory_per_connection;
use crate::measure::compare::model::MeasurementStatus;
use crate::measure::compare::plan::Plan;
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::load::{
    self, Latency, LoadObserver, LoadPattern, LoadPlan, Progress, StopCondition, Transport,
};
use crate::measure::process::HardwareCounts;
use crate::text::address::Address;
use crate::text::os_error;
use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long a server whose connections have failed gets to end, so that its end is reported as the cause.
const EXIT_GRACE: Duration = Duration::from_millis(100);

/// What a measurement has yielded.
#[derive(Debug)]
pub(super) struct RoundOutcome {
    /// The values or the failure.
    pub(super) status: MeasurementStatus,
    /// The latencies, to be merged with those of other rounds; `None` without values.
    pub(super) latency: Option<Latency>,
}

impl RoundOutcome {
    fn failed(failure: ContenderFailure) -> Self {
        Self {
            status: MeasurementStatus::Failed(failure),
            latency: None,
        }
    }
}

/// The progress observer asked to stop.
#[derive(Debug)]
pub(super) struct Stopped;

/// Measures the contender of `spec`, its server on `cores`. `progress` gets the thousandths that are done and returns
/// whether to go on. A server whose port another program has taken is measured once more, on another port.
pub(super) fn measure(
    plan: &Plan,
    spec: &ContenderSpec,
    cores: Option<&[usize]>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<RoundOutcome, Stopped> {
    for _ in 0..2 {
        if let Some(outcome) = measure_once(plan, spec, cores, scenario, progress)? {
            return Ok(outcome);
        }
    }
    Ok(RoundOutcome::failed(ContenderFailure::NotStarted {
        reason: "another program took its port, twice".to_owned(),
        stderr: Vec::new(),
    }))
}

/// `None` if the server ended and another program listens on its port.
fn measure_once(
    plan: &Plan,
    spec: &ContenderSpec,
    cores: Option<&[usize]>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<RoundOutcome>, Stopped> {
    let (go_on, transport) = (&mut || progress(0), scenario.pattern.transport());
    let mut server =
        match BenchServer::start(&spec.origin, transport, cores, plan.start_timeout, go_on) {
            Ok(server) => server,
            Err(LaunchError::Failed { reason, stderr }) => {
                let failure = ContenderFailure::NotStarted { reason, stderr };
                return Ok(Some(RoundOutcome::failed(failure)));
            }
            Err(LaunchError::Stopped) => return Err(Stopped),
        };
    let sampler = server.pid().and_then(|pid| UsageSampler::new(pid).ok());
    let mut observer = SamplingObserver::new(sampler, |it: &Progress| progress(it.per_mille));
    let counted = server.pid().filter(|_| plan.counters == Extra::Wanted);
    let counting = counted.map(|pid| observer.instruments.count(pid));
    let load = load_plan(plan, spec, scenario, &server.address);
    if has_memory_per_connection(scenario) {
        observer.sample_one_connection(&load);
    }
    let measured = run_load(&load, scenario, &mut observer);
    if observer.is_stopped() {
        return Err(Stopped);
    }
    let (values, latency) = match measured {
        Ok((values, latency)) => (Ok(values), Some(latency)),
        Err(error) => (Err(error), None),
    };
    let counters = match counting {
        Some(Err(error)) => Some(HardwareCounts::failed(&error)),
        Some(Ok(())) | None => observer.instruments.take_counts(),
    };
    let values = values.map(|values| Values {
        server: observer.cost(),
        counters,
        cpu_pressure_ns: observer.cpu_pressure_ns(),
        ..values
    });
    Ok(match check(scenario, values, &mut server) {
        Ok(values) => Some(RoundOutcome {
            status: MeasurementStatus::Measured(Box::new(values)),
            latency,
        }),
        Err(ContenderFailure::Terminated { .. }) if server.has_lost_port() => None,
        Err(failure) => Some(RoundOutcome::failed(failure)),
    })
}

pub(super) fn run_load(
    load: &LoadPlan,
    scenario: &Scenario,
    observer: &mut impl LoadObserver,
) -> io::Result<(Values, Latency)> {
    let (results, flood) = match scenario.pattern {
        ScenarioPattern::Fairness => {
            let (paced, flood) = fairness::run(load, observer)?;
            (paced, Some(flood))
        }
        _ => (load::run(load, observer)?, None),
    };
    let mut values = Values::new(&results, None);
    if let Some(flood) = &flood {
        fairness::add_flood(&mut values, flood);
    }
    Ok((values, results.response.unwrap_or(results.service)))
}

/// The load of `scenario` on the server of `spec` at `target`.
pub(super) fn load_plan(
    plan: &Plan,
    spec: &ContenderSpec,
    scenario: &Scenario,
    target: &Address,
) -> LoadPlan {
    let warm_up = spec.warm_up.map_or(plan.warm_up, WarmUpLength::Fixed);
    LoadPlan {
        transport: scenario.pattern.transport(),
        pattern: match scenario.pattern {
            ScenarioPattern::Echo | ScenarioPattern::Fairness | ScenarioPattern::Datagrams => {
                LoadPattern::Echo
            }
            ScenarioPattern::Churn => LoadPattern::Churn,
            ScenarioPattern::Idle => LoadPattern::Idle,
            ScenarioPattern::Stream => LoadPattern::Stream,
        },
        connections: scenario.connections,
        threads: plan.threads.min(scenario.connections),
        size: scenario.size,
        depth: scenario.depth,
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        rate: scenario.rate().map(|rate| rate as f64),
        arrivals: plan.arrivals,
        connect_rate: plan.connect_rate,
        warm_up: warm_up.least(),
        warm_up_extension: warm_up.extension(),
        stop_when: StopCondition::Elapsed(plan.duration),
        verify: plan.verify,
        timeout: plan.timeout,
        ..LoadPlan::new(target.clone())
    }
}

/// The values, unless the server or the measurement has failed.
fn check(
    scenario: &Scenario,
    values: io::Result<Values>,
    server: &mut BenchServer,
) -> Result<Values, ContenderFailure> {
    let values = values.map_err(|error| ContenderFailure::NotMeasured {
        reason: format!("the load could not run: {}", os_error::describe(&error)),
    })?;
    let failure = failure(scenario, &values);
    // Its connections are reset before its end can be seen.
    let grace = failure.as_ref().map_or(Duration::ZERO, |_| EXIT_GRACE);
    if let Some(exited) = server.exit_within(grace) {
        return Err(ContenderFailure::Terminated {
            reason: exited.to_string(),
            stderr: last_lines(&exited),
        });
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(values),
    }
}

/// What went wrong, the most serious first.
fn failure(scenario: &Scenario, values: &Values) -> Option<ContenderFailure> {
    if let Some(mismatch) = values.first_mismatch {
        return Some(ContenderFailure::Corrupted(mismatch));
    }
    if values.starved > 0 {
        let connections = values.starved;
        return Some(ContenderFailure::Starved { connections });
    }
    if is_overloaded(scenario, values) {
        return None;
    }
    if values.failures.total() > 0 {
        let failures = values.failures;
        return Some(match scenario.pattern.transport() {
            Transport::Stream => ContenderFailure::ConnectionsFailed {
                failures,
                first_timeout: values.first_timeout,
            },
            Transport::Datagrams => ContenderFailure::DatagramsFailed { failures },
        });
    }
    let messages = values.unexpectedly_unanswered();
    if messages > 0 {
        return Some(ContenderFailure::Unanswered { messages });
    }
    let is_silent = values.messages == 0 && scenario.pattern != ScenarioPattern::Idle;
    is_silent.then_some(ContenderFailure::Stalled)
}

/// Whether a server that works was given more than it can echo: what was due too long ago is then left unanswered.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn is_overloaded(scenario: &Scenario, values: &Values) -> bool {
    let is_missed = |rate: u64| values.paced_per_second() < MIN_RATE_SHARE * rate as f64;
    let failures = &values.failures;
    let only_late = failures.total() == failures.timed_out;
    values.messages > 0 && only_late && scenario.rate().is_some_and(is_missed)
}
