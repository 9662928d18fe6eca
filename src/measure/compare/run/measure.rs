//! One measurement: a contender under the load of a scenario, with its values or its failure.

use super::fairness::{self, LoadOutcome};
use super::server::{ContenderServer, LaunchError, last_lines};
use crate::measure::bench::UsageSampler;
use crate::measure::compare::contender::ContenderSpec;
use crate::measure::compare::model::{ContenderFailure, MeasurementStatus, ServerCost, Values};
use crate::measure::compare::plan::Plan;
use crate::measure::compare::scenario::{Scenario, ScenarioPattern};
use crate::measure::load::{
    self, LoadObserver, LoadPattern, LoadPlan, LoadResults, Progress, StopCondition,
};
use crate::text::os_error;
use crate::text::units::nanoseconds;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

/// A server that replies to no connection for this long has stalled. In less time a busy machine may not have
/// scheduled it.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// How long a server whose connections have failed gets to end, so that its end is reported as the cause.
const EXIT_GRACE: Duration = Duration::from_millis(100);

/// The progress observer asked to stop.
#[derive(Debug)]
pub(super) struct Stopped;

/// Measures the contender of `spec`, its server on `core`. `progress` gets the thousandths that are done and returns
/// whether to go on. A server whose port another program has taken is measured once more, on another port.
pub(super) fn measure(
    plan: &Plan,
    spec: &ContenderSpec,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<MeasurementStatus, Stopped> {
    match measure_once(plan, spec, core, scenario, progress)? {
        Attempt::PortLost => match measure_once(plan, spec, core, scenario, progress)? {
            Attempt::PortLost => Ok(MeasurementStatus::Failed(ContenderFailure::NotStarted {
                reason: "another program took its port, twice".to_owned(),
                stderr: Vec::new(),
            })),
            Attempt::Done(status) => Ok(status),
        },
        Attempt::Done(status) => Ok(status),
    }
}

enum Attempt {
    Done(MeasurementStatus),
    /// The server ended, and another program listens on its port.
    PortLost,
}

fn measure_once(
    plan: &Plan,
    spec: &ContenderSpec,
    core: Option<usize>,
    scenario: &Scenario,
    progress: &mut impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Attempt, Stopped> {
    let mut server = match ContenderServer::start(spec, core, plan.timeout, &mut || progress(0)) {
        Ok(server) => server,
        Err(LaunchError::Failed(failure)) => {
            return Ok(Attempt::Done(MeasurementStatus::Failed(failure)));
        }
        Err(LaunchError::Stopped) => return Err(Stopped),
    };
    let mut observer = SamplingObserver {
        sampler: server.pid().and_then(|pid| UsageSampler::new(pid).ok()),
        progress,
        is_stopped: false,
    };
    let outcome = run_load(plan, scenario, server.address, &mut observer);
    if observer.is_stopped {
        return Err(Stopped);
    }
    let cost = observer.sampler.as_ref().and_then(server_cost);
    Ok(match values(scenario, outcome, cost, &mut server) {
        Ok(values) => Attempt::Done(MeasurementStatus::Measured(values)),
        Err(ContenderFailure::Terminated { .. }) if server.has_lost_port() => Attempt::PortLost,
        Err(failure) => Attempt::Done(MeasurementStatus::Failed(failure)),
    })
}

fn run_load(
    plan: &Plan,
    scenario: &Scenario,
    target: SocketAddr,
    observer: &mut impl LoadObserver,
) -> io::Result<LoadOutcome> {
    let load_plan = load_plan(plan, scenario, target);
    if scenario.pattern == ScenarioPattern::Fairness {
        return fairness::run(&load_plan, observer);
    }
    Ok(LoadOutcome {
        results: load::run(&load_plan, observer)?,
        flood: None,
    })
}

/// The load of `scenario` on the server at `target`.
pub(super) fn load_plan(plan: &Plan, scenario: &Scenario, target: SocketAddr) -> LoadPlan {
    LoadPlan {
        pattern: match scenario.pattern {
            ScenarioPattern::Echo | ScenarioPattern::Fairness => LoadPattern::Echo,
            ScenarioPattern::Churn => LoadPattern::Churn,
            ScenarioPattern::Idle => LoadPattern::Idle,
            ScenarioPattern::Stream => LoadPattern::Stream,
        },
        connections: scenario.connections,
        size: scenario.size,
        depth: scenario.depth,
        warm_up: plan.warm_up,
        stop_when: StopCondition::Elapsed(plan.duration),
        verify: plan.verify,
        timeout: plan.timeout,
        ..LoadPlan::new(target)
    }
}

/// Samples the usage of the server when the measurement starts and ends.
struct SamplingObserver<'a, P> {
    /// `None` if the server's process is not visible.
    sampler: Option<UsageSampler>,
    progress: &'a mut P,
    is_stopped: bool,
}

impl<P: FnMut(u64) -> ControlFlow<()>> LoadObserver for SamplingObserver<'_, P> {
    fn measurement_started(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_start);
    }

    fn measurement_ended(&mut self) {
        self.sampler.as_mut().map(UsageSampler::sample_end);
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let next = (self.progress)(progress.per_mille);
        self.is_stopped |= next.is_break();
        next
    }
}

fn server_cost(sampler: &UsageSampler) -> Option<ServerCost> {
    let (usage, memory) = (sampler.usage()?, sampler.memory()?);
    Some(ServerCost {
        user_ns: nanoseconds(usage.user),
        system_ns: nanoseconds(usage.system),
        voluntary_switches: usage.voluntary_switches,
        involuntary_switches: usage.involuntary_switches,
        threads: usage.threads,
        processes: usage.processes,
        resident_bytes_before: memory.before,
        resident_bytes: memory.bytes,
        memory_method: memory.method,
    })
}

fn values(
    scenario: &Scenario,
    outcome: io::Result<LoadOutcome>,
    cost: Option<ServerCost>,
    server: &mut ContenderServer,
) -> Result<Values, ContenderFailure> {
    let LoadOutcome { results, flood } =
        outcome.map_err(|error| ContenderFailure::NotMeasured {
            reason: format!("the load could not run: {}", os_error::describe(&error)),
        })?;
    let failure = connection_failure(&results).or_else(|| connection_failure(flood.as_ref()?));
    // Its connections are reset before its end can be seen.
    let grace = failure.as_ref().map_or(Duration::ZERO, |_| EXIT_GRACE);
    if let Some(exited) = server.exit_within(grace) {
        return Err(ContenderFailure::Terminated {
            reason: exited.to_string(),
            stderr: last_lines(&exited),
        });
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let has_messages = results.messages > 0 || scenario.pattern == ScenarioPattern::Idle;
    if !has_messages && results.elapsed >= STALLED_AFTER {
        return Err(ContenderFailure::Stalled);
    }
    let latency = results.response.as_ref().unwrap_or(&results.service);
    let quantile = |quantile| latency.quantile(quantile).map(nanoseconds);
    Ok(Values {
        elapsed_ns: nanoseconds(results.elapsed),
        messages: results.messages,
        bytes: results.bytes,
        p50_ns: quantile(0.5),
        p99_ns: quantile(0.99),
        p999_ns: quantile(0.999),
        max_ns: latency.max().map(nanoseconds),
        flood_bytes: flood.as_ref().map(|flood| flood.bytes),
        flood_elapsed_ns: flood.as_ref().map(|flood| nanoseconds(flood.elapsed)),
        server: cost,
        generator_cpu_ns: nanoseconds(results.generator.cpu),
    })
}

/// What went wrong with the connections, the most serious first.
fn connection_failure(results: &LoadResults) -> Option<ContenderFailure> {
    if let Some(mismatch) = results.first_mismatch {
        return Some(ContenderFailure::Corrupted(mismatch));
    }
    if results.failures.total() > 0 {
        return Some(ContenderFailure::ConnectionsFailed {
            failures: results.failures,
            first_timeout: results.first_timeout,
        });
    }
    let connections = results.starved as u64;
    (connections > 0).then_some(ContenderFailure::Starved { connections })
}
